"""The durable queue of outgoing calls: each order's in order, with one in flight."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from service.db import Connection, Pool, connection, load_sql, transaction
from service.errors import FencedError
from service.eventlog.records import StreamKey
from service.failpoints import reached
from service.react.breaker import BreakerState, Destination, Signal
from service.react.calls import (
    OUTCOMES,
    STATE_AFTER,
    Attempt,
    CallOutcome,
    CallRequest,
    ClaimedCall,
    NewCall,
)
from service.react.retry import PATIENCE
from service.react.verdicts import Verdict

LEASE: Final = timedelta(minutes=2)
"""After which a call whose process fell silent is taken up by another."""

_ENQUEUE = load_sql("service.react", "enqueue_calls")
_CLAIM = load_sql("service.react", "claim_calls")
_HOLD_LANE = load_sql("service.react", "hold_lane")
_INSERT_ATTEMPT = load_sql("service.react", "insert_attempt")
_KEEP_OUTCOME = load_sql("service.react", "keep_outcome")
_POSTPONE = load_sql("service.react", "postpone_call")
_SETTLE = load_sql("service.react", "settle_call")
_PASS_LANE = load_sql("service.react", "pass_lane")
_LOCK_DESTINATION = load_sql("service.react", "lock_destination")
_SAVE_DESTINATION = load_sql("service.react", "save_destination")
_REPLAY = load_sql("service.react", "replay_call")
_MEASURE = load_sql("service.react", "measure_queue")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one process has of an account's calls, and may yet take."""

    account: str
    in_flight: int
    room: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How an account's calls stand, in all processes together."""

    account: str
    waiting: int
    in_flight: int
    oldest: datetime | None
    breaker: BreakerState
    paused_until: datetime | None


async def enqueue(
    connection: Connection, calls: Sequence[NewCall], *, now: datetime
) -> None:
    """Put *calls* into the queue in the connection's transaction, each once."""
    await connection.execute(
        _ENQUEUE,
        [call.call_id for call in calls],
        [call.stream_id for call in calls],
        [call.stream.account for call in calls],
        [call.stream.order_id for call in calls],
        [call.cause_version for call in calls],
        [call.planned.kind for call in calls],
        [call.planned.request.model_dump_json() for call in calls],
        [PATIENCE[call.planned.kind] for call in calls],
        [call.correlation_id for call in calls],
        [call.traceparent for call in calls],
        now,
    )


async def replay(pool: Pool, call_id: UUID, *, now: datetime) -> list[UUID]:
    """Put a refused or parked call back; nothing is returned if it is neither.

    With an invoice, the parked calls about it come back as well.
    """
    async with connection(pool) as lent:
        return [row["call_id"] for row in await lent.fetch(_REPLAY, call_id, now)]


class CallQueue:
    """Hands out calls, and takes back what came of them.

    A call belongs to whoever holds the lease of its order's lane. Every write here
    checks the lease's token, so a process that lost it changes nothing.
    """

    def __init__(self, pool: Pool, *, owner: str) -> None:
        self._pool = pool
        self._owner = owner
        # Who waits for the row of an account does so here, and keeps no connection.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def claim(
        self, shares: Sequence[Share], *, at_most: int, now: datetime
    ) -> list[ClaimedCall]:
        """Lease the orders whose turn it is, and return each one's oldest call.

        On return the calls are durably marked as being sent.
        """
        until = now + LEASE
        async with connection(self._pool, "call.claim") as lent:
            rows = await lent.fetch(
                _CLAIM,
                [share.account for share in shares],
                [share.in_flight for share in shares],
                [share.room for share in shares],
                at_most,
                self._owner,
                now,
                until,
            )
        return [_claimed(row, until) for row in rows]

    async def record(
        self, call: ClaimedCall, verdict: Verdict, attempt: Attempt
    ) -> None:
        """Keep what came of an attempt, and what it tells about the account.

        Raises:
            FencedError: The lease was lost; somebody else has the call now.
        """
        async with (
            self._turns[call.stream.account],
            transaction(self._pool, "call.record") as lent,
        ):
            held = await lent.fetchval(_HOLD_LANE, call.stream_id, call.lease_token)
            # Even of a lost lease: the request was made.
            await lent.execute(_INSERT_ATTEMPT, *_attempt_columns(call, attempt))
            if held:
                await _apply(lent, call, verdict)
            await _observe(lent, call, verdict.signal, now=attempt.ended_at)
        if not held:
            raise _lost(call)

    async def give_up(
        self, call: ClaimedCall, outcome: CallOutcome, *, now: datetime
    ) -> None:
        """Keep the *outcome* of a call that was not sent.

        Raises:
            FencedError: The lease was lost; somebody else has the call now.
        """
        async with self._turns[call.stream.account], transaction(self._pool) as lent:
            await _hold(lent, call)
            await _keep(lent, call, outcome)
            await _observe(lent, call, Signal(health="unasked"), now=now)

    async def settle(
        self, call: ClaimedCall, outcome: CallOutcome, *, now: datetime
    ) -> None:
        """Take the call out of the queue, once the log holds its outcome.

        Raises:
            FencedError: The lease was lost; somebody else settles the call.
        """
        async with transaction(self._pool, "call.settle") as lent:
            await _hold(lent, call)
            await lent.execute(_SETTLE, call.call_id, STATE_AFTER[outcome.type], now)
            reached("call.lane-held")
            await lent.execute(_PASS_LANE, call.stream_id, now)

    async def depths(self) -> list[Depth]:
        """Count each account's calls."""
        async with connection(self._pool) as lent:
            return [Depth(**dict(row)) for row in await lent.fetch(_MEASURE)]


async def _hold(connection: Connection, call: ClaimedCall) -> None:
    if not await connection.fetchval(_HOLD_LANE, call.stream_id, call.lease_token):
        raise _lost(call)


def _lost(call: ClaimedCall) -> FencedError:
    return FencedError(
        f"The lease of call {call.call_id} ran out; another process took the call up."
    )


async def _apply(connection: Connection, call: ClaimedCall, verdict: Verdict) -> None:
    if verdict.outcome is not None:
        await _keep(connection, call, verdict.outcome)
        return
    await connection.execute(
        _POSTPONE,
        call.call_id,
        verdict.attempts,
        "unknown" if verdict.unsure else "pending",
        verdict.again_at,
    )


async def _keep(
    connection: Connection, call: ClaimedCall, outcome: CallOutcome
) -> None:
    await connection.execute(
        _KEEP_OUTCOME, call.call_id, outcome.attempts, outcome.model_dump_json()
    )


async def _observe(
    connection: Connection, call: ClaimedCall, signal: Signal, *, now: datetime
) -> None:
    row = await connection.fetchrow(_LOCK_DESTINATION, call.stream.account)
    known = Destination(**dict(row)) if row is not None else Destination()
    found = known.after(signal, now)
    if found != known:
        await connection.execute(
            _SAVE_DESTINATION, call.stream.account, *astuple(found)
        )


def _attempt_columns(call: ClaimedCall, attempt: Attempt) -> tuple[object, ...]:
    retry_after = attempt.retry_after
    return (
        call.call_id,
        call.lease_token,
        attempt.result,
        attempt.started_at,
        attempt.ended_at,
        attempt.http_status,
        attempt.error,
        attempt.response,
        None if retry_after is None else timedelta(seconds=retry_after),
        attempt.trace_id,
    )


def _claimed(row: asyncpg.Record, lease_until: datetime) -> ClaimedCall:
    return ClaimedCall(
        call_id=row["call_id"],
        stream=StreamKey(row["account"], row["order_id"]),
        stream_id=row["stream_id"],
        cause_version=row["cause_version"],
        kind=row["kind"],
        request=CallRequest.model_validate_json(row["request"]),
        attempts=row["attempts"],
        deadline=row["deadline"],
        replays=row["replays"],
        correlation_id=row["correlation_id"],
        traceparent=row["traceparent"],
        outcome=row["outcome"] and OUTCOMES.validate_json(row["outcome"]),
        outcome_unknown=row["outcome_unknown"],
        waits_for_invoice=row["waits_for_invoice"],
        lease_token=row["lease_token"],
        lease_until=lease_until,
    )
