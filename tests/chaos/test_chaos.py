"""Whatever fails under the service: nothing is lost, repeated, reordered, aborted or torn."""

import asyncio
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import pytest
import structlog

from aftermath import set_aside
from chaos import checker
from chaos.checker import Violation
from chaos.checker_of_calls import check_queue
from chaos.faults import FAULTS, Planned, inflict, schedule
from chaos.history import Operation, read_histories
from chaos.load import ACCOUNT
from chaos.readers import (
    Watch,
    behind,
    read_heads,
    read_log,
    read_orders,
    read_queue,
    read_streams,
    read_topic,
)
from chaos.rig import PARTITIONS, PREFIX, Plan, Rig, rig
from chaos.shops import (
    ACCOUNTS,
    check_orders,
    hurry,
    is_shown,
    orders_shown,
    told,
    waiting,
)
from eventually import eventually
from service.db import Pool, open_pool
from service.eventlog.store import open_log
from service.eventlog.wake import Wake
from service.project.rebuild import differences

SEED = 20_261_121

TOPIC = f"{PREFIX}.order.events.v1"
STATES = f"{PREFIX}.order.state.v1"
CONSUMERS = ("relay-0", "state-0", "orders", "details", "reactor")

LEASE = 6.0
"""Longer than a lease, so that somebody else takes over."""

TRANSACTION = 22.0
"""Longer than the broker lets a transaction wait for its end."""

SHORT: Mapping[str, Sequence[float]] = {
    "zombie": (LEASE,),
    "kill a service": (0.2,),
    "kill a writer": (0.2,),
    "kill the relay": (0.2,),
    "postgres: immediate shutdown": (0.2,),
    "postgres: kill -9": (0.2,),
    "kafka: kill -9": (0.2,),
}
LONG: Mapping[str, Sequence[float]] = {
    **SHORT,
    "zombie": (LEASE, TRANSACTION, LEASE + 2),
    "postgres: full disk": (2.0, 5.0),
    "postgres: blackhole": (2.0, 7.0),
    "postgres: answers lost": (2.0, 7.0),
    "kafka: blackhole": (2.0, 18.0, 7.0),
    "kafka: answers lost": (2.0, 7.0),
    "kafka: kill -9": (0.2, 4.0),
    "oms: cut": (1.0, 5.0),
    "oms: reset": (1.0, 5.0),
    "oms: blackhole": (2.0, 12.0, 7.0),
    "oms: answers lost": (2.0, 7.0),
}

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.kafka,
    pytest.mark.usefixtures("abandoned_sockets"),
    # When brokers die, aiokafka leaves connections behind that it was opening.
    pytest.mark.filterwarnings("ignore:Unclosed AIOKafka:ResourceWarning"),
]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Let nobody tell of each server that ended by itself."""
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR)
    )
    aiokafka = logging.getLogger("aiokafka")
    level = aiokafka.level
    aiokafka.setLevel(logging.CRITICAL)
    yield
    aiokafka.setLevel(level)
    structlog.configure(**before)


class TestChaos:
    @pytest.mark.timeout(480)
    async def test_each_fault_once(self, folder: Path, tmp_path: Path) -> None:
        """A minute of traffic goes through each fault once, and all holds."""
        plan = Plan(seed=SEED, streams=300, per_second=150, orders=50)
        async with rig(plan, folder, output=tmp_path) as running:
            found = await survived(running, length=40, lasts=SHORT, pause=0.5)
            assert found == [], checker.summary(found, examples=20)

    @pytest.mark.long
    @pytest.mark.timeout(1200)
    async def test_each_fault_again_and_again(
        self, folder: Path, tmp_path: Path
    ) -> None:
        """A hundred thousand events go through all faults many times, and all holds."""
        plan = Plan(
            seed=SEED,
            streams=4000,
            per_second=220,
            orders=500,
            orders_every=1.3,
            brokers=3,
            disk_megabytes=2000,
        )
        async with rig(plan, folder, output=tmp_path) as running:
            found = await survived(running, length=400, lasts=LONG, pause=1.0)
            assert found == [], checker.summary(found, examples=20)

    @pytest.mark.long
    @pytest.mark.timeout(300)
    async def test_a_careless_database(self, folder: Path, tmp_path: Path) -> None:
        """Where PostgreSQL forgets what it acknowledged, that is what comes to light."""
        plan = Plan(seed=SEED, streams=300, per_second=150, forgetful=True)
        async with rig(plan, folder, output=tmp_path) as running:
            crash = ["postgres: immediate shutdown"]
            found = await survived(running, length=10, lasts={}, pause=1.0, of=crash)
            assert ("lost", "log") in {each[:2] for each in found}


async def survived(
    running: Rig,
    *,
    length: float,
    lasts: Mapping[str, Sequence[float]],
    pause: float,
    of: Sequence[str] = tuple(FAULTS),
) -> list[Violation]:
    """Let faults *of* some kinds come over the traffic, and return all violations."""
    if running.disk is None:
        tell("LEFT OUT: full disk; this machine does not permit a mount")
        of = [name for name in of if name != "postgres: full disk"]
    plan = schedule(of, seed=running.plan.seed, length=length, lasts=lasts, pause=pause)
    for planned in plan:
        tell(f"{planned.at:6.1f} s: {planned.name} for {planned.seconds:g} s, planned")
    await eventually(partial(is_published, running), within=60)
    watch = Watch(running.kafka.bootstrap_servers, TOPIC, partitions=PARTITIONS)
    started = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch.run())
        done = await inflict(running, plan, length=length)
        await running.end_of_writing()
        await eventually(partial(have_ended, running), within=180)
        took = time.monotonic() - started
        async with open_pool(running.postgres.dsn, size=4) as pool:
            await settle(running, pool)
            settled = time.monotonic() - started
            watching.cancel()
            operations = read_histories(running.histories())
            violations, count = await checked(running, pool, operations)
            faults = sum(planned.name.startswith("oms") for planned, _ in done)
            running.notes.append(await told(running.selling, pool, faults=faults))
    pause, until = watch.longest
    tell(
        f"{count} events in {took:.0f} s, settled {settled - took:.0f} s later, "
        f"longest pause of the topic {pause:.1f} s, until {until:.1f} s"
    )
    tell(report(running, done, operations))
    tell(checker.summary(violations))
    assert unexpected(operations) == []
    assert running.ended_by_themselves() == []
    return violations


async def is_published(running: Rig) -> bool:
    assert running.ended_by_themselves() == []
    return running.relaying() is not None


async def have_ended(running: Rig) -> bool:
    codes = [writer.exit_code for writer in running.writers]
    assert not any(codes), f"writers ended with {codes}"
    return all(code == 0 for code in codes)


async def settle(running: Rig, pool: Pool) -> None:
    """Wait until nothing is left to do; what never ends is for the checkers to tell."""
    async with asyncio.TaskGroup() as tasks:
        hurrying = tasks.create_task(hurry(pool))
        try:
            await eventually(partial(is_settled, running, pool), within=180)
        except AssertionError:
            left = [
                await waiting(running.selling, pool),
                await behind(pool, *CONSUMERS),
            ]
            running.notes.append(f"not settled: {left}")
        hurrying.cancel()


async def is_settled(running: Rig, pool: Pool) -> bool:
    if running.plan.forgetful:
        return True
    if await waiting(running.selling, pool):
        return False
    left = await behind(pool, *CONSUMERS)
    if not left or any(left.values()):
        return False
    return await is_shown(running.selling, running.urls[0])


async def checked(
    running: Rig, pool: Pool, operations: Sequence[Operation]
) -> tuple[list[Violation], int]:
    """Return all violations, and the number of events of the log."""
    servers = running.kafka.bootstrap_servers
    log = await read_log(pool)
    events = [logged.event for logged in log]
    read = partial(read_topic, servers, partitions=PARTITIONS)
    committed = await read(TOPIC)
    uncommitted = await read(TOPIC, "read_uncommitted")
    states = await read(STATES)
    violations = [
        *checker.check_log(
            events,
            partitions=PARTITIONS,
            heads=await read_heads(pool),
            versions=await read_streams(pool),
        ),
        *checker.check_histories(
            operations, [each for each in log if each.event.stream.account == ACCOUNT]
        ),
        *checker.check_topic(events, committed),
        *checker.check_uncommitted(events, uncommitted),
        *checker.check_read_model(
            events, await read_orders(pool), await folded_otherwise(pool)
        ),
        *(Violation("lost", "set aside", line) for line in await set_aside(pool)),
        *checker.check_states(events, states),
        *check_queue(events, await read_queue(pool), served=ACCOUNTS),
        *check_orders(
            running.selling,
            events,
            await orders_shown(running.selling, running.urls[0]),
        ),
    ]
    running.notes.append(
        f"records read: {len(committed)} committed, "
        f"{len(uncommitted) - len(committed)} aborted, {len(states)} states"
    )
    return violations, len(events)


async def folded_otherwise(pool: Pool) -> list[str]:
    async with open_log(pool, partitions=PARTITIONS, lanes=1, wake=Wake("")) as log:
        return list(await differences(pool, log))


def unexpected(operations: Sequence[Operation]) -> list[str]:
    """Return what writers met that the port of the log does not speak of."""
    known = ("ConcurrencyError", "DatabaseUnavailableError")
    met = {error for operation in operations for error in operation.errors}
    return sorted(error for error in met if not error.startswith(known))


def report(
    running: Rig,
    done: Sequence[tuple[Planned, float]],
    operations: Sequence[Operation],
) -> str:
    """Return what happened, for people."""
    outcomes = Counter(operation.outcome for operation in operations)
    again = sum(operation.tries > 1 for operation in operations)
    lasted: defaultdict[str, list[float]] = defaultdict(list)
    for planned, seconds in done:
        lasted[planned.name].append(seconds)
    faults = (
        f"{len(each):3} x {name}, {sum(each):.0f} s in all"
        for name, each in sorted(lasted.items())
    )
    summed = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
    appends = f"{len(operations)} appends: {summed}; {again} tried more than once"
    return "\n".join([appends, *faults, *running.notes])


def tell(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - seen with -s, and when the test fails
