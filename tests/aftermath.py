"""What is left when the service has died and come back: all of it told against the sandbox."""

from collections.abc import Sequence
from typing import Any

import aiohttp

import checker
from chaos.checker import check_log, check_states, check_topic
from published import published
from service.db import Pool
from service.eventlog.records import RecordedEvent
from service.eventlog.store import PostgresEventLog
from service.project.rebuild import differences
from service.publish.kafka import EventsTopic, StateTopic, tail_positions
from traffic import STORES, Traffic


async def violations(
    shops: Traffic,
    pool: Pool,
    log: PostgresEventLog,
    *,
    topic: EventsTopic,
    shown: Sequence[dict[str, Any]],
) -> list[str]:
    """Return all that the service lost, repeated or reordered, a sentence each."""
    return [
        *shops.desk.given_up,
        *await unfinished(shops, pool, topic),
        *await set_aside(pool),
        *await differences(pool, log),
        *told_otherwise(shops, await all_events(log), shown),
        *await unsound(await all_events(log), topic),
    ]


async def unsound(events: Sequence[RecordedEvent], topic: EventsTopic) -> list[str]:
    """Return what is wrong with the log itself, and with the topics made of it."""
    found = [
        *check_log(events, partitions=topic.partitions),
        *check_topic(events, await published(topic)),
        *check_states(events, await published(states_of(topic))),
    ]
    return [str(violation) for violation in found]


async def let_time_pass(pool: Pool) -> None:
    """Spare us the time for which a dead process holds its leases: seconds to minutes.

    That they end by themselves is shown where leases and the queue of calls are tested.
    """
    await pool.execute("UPDATE eventlog.members SET expires_at = now()")
    await pool.execute(
        "UPDATE react.lanes SET next_at = now() WHERE lease_owner IS NOT NULL"
    )
    # Feed and hook are looked at every few minutes.
    await pool.execute("UPDATE ingest.configurations SET due_at = now()")


async def ended(shops: Traffic, pool: Pool, topic: EventsTopic) -> bool:
    """Say whether nothing is left to do, or something never will be done."""
    return bool(shops.desk.given_up) or not await unfinished(shops, pool, topic)


async def unfinished(shops: Traffic, pool: Pool, topic: EventsTopic) -> list[str]:
    """Return what has not come to its end, at the sandbox and in the service."""
    found = await unfinished_orders(shops)
    if not any(found.values()):
        found |= dict(await pool.fetchrow(UNHANDLED) or {})
    if not any(found.values()):
        found["events to publish"] = await unpublished(pool, topic)
    return [f"unfinished: {count} {what}" for what, count in found.items() if count]


async def unfinished_orders(shops: Traffic) -> dict[str, int]:
    """Count what has not come to its end at the sandbox."""
    found = {
        "orders to place": shops.to_place,
        "orders on their way": len(shops.unfinished()),
        "papers on their way": shops.desk.busy,
    }
    if not any(found.values()):
        found["items in the feed"] = await shops.untold()
    return found


UNHANDLED = """
    SELECT (SELECT count(*) FROM react.lanes) AS "orders with calls to make",
           (SELECT sum(p.head - coalesce(c.position, 0))::bigint
            FROM unnest(ARRAY['details', 'orders', 'reactor']) AS name
            CROSS JOIN eventlog.partitions AS p
            LEFT JOIN eventlog.checkpoints AS c
                ON c.consumer = name AND c.partition = p.partition
           ) AS "events to handle"
"""


async def unpublished(pool: Pool, topic: EventsTopic) -> int:
    """Count what the topics lack; the relays' checkpoints are hints and tell less."""
    rows = await pool.fetch("SELECT partition, head FROM eventlog.partitions")
    heads = {row["partition"]: row["head"] for row in rows}
    missing = 0
    for each in (topic, states_of(topic)):
        reached = await tail_positions(each, list(heads))
        missing += sum(head - (reached[part] or 0) for part, head in heads.items())
    return missing


def states_of(topic: EventsTopic) -> StateTopic:
    return StateTopic(
        servers=topic.servers, prefix=topic.prefix, partitions=topic.partitions
    )


async def set_aside(pool: Pool) -> list[str]:
    """Return what the service keeps for a person to look at: there is no reason to."""
    rows = await pool.fetch("""
        SELECT concat_ws(' ', 'parked', consumer, stream_id, version, reason) AS line
        FROM eventlog.parked_streams
        UNION ALL
        SELECT concat_ws(' ', 'quarantined', source, order_id, reason)
        FROM ingest.quarantine
    """)
    return [row["line"] for row in rows]


def told_otherwise(
    shops: Traffic, events: Sequence[RecordedEvent], shown: Sequence[dict[str, Any]]
) -> list[str]:
    """Compare what the service recorded, did and shows with what the sandbox saw."""
    ledger = shops.store.oms.ledger()
    facts = checker.facts_of(events)
    ours = {known.app_key for known in STORES}
    return [
        *checker.status_violations(ledger, facts),
        *checker.paper_violations(shops.desk.accepted, facts),
        *checker.call_violations(ledger, facts, ours=ours),
        *checker.outcome_violations(facts),
        *checker.order_violations(ledger, facts, ours=ours),
        *checker.repetitions(ledger, ours=ours),
        *checker.shown_violations(shops.placed, ledger, shown),
    ]


async def all_events(log: PostgresEventLog) -> list[RecordedEvent]:
    found: list[RecordedEvent] = []
    for partition, head in (await log.heads()).items():
        found += await log.read_partitions({partition: 0}, each=head)
    return found


async def shown_orders(
    http: aiohttp.ClientSession, url: str, **wanted: str
) -> list[dict[str, Any]]:
    """Page through all orders, or those *wanted*, as a client of the API does."""
    found: list[dict[str, Any]] = []
    query = {"limit": "200", **wanted}
    while True:
        async with http.get(f"{url}/v1/orders", params=query) as response:
            response.raise_for_status()
            page = await response.json()
        found += page["items"]
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]
