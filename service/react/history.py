"""What is shown of an order's calls."""

from collections import defaultdict
from uuid import UUID

import asyncpg

from service.db import Pool, connection, load_sql
from service.react.calls import Attempt, CallRecord, CallRequest

_CALLS = load_sql("service.react", "calls_of_order")
_ATTEMPTS = load_sql("service.react", "attempts_of_order")


async def calls_of(pool: Pool, account: str, order_id: str) -> list[CallRecord]:
    """Return the order's calls, each with its attempts, in the order of their causes."""
    async with connection(pool) as lent:
        calls = await lent.fetch(_CALLS, account, order_id)
        attempts = await lent.fetch(_ATTEMPTS, account, order_id)
    made: defaultdict[UUID, list[Attempt]] = defaultdict(list)
    for row in attempts:
        made[row["call_id"]].append(_attempt(row))
    return [_record(row, made[row["call_id"]]) for row in calls]


def _attempt(row: asyncpg.Record) -> Attempt:
    fields = dict(row)
    del fields["call_id"]
    if fields["retry_after"] is not None:
        fields["retry_after"] = fields["retry_after"].total_seconds()
    return Attempt(**fields)


def _record(row: asyncpg.Record, attempts: list[Attempt]) -> CallRecord:
    request = CallRequest.model_validate_json(row["request"])
    return CallRecord(**dict(row) | {"request": request, "history": tuple(attempts)})
