"""The whole exception tree, grouped by what the caller does next.

ServiceError
├── RejectedError               change the request; never retry it as it is
│   ├── OrderNotFoundError
│   ├── TransitionNotAllowedError
│   ├── InvoiceNotFoundError
│   ├── InvalidInvoiceError
│   ├── InvalidCourierUpdateError
│   ├── InvalidListingError
│   ├── NothingToReplayError
│   ├── NothingSetAsideError
│   ├── CustomerDataNotFoundError
│   ├── PersonalDataErasedError
│   ├── InvalidSettingsError
│   ├── InvalidEventError
│   ├── MonthInUseError
│   ├── UnreadableNotificationError
│   └── IdempotencyKeyReusedError
├── ConflictError               reload and decide again
│   ├── ConcurrencyError
│   └── InvoiceConflictError
├── OrdersApiError              VTEX did not do it; its subclass says what to do next
│   ├── ThrottledError              (unavailable) hold the account, then send again
│   ├── OrdersApiUnavailableError   (unavailable) look at the order, then send again
│   ├── UnreadableAnswerError       look at the order; tell a person if it happens again
│   ├── CredentialsRefusedError     pause the account until its key is corrected
│   └── CallRefusedError            never send it again as it is
│       └── ResourceNotFoundError
├── UnavailableError            try again later, with backoff
│   ├── DatabaseUnavailableError
│   ├── BrokerUnavailableError
│   ├── EmbeddedServerError
│   └── FencedError             somebody else owns this work now: let go of it
└── UnreadableError             stop and page: we hold what we cannot read
    ├── UnreadableOrderError
    ├── UnreadableEventError
    ├── UnreadableCustomerDataError
    ├── LogCorruptedError
    ├── UnreadableArchiveError
    ├── TopicAheadError
    └── TopicGapError
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager


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


class InvalidListingError(RejectedError):
    """VTEX does not list orders like this; slice by creation date."""

    code = "invalid-listing"


class NothingToReplayError(RejectedError):
    """The call is neither parked nor refused; look at the order's calls."""

    code = "nothing-to-replay"


class NothingSetAsideError(RejectedError):
    """No such stream is set aside; see docs/howto/replay-what-was-set-aside.md."""

    code = "nothing-set-aside"


class CustomerDataNotFoundError(RejectedError):
    """No customer data is kept of this order; see docs/explanation/personal-data.md."""

    code = "customer-data-not-found"


class PersonalDataErasedError(RejectedError):
    """The order's personal data was erased, and is not taken again."""

    code = "personal-data-erased"


class InvalidSettingsError(RejectedError):
    """A setting is wrong; see docs/reference/configuration.md."""

    code = "invalid-settings"


class InvalidEventError(RejectedError):
    """An event cannot be stored as it is."""

    code = "invalid-event"


class MonthInUseError(RejectedError):
    """A month cannot leave the log yet; see docs/howto/archive-and-restore.md."""

    code = "month-in-use"


class UnreadableNotificationError(RejectedError):
    """This is no notification of VTEX's."""

    code = "unreadable-notification"


class IdempotencyKeyReusedError(RejectedError):
    """This Idempotency-Key came with another request before; use a new one."""

    code = "idempotency-key-reused"


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


class UnreadableCustomerDataError(UnreadableError):
    """Customer data does not decrypt; check ORDER_TRACKING_MASTER_KEYS."""

    code = "unreadable-customer-data"


class LogCorruptedError(UnreadableError):
    """The positions of a partition have a hole; see docs/explanation/ordering-and-delivery.md."""

    code = "log-corrupted"


class UnreadableArchiveError(UnreadableError):
    """An archived month is damaged, or of a newer version; nothing of it was restored."""

    code = "unreadable-archive"


class TopicAheadError(UnreadableError):
    """The topic holds events that the log does not; see docs/reference/topics.md."""

    code = "topic-ahead"


class TopicGapError(UnreadableError):
    """The topic lacks events that a read side needs; see docs/howto/run-several-machines.md."""

    code = "topic-gap"


class OrdersApiError(ServiceError):
    """VTEX did not do what was asked; its subclass says what to do next.

    Where *outcome_unknown* is set, VTEX may have done it all the same.
    """

    code = "orders-api"

    def __init__(self, detail: str, *, outcome_unknown: bool = False) -> None:
        super().__init__(detail)
        self.outcome_unknown = outcome_unknown


class ThrottledError(OrdersApiError, UnavailableError):
    """VTEX asks for fewer requests and did nothing; the whole account is held."""

    code = "throttled"

    def __init__(self, detail: str, *, retry_after: float) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class OrdersApiUnavailableError(OrdersApiError, UnavailableError):
    """VTEX does not answer, or answers that it failed; try again later."""

    code = "orders-api-unavailable"


class UnreadableAnswerError(OrdersApiError):
    """VTEX said that it did it, in an answer that is too large or no JSON."""

    code = "unreadable-answer"

    def __init__(self, detail: str, *, size: int, outcome_unknown: bool) -> None:
        super().__init__(detail, outcome_unknown=outcome_unknown)
        self.size = size


class CredentialsRefusedError(OrdersApiError):
    """VTEX refuses the account's credentials; correct them or their permissions."""

    code = "credentials-refused"


class CallRefusedError(OrdersApiError):
    """VTEX will not do this, however often it is asked."""

    code = "call-refused"

    def __init__(
        self, detail: str, *, status: int, vtex_code: str | None, reason: str
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.vtex_code = vtex_code
        self.reason = reason


class ResourceNotFoundError(CallRefusedError):
    """VTEX does not have this order, invoice or configuration."""

    code = "resource-not-found"


@contextmanager
def ungrouped() -> Iterator[None]:
    """Raise the `most_telling` of the errors that ended a group of tasks, by itself."""
    failure = None
    try:
        yield
    except ExceptionGroup as group:
        failure = most_telling(group.exceptions)
    if failure is not None:
        raise failure


def most_telling(failures: Iterable[Exception]) -> Exception:
    """Pick what to act on first of what failed side by side.

    What concerns more than the task that it ended, such as that something is away,
    comes before what concerns that task alone.
    """
    return min(
        failures,
        key=lambda failure: (
            not isinstance(failure, UnavailableError),
            not isinstance(failure, UnreadableError),
        ),
    )
