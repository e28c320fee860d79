"""The durable queue of outgoing calls: each order's in order, with one in flight."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from uuid import UUID

import asyncpg

from service.db import Connection, Pool, connection, load_sql
from service.errors import FencedError
from service.eventlog.records import StreamKey
from service.react import writing
from service.react.breaker import BreakerState, Signal
from service.react.calls import (
    OUTCOMES,
    Attempt,
    CallOutcome,
    CallRequest,
    ClaimedCall,
    NewCall,
)
from service.react.retry import PATIENCE
from service.react.together import Together
from service.react.verdicts import Verdict
from service.react.writing import Ended, Told

LEASE: Final = timedelta(minutes=2)
"""After which a call whose process fell silent is taken up by another."""

_ENQUEUE = load_sql("service.react", "enqueue_calls")
_CLAIM = load_sql("service.react", "claim_calls")
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
        self._ended = Together(partial(writing.record, pool))
        self._told = Together(partial(writing.settle, pool))

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

        The same again, after an error that left open whether it is kept, is harmless.

        Raises:
            FencedError: The lease was lost; somebody else has the call now.
        """
        ended = Ended(
            call=call,
            attempts=verdict.attempts,
            outcome=verdict.outcome,
            again_at=verdict.again_at,
            unsure=verdict.unsure,
            signal=verdict.signal,
            attempt=attempt,
            at=attempt.ended_at,
        )
        if not await self._ended.put(ended):
            raise _lost(call)

    async def give_up(
        self, call: ClaimedCall, outcome: CallOutcome, *, now: datetime
    ) -> None:
        """Keep the *outcome* of a call that was not sent.

        Raises:
            FencedError: The lease was lost; somebody else has the call now.
        """
        unasked = Signal(health="unasked")
        ended = Ended(
            call=call,
            attempts=outcome.attempts,
            outcome=outcome,
            signal=unasked,
            at=now,
        )
        if not await self._ended.put(ended):
            raise _lost(call)

    async def settle(
        self, call: ClaimedCall, outcome: CallOutcome, *, now: datetime
    ) -> None:
        """Take the call out of the queue, once the log holds its outcome.

        Raises:
            FencedError: The lease was lost; somebody else settles the call.
        """
        if not await self._told.put(Told(call=call, outcome=outcome, at=now)):
            raise _lost(call)

    async def depths(self) -> list[Depth]:
        """Count each account's calls."""
        async with connection(self._pool) as lent:
            return [Depth(**dict(row)) for row in await lent.fetch(_MEASURE)]


def _lost(call: ClaimedCall) -> FencedError:
    return FencedError(
        f"The lease of call {call.call_id} ran out; another process took the call up."
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
