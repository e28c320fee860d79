"""What VTEX tells about an order's status, the same whether by feed or by hook."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic.fields import FieldInfo

from service.domain import raw
from service.domain.facts import OrderStatusReported, StatusSource
from service.errors import UnreadableNotificationError
from service.eventlog.records import Append, Metadata, NewEvent, StreamKey


def _moment(value: object) -> datetime | None:
    moment = raw.moment(value)
    if moment is None and value is not None:
        raise ValueError("is not a time")
    return moment


def _spelt(*names: str) -> FieldInfo:
    field: FieldInfo = Field(validation_alias=AliasChoices(*names))
    return field


_Words = Annotated[
    str, StringConstraints(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
]
# No slash and no leading dot: the id becomes a segment of the address of calls.
_OrderId = Annotated[str, StringConstraints(pattern=r"^\w[^\s/\x00-\x1f\x7f]{0,199}$")]


class Notification(BaseModel):
    """A change of status; the feed spells its fields in camel, the hook in Pascal.

    The old feed has words of its own for status and date.
    """

    model_config = ConfigDict(frozen=True)

    order_id: Annotated[_OrderId, _spelt("orderId", "OrderId")]
    state: Annotated[_Words | None, _spelt("state", "State", "status")]
    last_state: Annotated[_Words | None, _spelt("lastState", "LastState")] = None
    domain: Annotated[_Words | None, _spelt("domain", "Domain")] = None
    last_change: Annotated[
        datetime | None,
        BeforeValidator(_moment),
        _spelt("lastChange", "LastChange", "dateTime"),
    ] = None

    @classmethod
    def read(cls, content: object) -> Self:
        """Read a feed item or the body of a hook.

        Raises:
            UnreadableNotificationError: Says what is wrong with which field.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise UnreadableNotificationError(_faults(error)) from None

    @property
    def key(self) -> str:
        """What makes this change the same, however often and on whatever way it comes.

        Never the feed's event id or handle: those differ from one receipt to the next.
        """
        at = self.last_change.isoformat() if self.last_change else ""
        return f"feed:{self.order_id}:{self.state}:{at}"


def _faults(error: ValidationError) -> str:
    # Without the input: it may be anything.
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False)
    )


def append_of(
    account: str,
    notifications: Sequence[Notification],
    *,
    source: StatusSource,
    received_at: datetime,
) -> Append:
    """Return the append that records *notifications*, all of one order."""
    # A queue promises no order; within a lot, their own dates give one.
    oldest_first = sorted(
        {notification.key: notification for notification in notifications}.items(),
        key=lambda entry: entry[1].last_change or received_at,
    )
    return Append(
        stream=StreamKey(account, notifications[0].order_id),
        events=[
            NewEvent(
                fact=OrderStatusReported(
                    state=notification.state,
                    last_state=notification.last_state,
                    domain=notification.domain,
                    last_change=notification.last_change,
                    source=source,
                ),
                key=key,
                occurred_at=notification.last_change or received_at,
                metadata=Metadata(correlation_id=key, source=source),
            )
            for key, notification in oldest_first
        ],
    )
