"""Orders of all four flows, with everything at VTEX going wrong now and then, end well."""

import asyncio
import gc
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

import checker
from aftermath import UNHANDLED, all_events, shown_orders, states_of, unsound
from conftest import PARTITIONS
from eventually import eventually
from processes import free_port, run, running
from recording_desk import RecordingDesk, recorded
from service.db import Pool
from service.eventlog.store import PostgresEventLog
from service.garbage import collect_seldom
from service.publish.kafka import EventsTopic, tail_positions
from service.sandbox.accounts import Credentials, credentials_of
from service.sandbox.fault_rules import FaultRule
from service.sandbox.invention import Wish
from service.sandbox.orders import Order
from service.sandbox.server import Sandbox, sandbox

SEED: Final = 20_261_121
RATE: Final = 0.02
"""How often each fault strikes, where it can."""

SPEED: Final = 300.0
STORES: Final = [credentials_of(f"store{number}") for number in range(1, 41)]
"""So many, because each failure of VTEX makes the service leave its account alone."""

PACE: Final = 36
"""Purchases a second; all at once would show how long VTEX waits for an answer, not ours."""

AT_ONCE: Final = 5000
"""Purchases that may be on their way before further ones are made."""

ROLES: Final = ("ingest", "react", "publish,project,read")
"""What each process of the service does."""

SECRET: Final = "a-hook-secret-of-the-soak"  # noqa: S105 - it opens nothing
PATIENCE: Final = 1800.0
SETTLING: Final = 90.0
"""Seconds that the service gets when nothing goes wrong any more; a 429 holds it for 60."""
_SOON: Final = timedelta(minutes=10)

WISHES: Final = (
    Wish(flow="complete"),
    Wish(flow="marketplace"),
    Wish(flow="chain"),
    Wish(flow="complete", channel="pickup-in-point"),
    Wish(flow="marketplace", sellers=2),
    Wish(flow="marketplace", external_seller=True),
    Wish(flow="any"),
)
"""What is bought, in turn; each sale of the marketplace has its seller's order beside it."""

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.kafka,
    pytest.mark.timeout(PATIENCE + 300),
]


@pytest.fixture
def topic(kafka_servers: str, topic_prefix: str) -> EventsTopic:
    return EventsTopic(
        servers=kafka_servers, prefix=topic_prefix, partitions=PARTITIONS
    )


@pytest.fixture
def as_a_command() -> Iterator[None]:
    """Look for garbage as seldom as the command `sandbox` does among all its orders."""
    threshold = gc.get_threshold()
    collect_seldom()
    yield
    gc.set_threshold(*threshold)
    gc.unfreeze()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shops:
    """Stores of a sandbox, and what they sell."""

    store: Sandbox
    desk: RecordingDesk
    wanted: int
    """Orders, of which a purchase may make several."""
    _under_way: list[Order] = field(default_factory=list)
    _purchases: Iterator[int] = field(default_factory=count)

    async def sell(self) -> None:
        """Place all orders, no more at a time than may be on their way."""
        while self.missing > 0:
            room = AT_ONCE - self._still_under_way()
            # Half as many again come of themselves, as orders of sellers.
            for _ in range(min(PACE, room, (self.missing + 1) // 2)):
                self._under_way.append(self._purchase(next(self._purchases)))
            await asyncio.sleep(1)

    @property
    def missing(self) -> int:
        return self.wanted - sum(1 for _ in self.store.oms.orders())

    def _purchase(self, number: int) -> Order:
        account = STORES[number % len(STORES)].account
        wish = WISHES[number // len(STORES) % len(WISHES)]
        return self.store.oms.place_order(account, wish)

    def _still_under_way(self) -> int:
        # What the merchant gave up stays where it is.
        since = self.store.clock.now() - _SOON
        self._under_way[:] = [
            order
            for order in self._under_way
            if order.changed_at > since and not _is_over(order)
        ]
        return len(self._under_way)

    def waiting(self) -> Counter[str]:
        """Return what is still to happen at the sandbox."""
        oms, merchant = self.store.oms, self.store.world.merchant
        assert merchant is not None
        soon = self.store.clock.now() + _SOON
        moments = (oms.next_due(), merchant.next_due())
        return Counter(
            {
                "orders to place": max(0, self.missing),
                "moves": sum(at is not None and at < soon for at in moments),
                "papers on their way": self.desk.busy,
            }
        )


def _is_over(order: Order) -> bool:
    if order.status in {"canceled", "replaced", ""}:
        return True
    return order.status == "invoiced" and all(
        p.courier_status and p.courier_status.finished for p in order.packages
    )


@asynccontextmanager
async def shops(*, wanted: int, service_url: str) -> AsyncIterator[Shops]:
    """Run stores for as long as the block runs."""
    async with sandbox(
        seed=SEED,
        orders_per_minute=0,
        speed=SPEED,
        desk=service_url,
        credentials=STORES,
        index_lag=5.0,
    ) as store:
        yield Shops(store=store, desk=recorded(store, unwanted=()), wanted=wanted)


def settings_of(
    store: Sandbox, topic: EventsTopic, dsn: str, *, hooks: str
) -> dict[str, str]:
    return {
        "ORDER_TRACKING_POSTGRES_DSN": dsn,
        "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS": topic.servers,
        "ORDER_TRACKING_KAFKA_TOPIC_PREFIX": topic.prefix,
        "ORDER_TRACKING_PARTITIONS": str(PARTITIONS),
        "ORDER_TRACKING_REQUESTS_PER_MINUTE": "1000000",
        "ORDER_TRACKING_CALL_WORKERS": "256",
        "ORDER_TRACKING_POOL_SIZE": "20",
        "ORDER_TRACKING_ACCOUNTS": json.dumps(
            [_account(known, store.url, hooks) for known in STORES]
        ),
        "ORDER_TRACKING_LOG_LEVEL": "error",
        "OTEL_SDK_DISABLED": "true",
        "COVERAGE_PROCESS_CONFIG": "",
    }


def _account(known: Credentials, url: str, hooks: str) -> dict[str, object]:
    return {
        "name": known.account,
        "base_url": url,
        "app_key": known.app_key,
        "app_token": known.app_token,
        "feed_visibility_timeout": int(30 * SPEED),
        "hook_secret": SECRET,
        "hook_url": f"{hooks}/v1/hooks/vtex/{known.account}",
    }


async def unhandled(pool: Pool, topic: EventsTopic) -> Counter[str]:
    """Return what the service has still to do."""
    found = Counter(
        {k: int(v or 0) for k, v in dict(await pool.fetchrow(UNHANDLED) or {}).items()}
    )
    rows = await pool.fetch("SELECT partition, head FROM eventlog.partitions")
    heads = {row["partition"]: row["head"] for row in rows}
    for each in (topic, states_of(topic)):
        reached = await tail_positions(each, list(heads))
        found["events to publish"] += sum(
            head - (reached[part] or 0) for part, head in heads.items()
        )
    return found


@contextmanager
def serving(
    settings: Mapping[str, str], ports: Sequence[int], folder: Path
) -> Iterator[None]:
    """Run the service in processes as large installations do, with the roles shared out."""
    with ExitStack() as stack:
        for roles, port in zip(ROLES, ports, strict=True):
            own = {**settings, "ORDER_TRACKING_HTTP_PORT": str(port)}
            output = folder / f"serve-{port}.log"
            stack.enter_context(
                running("serve", "--roles", roles, settings=own, output=output)
            )
        yield


@pytest.mark.usefixtures("as_a_command")
class TestSoak:
    @pytest.mark.parametrize(
        ("orders", "throttles"),
        [(200, 0), pytest.param(20_000, 1, marks=pytest.mark.long)],
    )
    async def test_ends_as_the_truth(
        self,
        *,
        tmp_path: Path,
        dsn: str,
        pool: Pool,
        log: PostgresEventLog,
        topic: EventsTopic,
        orders: int,
        throttles: int,
    ) -> None:
        """Every order is shown as it stands at VTEX, and log and topics agree."""
        ports = [free_port() for _ in ROLES]
        intake, _, shows = urls = [f"http://127.0.0.1:{port}" for port in ports]
        async with shops(wanted=orders, service_url=intake) as selling:
            store = selling.store
            settings = settings_of(store, topic, dsn, hooks=intake)
            with serving(settings, ports, tmp_path):
                async with aiohttp.ClientSession() as http:
                    for url in urls:
                        await eventually(
                            partial(is_configured, store, http, url), within=60
                        )
                    spoil(store, orders=orders, throttles=throttles)
                    async with asyncio.TaskGroup() as tasks:
                        telling = tasks.create_task(tell_progress(selling, pool, topic))
                        await selling.sell()
                        await eventually(partial(at_rest, selling), within=PATIENCE)
                        told = Counter(
                            {
                                str(e.rule.name or e.rule.kind): e.struck
                                for e in store.faults.entries
                            }
                        )
                        store.faults.clear()
                        hurrying = tasks.create_task(hurry(pool))
                        with suppress(AssertionError):  # what differs is told below
                            await eventually(
                                partial(agrees, selling, pool, topic, http, shows),
                                within=SETTLING + orders / 50,
                            )
                        hurrying.cancel()
                        telling.cancel()
                    shown = await shown_orders(http, shows)
                audited = await asyncio.to_thread(run, "audit", settings=settings)
            print(f"faults: {dict(told)}")  # noqa: T201 - seen with -s, and on failure

            found = [
                *differing(store, shown),
                *await unsound(await all_events(log), topic),
            ]
        assert audited.returncode == 0, audited.stdout + audited.stderr
        assert not found, "\n".join([f"{len(found)}:", *found[:100]])
        assert sum(told.values()) > orders // 10


def spoil(store: Sandbox, *, orders: int, throttles: int) -> None:
    """Let everything go wrong now and then.

    A 429, which holds an account, comes so many times, and a document of ten megabytes,
    which keeps sandbox and service busy, at so many of the orders.
    """
    for rule in FaultRule(mix="everything", rate=RATE).parts():
        if (rule.kind, rule.status) == ("status", 429):
            if throttles:
                store.faults.add(rule.model_copy(update={"times": throttles}))
        elif rule.kind == "huge":
            times = int(orders * RATE)
            store.faults.add(rule.model_copy(update={"times": times}))
        else:
            store.faults.add(rule)


HURRY: Final = """
    UPDATE ingest.rereads AS r SET due_at = now()
    FROM (SELECT account, order_id FROM ingest.rereads FOR UPDATE SKIP LOCKED) AS free
    WHERE r.account = free.account AND r.order_id = free.order_id
"""


async def hurry(pool: Pool) -> None:
    """Spare us hours: what VTEX tells of by no event is read again when it is due."""
    while True:
        await pool.execute(HURRY)
        await asyncio.sleep(15)


async def is_configured(store: Sandbox, http: aiohttp.ClientSession, url: str) -> bool:
    """Say whether feeds and hooks are there, which the service sees to by itself."""
    try:
        async with http.get(f"{url}/readyz") as response:
            if not response.ok:
                return False
    except aiohttp.ClientConnectionError:
        return False
    for known in STORES:
        for part in ("feed", "hook"):
            address = f"{store.url}/api/orders/{part}/config"
            async with http.get(address, headers=known.headers()) as response:
                if not response.ok:
                    return False
    return True


async def at_rest(selling: Shops) -> bool:
    return not +selling.waiting()


async def agrees(
    selling: Shops,
    pool: Pool,
    topic: EventsTopic,
    http: aiohttp.ClientSession,
    url: str,
) -> bool:
    """Say whether nothing is left to do, and every order is shown as it stands."""
    if +selling.waiting() or +await unhandled(pool, topic):
        return False
    return not differing(selling.store, await shown_orders(http, url))


def differing(store: Sandbox, shown: Sequence[dict[str, Any]]) -> list[str]:
    oms = store.oms
    return checker.shown_violations(oms.orders(), oms.ledger(), shown)


async def tell_progress(selling: Shops, pool: Pool, topic: EventsTopic) -> None:
    """Tell every few seconds how far all is."""
    while True:
        events = await pool.fetchval("SELECT sum(head) FROM eventlog.partitions")
        waiting = {**selling.waiting(), **await unhandled(pool, topic)}
        print(f"{events} events, {waiting}", flush=True)  # noqa: T201
        await asyncio.sleep(5)
