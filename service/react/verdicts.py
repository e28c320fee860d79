"""What follows from one attempt at a call: for the call, and for its account; pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from random import Random
from typing import Final

from service.domain.facts import CallParked, CallRefused, CallSucceeded
from service.errors import (
    CallRefusedError,
    CredentialsRefusedError,
    ServiceError,
    ThrottledError,
)
from service.orders_api.receipt import Receipt
from service.react.breaker import BARRED_FOR, Signal
from service.react.calls import AttemptResult, CallOutcome, ClaimedCall
from service.react.precautions import Obstacle
from service.react.retry import CAP, backoff

_ANSWERED: Final = Signal(health="answered")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Either an *outcome*, which is final, or another try *again_at*."""

    result: AttemptResult
    signal: Signal
    attempts: int
    """How often the call was sent by now."""
    outcome: CallOutcome | None = None
    again_at: datetime | None = None
    unsure: bool = False
    """The next try looks at the order before it sends."""
    http_status: int | None = None
    error: str | None = None
    response: str | None = None


def succeeded(call: ClaimedCall, receipt: Receipt) -> Verdict:
    """VTEX did it."""
    return Verdict(
        result="succeeded",
        signal=_ANSWERED,
        attempts=call.attempts + 1,
        outcome=_success(call, call.attempts + 1, receipt),
        http_status=receipt.http_status,
    )


def found_done(call: ClaimedCall, *, attempts: int) -> Verdict:
    """A look at the order showed that VTEX had done it before."""
    return Verdict(
        result="found-done",
        signal=_ANSWERED,
        attempts=attempts,
        outcome=_success(call, attempts, None),
    )


def parked(call: ClaimedCall, reason: str) -> CallParked:
    """Give *call* up for now; a person may replay it."""
    return CallParked(
        call_id=str(call.call_id),
        kind=call.kind,
        cause_version=call.cause_version,
        attempts=call.attempts,
        reason=reason,
    )


def too_late(call: ClaimedCall) -> str:
    """Say why a call is given up at its deadline."""
    return f"not done by {call.deadline.isoformat()}, in {call.attempts} attempts"


def refused(call: ClaimedCall, error: CallRefusedError) -> Verdict:
    """VTEX will not do it, however often it is asked."""
    return Verdict(
        result="refused",
        signal=_ANSWERED,
        attempts=call.attempts + 1,
        outcome=CallRefused(
            call_id=str(call.call_id),
            kind=call.kind,
            cause_version=call.cause_version,
            attempts=call.attempts + 1,
            http_status=error.status,
            code=error.vtex_code,
            reason=error.reason,
        ),
        http_status=error.status,
        error=error.code,
        response=error.reason,
    )


def expired(call: ClaimedCall) -> Verdict:
    """A look at the order came after the deadline, and showed that VTEX never did it."""
    return Verdict(
        result="failed",
        signal=_ANSWERED,
        attempts=call.attempts,
        outcome=parked(call, too_late(call)),
    )


def hindered(call: ClaimedCall, obstacle: Obstacle, *, now: datetime) -> Verdict:
    """The order is not what it was when the call was planned."""
    verdict = Verdict(
        result="hindered",
        signal=_ANSWERED,
        attempts=call.attempts,
        unsure=call.outcome_unknown,
        response=obstacle.reason,
    )
    again_at = now + timedelta(seconds=CAP)
    if obstacle.then == "wait" and again_at < call.deadline:
        return replace(verdict, again_at=again_at)
    reason = f"not sent: {obstacle.reason}"
    if obstacle.then == "refuse":
        return replace(verdict, outcome=_refusal_of_ours(call, reason))
    return replace(verdict, outcome=parked(call, reason))


def failed(
    call: ClaimedCall, error: ServiceError, *, unsure: bool, now: datetime, rng: Random
) -> Verdict:
    """Nothing came of it: try again, unless the deadline comes first.

    One whose outcome is unknown is not given up before a look after the deadline.
    """
    attempts = call.attempts + 1
    verdict = Verdict(
        result="failed",
        signal=Signal(health="failed", why=str(error)),
        attempts=attempts,
        unsure=unsure,
        error=error.code,
        response=str(error),
    )
    again_at = now + backoff(attempts, rng)
    if again_at < call.deadline or (unsure and now < call.deadline):
        return replace(verdict, again_at=again_at)
    reason = f"given up after {attempts} attempts; the last: {error}"
    return replace(verdict, outcome=parked(replace(call, attempts=attempts), reason))


def held(
    call: ClaimedCall,
    error: ThrottledError | CredentialsRefusedError,
    *,
    unsure: bool,
    now: datetime,
) -> Verdict:
    """VTEX takes nothing from the account at all: this was no attempt."""
    if isinstance(error, ThrottledError):
        hold = timedelta(seconds=error.retry_after)
        signal = Signal(health="throttled", hold=hold, why=str(error))
    else:
        signal = Signal(health="barred", hold=BARRED_FOR, why=str(error))
    return Verdict(
        result="held",
        signal=signal,
        attempts=call.attempts,
        # The account's pause is what counts: the call itself is due at once.
        again_at=now,
        unsure=unsure,
        error=error.code,
        response=str(error),
    )


def _refusal_of_ours(call: ClaimedCall, reason: str) -> CallRefused:
    # Not parked: that frees the invoice's number, so that it can be corrected.
    return CallRefused(
        call_id=str(call.call_id),
        kind=call.kind,
        cause_version=call.cause_version,
        attempts=call.attempts,
        http_status=HTTPStatus.CONFLICT,
        code=None,
        reason=reason,
    )


def _success(
    call: ClaimedCall, attempts: int, receipt: Receipt | None
) -> CallSucceeded:
    return CallSucceeded(
        call_id=str(call.call_id),
        kind=call.kind,
        cause_version=call.cause_version,
        attempts=attempts,
        receipt=receipt and receipt.receipt,
        http_status=receipt and receipt.http_status,
    )
