"""What the writers write: facts that their keys alone determine, and who writes where."""

from datetime import UTC, datetime, timedelta
from random import Random

from pydantic import BaseModel, ConfigDict

from service.domain.facts import (
    Checkpoint,
    CourierUpdateReceived,
    HandlingRequested,
    OrderFact,
    OrderStatusReported,
    TrackingNumberAssigned,
)
from service.eventlog.records import Append, Metadata, NewEvent, StreamKey

ACCOUNT = "chaos"
"""Of the orders of the writers; no service follows it."""

_START = datetime(2026, 3, 1, tzinfo=UTC)
_STATES = (
    *("order-created", "payment-pending", "payment-approved", "ready-for-handling"),
    *("handling", "invoiced", "canceled", "window-to-cancel", "never-heard-of"),
)


class Orders(BaseModel):
    """What a writer process is told: where, as whom, and how much of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dsn: str
    history: str
    partitions: int
    number: int
    seed: int
    streams: int
    per_second: float
    """Appends that it begins, as long as they are answered in time."""
    at_once: int = 32


def append_of(
    stream: StreamKey, keys: tuple[str, ...], *, expected: int | None
) -> Append:
    """Return the append of *keys*: the same ones whenever they are asked for."""
    return Append(
        stream=stream, events=[_event(key) for key in keys], expected=expected
    )


def _event(key: str) -> NewEvent:
    rng = Random(key)
    at = _START + timedelta(milliseconds=rng.randrange(10**10))
    return NewEvent(
        fact=_fact(key, at, rng),
        key=key,
        occurred_at=at,
        metadata=Metadata(correlation_id=f"chain-{key}", source="chaos"),
    )


def _fact(key: str, at: datetime, rng: Random) -> OrderFact:
    match rng.randrange(10):
        case 0:
            return HandlingRequested(requested_by=key)
        case 1:
            return TrackingNumberAssigned(
                invoice_number="1",
                tracking_number=key,
                tracking_url=f"https://track.example/{key}",
                courier="Correios",
                dispatched_date=at,
            )
        case 2 | 3:
            words = Checkpoint(description=f"Objeto {key}", at=at, city="Recife")
            return CourierUpdateReceived(
                invoice_number="1",
                is_delivered=False,
                delivered_at=None,
                checkpoints=(words,),
            )
        case _:
            return OrderStatusReported(
                state=rng.choice(_STATES),
                last_state=rng.choice(_STATES),
                domain="Fulfillment",
                last_change=at,
                source="feed",
            )
