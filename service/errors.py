"""The whole exception tree, grouped by what the caller does next.

ServiceError
├── RejectedError               change the request; never retry it as it is
│   ├── OrderNotFoundError
│   ├── TransitionNotAllowedError
│   ├── InvoiceNotFoundError
│   ├── InvalidInvoiceError
│   ├── InvalidCourierUpdateError
│   ├── InvalidSettingsError
│   └── InvalidEventError
├── ConflictError               reload and decide again
│   ├── ConcurrencyError
│   └── InvoiceConflictError
├── UnavailableError            try again later, with backoff
│   ├── DatabaseUnavailableError
│   ├── BrokerUnavailableError
│   ├── EmbeddedServerError
│   └── FencedError             somebody else owns this work now: let go of it
└── UnreadableError             stop and page: we hold what we cannot read
    ├── UnreadableOrderError
    ├── UnreadableEventError
    └── LogCorruptedError
"""


class ServiceError(Exception):
    """Something went wrong in the order-tracking service."""

    code = "service"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail or (self.__doc__ or "").strip())


class RejectedError(ServiceError):
    """The request cannot be carried out as it is; change it before sending again."""

    code = "rejected"


class OrderNotFoundError(RejectedError):
    """No such order is known yet; check the account and the order id."""

    code = "order-not-found"


class TransitionNotAllowedError(RejectedError):
    """The order is in a state that does not allow this."""

    code = "transition-not-allowed"


class InvoiceNotFoundError(RejectedError):
    """The order has no invoice of this number; issue the invoice first."""

    code = "invoice-not-found"


class InvalidInvoiceError(RejectedError):
    """The invoice does not fit the order; correct it before sending it again."""

    code = "invalid-invoice"


class InvalidCourierUpdateError(RejectedError):
    """The courier update contradicts itself or the package; correct it."""

    code = "invalid-courier-update"


class InvalidSettingsError(RejectedError):
    """A setting is wrong; see docs/reference/configuration.md."""

    code = "invalid-settings"


class InvalidEventError(RejectedError):
    """An event cannot be stored as it is."""

    code = "invalid-event"


class ConflictError(ServiceError):
    """Somebody else was quicker; reload and decide again."""

    code = "conflict"


class ConcurrencyError(ConflictError):
    """The stream is not at the expected version; reload and decide again."""

    code = "concurrency"


class InvoiceConflictError(ConflictError):
    """This invoice number was already used with other content; use another number."""

    code = "invoice-conflict"


class UnavailableError(ServiceError):
    """A part that is needed is away for now; try again later."""

    code = "unavailable"


class DatabaseUnavailableError(UnavailableError):
    """PostgreSQL does not answer; check ORDER_TRACKING_POSTGRES_DSN."""

    code = "database-unavailable"


class BrokerUnavailableError(UnavailableError):
    """Kafka does not answer; check ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS."""

    code = "broker-unavailable"


class EmbeddedServerError(UnavailableError):
    """An embedded server could not be started."""

    code = "embedded-server"


class FencedError(UnavailableError):
    """Another process owns these partitions now; this one lets go of them."""

    code = "fenced"


class UnreadableError(ServiceError):
    """We hold something that this version cannot read."""

    code = "unreadable"


class UnreadableOrderError(UnreadableError):
    """This is not an order document: not a JSON object, or without an orderId."""

    code = "unreadable-order"


class UnreadableEventError(UnreadableError):
    """The log holds an event that this version cannot read; run a newer version."""

    code = "unreadable-event"


class LogCorruptedError(UnreadableError):
    """The positions of a partition have a hole; see docs/explanation/ordering.md."""

    code = "log-corrupted"
