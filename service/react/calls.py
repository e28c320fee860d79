"""A call to VTEX on its way: as a policy plans it, as it waits, as it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

from service.domain.facts import CallKind, CallParked, CallRefused, CallSucceeded
from service.eventlog.records import StreamKey

CallState = Literal["pending", "sending", "unknown", "done", "refused", "parked"]
CallOutcome = Annotated[
    CallSucceeded | CallRefused | CallParked, Field(discriminator="type")
]
AttemptResult = Literal[
    "succeeded", "found-done", "refused", "failed", "held", "hindered"
]

OUTCOMES: Final[TypeAdapter[CallOutcome]] = TypeAdapter(CallOutcome)
STATE_AFTER: Final[Mapping[str, CallState]] = {
    "CallSucceeded": "done",
    "CallRefused": "refused",
    "CallParked": "parked",
}

_CALLS: Final = UUID("6f2a7f0e-5d0c-5b1e-9c55-0d4e6f1b7a10")


class CallRequest(BaseModel):
    """What is sent, besides the order's id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["POST", "PATCH", "PUT"]
    invoice_number: str | None = None
    """The invoice it is about; part of the path, except where it is created."""
    body: Mapping[str, JsonValue] | None = None
    refuses_cancellation: bool = False
    """Whoever issued the invoice knew that the order is to be cancelled."""
    confirms_cancellation: bool = False
    """VTEX had taken the wish to cancel already, and waits to be told again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """What a fact leads to."""

    kind: CallKind
    request: CallRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCall:
    """A planned call with its cause, ready for the queue."""

    planned: PlannedCall
    stream: StreamKey
    stream_id: UUID
    cause_version: int
    correlation_id: str
    traceparent: str | None

    @property
    def call_id(self) -> UUID:
        """The same for the same cause, however often it is handled."""
        name = f"{self.stream_id}/{self.cause_version}/{self.planned.kind}"
        return uuid5(_CALLS, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedCall:
    """A call that this process alone may make, until *lease_until*.

    *outcome* is set when it was made already, and only the log is still to be told.
    """

    call_id: UUID
    stream: StreamKey
    stream_id: UUID
    cause_version: int
    kind: CallKind
    request: CallRequest
    attempts: int
    deadline: datetime
    replays: int
    correlation_id: str
    traceparent: str | None
    outcome: CallOutcome | None
    outcome_unknown: bool
    """An earlier attempt may have reached VTEX: look before sending."""
    waits_for_invoice: bool
    """The invoice it is about was refused or parked."""
    lease_token: int
    lease_until: datetime


class Attempt(BaseModel):
    """One attempt at a call, as far as it came."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    result: AttemptResult
    started_at: datetime
    ended_at: datetime
    http_status: int | None = None
    error: str | None = None
    """Our code of what went wrong."""
    response: str | None = None
    """What VTEX said, shortened and without personal data."""
    retry_after: float | None = None
    """Seconds for which the account was held."""
    trace_id: str | None = None


class CallRecord(BaseModel):
    """A call as it is shown, with every attempt at it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    call_id: UUID
    kind: CallKind
    cause_version: int
    state: CallState
    request: CallRequest
    attempts: int
    """How often it was sent; being held by VTEX does not count."""
    created_at: datetime
    next_at: datetime | None
    """When it is tried (again); null behind another call, and when it is settled."""
    deadline: datetime | None
    """When it is given up; null until it is first tried."""
    settled_at: datetime | None
    reason: str | None
    """Why it was refused or parked."""
    history: tuple[Attempt, ...]
