"""What workers write of their calls: of many calls at a time, in one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta

from service.db import Connection, Pool, load_sql, transaction
from service.failpoints import reached
from service.react.breaker import Destination, Signal
from service.react.calls import STATE_AFTER, Attempt, CallOutcome, ClaimedCall

_RECORD = load_sql("service.react", "record_attempts")
_LOCK_DESTINATIONS = load_sql("service.react", "lock_destinations")
_SAVE_DESTINATIONS = load_sql("service.react", "save_destinations")
_SETTLE = load_sql("service.react", "settle_calls")
_PASS_LANES = load_sql("service.react", "pass_lanes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A call that a worker has done with: for good, or until *again_at*.

    There is no *attempt* where no request was made.
    """

    call: ClaimedCall
    attempts: int
    outcome: CallOutcome | None
    again_at: datetime | None = None
    unsure: bool = False
    signal: Signal
    attempt: Attempt | None = None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A call whose *outcome* the log holds."""

    call: ClaimedCall
    outcome: CallOutcome
    at: datetime


async def record(pool: Pool, ended: Sequence[Ended]) -> list[bool]:
    """Keep what came of calls, and say of each whether its lease was held still."""
    async with transaction(pool, "call.record") as lent:
        rows = await lent.fetch(_RECORD, *_columns(map(_ended_row, ended)))
        found = {row["lease_token"]: row for row in rows}
        news = [each for each in ended if found[each.call.lease_token]["is_news"]]
        await _observe(lent, news)
    return [found[each.call.lease_token]["is_held"] for each in ended]


async def settle(pool: Pool, told: Sequence[Told]) -> list[bool]:
    """Take calls out of the queue, and say of each whether its lease was held still."""
    async with transaction(pool, "call.settle") as lent:
        rows = await lent.fetch(_SETTLE, *_columns(map(_told_row, told)))
        held = {row["lease_token"] for row in rows}
        reached("call.lane-held")
        settled = [each for each in told if each.call.lease_token in held]
        await lent.execute(
            _PASS_LANES,
            [each.call.stream_id for each in settled],
            [each.at for each in settled],
        )
    return [each.call.lease_token in held for each in told]


async def _observe(connection: Connection, ended: Iterable[Ended]) -> None:
    told: defaultdict[str, list[Ended]] = defaultdict(list)
    for each in ended:
        told[each.call.stream.account].append(each)
    # Last of all: whoever holds these rows holds up the account's other processes.
    rows = await connection.fetch(_LOCK_DESTINATIONS, list(told))
    changed = []
    for row in rows:
        columns = dict(row)
        account = columns.pop("account")
        found = known = Destination(**columns)
        for each in told[account]:
            found = found.after(each.signal, each.at)
        if found != known:
            changed.append((account, *astuple(found)))
    if changed:
        await connection.execute(_SAVE_DESTINATIONS, *_columns(changed))


def _columns(rows: Iterable[tuple[object, ...]]) -> Iterable[tuple[object, ...]]:
    return zip(*rows, strict=True)


def _ended_row(ended: Ended) -> tuple[object, ...]:
    call, outcome = ended.call, ended.outcome
    return (
        call.stream_id,
        call.lease_token,
        call.call_id,
        ended.attempts,
        None if outcome is None else outcome.model_dump_json(),
        None if outcome is not None else "unknown" if ended.unsure else "pending",
        ended.again_at,
        *_attempt_row(ended.attempt),
    )


def _attempt_row(attempt: Attempt | None) -> tuple[object, ...]:
    if attempt is None:
        return (None,) * 8
    retry_after = attempt.retry_after
    return (
        attempt.result,
        attempt.started_at,
        attempt.ended_at,
        attempt.http_status,
        attempt.error,
        attempt.response,
        None if retry_after is None else timedelta(seconds=retry_after),
        attempt.trace_id,
    )


def _told_row(told: Told) -> tuple[object, ...]:
    call = told.call
    state = STATE_AFTER[told.outcome.type]
    return call.stream_id, call.lease_token, call.call_id, state, told.at
