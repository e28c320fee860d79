"""A real log and its subscriptions, driven at random: nothing lost, nothing twice."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Coroutine, Iterator
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from structlog.testing import capture_logs
from typing_extensions import override

from events import append_of, stream
from ledger import Ledger, subscription_of
from service.db import open_pool
from service.errors import ConcurrencyError, FencedError, UnavailableError
from service.eventlog.records import StreamKey
from service.eventlog.set_aside import load_set_aside, parked_streams, request
from service.eventlog.store import open_log
from service.eventlog.subscription import Subscription
from service.eventlog.wake import Wake

pytestmark = pytest.mark.postgres

STREAMS = st.integers(0, 2)
MOST_MEMBERS = 3


class LogMachine(RuleBasedStateMachine):
    """Each run has orders and a consumer of its own in one log, from where it stands."""

    dsn: str
    runs = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).runs += 1
        self.account = f"run-{type(self).runs}"
        self.runner = asyncio.Runner()
        self.stop = asyncio.Event()
        self.accepted: dict[StreamKey, list[str]] = defaultdict(list)
        self.members: dict[int, Subscription] = {}
        self.zombies: list[Subscription] = []
        self.joined = 0
        self.written = 0
        self.opened = self.runner.run(self._open())

    async def _open(self) -> asyncio.Task[None]:
        ready = asyncio.Event()
        task = asyncio.ensure_future(self._stay_open(ready))
        await ready.wait()
        return task

    async def _stay_open(self, ready: asyncio.Event) -> None:
        async with (
            open_pool(self.dsn, size=4) as self.pool,
            open_log(
                self.pool, partitions=16, lanes=2, wake=Wake(self.dsn)
            ) as self.log,
        ):
            self.ledger = Ledger(self.pool, self.account)
            await self.ledger.create()
            await self.pool.execute(
                "INSERT INTO eventlog.checkpoints"
                " SELECT $1, partition, head FROM eventlog.partitions",
                self.account,
            )
            ready.set()
            await self.stop.wait()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def _stream(self, number: int) -> StreamKey:
        return stream(str(number), self.account)

    @rule(
        orders=st.lists(STREAMS, min_size=1, max_size=4),
        size=st.integers(1, 3),
        wrong=st.booleans(),
    )
    def append_side_by_side(self, orders: list[int], size: int, *, wrong: bool) -> None:
        """Writers append at once; where *wrong*, those of a version that is not."""
        self._run(self._append(orders, size, expected=99 if wrong else None))

    async def _append(self, orders: list[int], size: int, expected: int | None) -> None:
        async with asyncio.TaskGroup() as tasks:
            for order in orders:
                keys = [f"{self.account}-{self.written + n}" for n in range(size)]
                self.written += size
                tasks.create_task(self._append_one(self._stream(order), keys, expected))

    async def _append_one(
        self, to: StreamKey, keys: list[str], expected: int | None
    ) -> None:
        try:
            await self.log.append(append_of(*keys, to=to, expected=expected))
        except ConcurrencyError:
            assert expected is not None
            return
        assert expected is None
        self.accepted[to] += keys

    @precondition(lambda self: self.accepted)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """An append that is repeated writes nothing, whatever version it expects."""
        to = data.draw(st.sampled_from(sorted(self.accepted)))
        key = data.draw(st.sampled_from(self.accepted[to]))
        again = self._run(self.log.append(append_of(key, to=to, expected=99)))
        assert again.new == 0

    @precondition(lambda self: len(self.members) < MOST_MEMBERS)
    @rule()
    def join(self) -> None:
        self.joined += 1
        self.members[self.joined] = subscription_of(
            self.ledger, self.log, self.pool, member=self.joined
        )

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        self._run(self.members.pop(self._drawn(data))._leases.leave())

    def _drawn(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(sorted(self.members)))

    @precondition(lambda self: self.members)
    @rule(data=st.data())
    def be_abandoned(self, data: st.DataObject) -> None:
        """A process is frozen: its heartbeats end, and it may wake up later."""
        self.ledger.fails_on.clear()
        self.read()
        frozen = self.members.pop(self._drawn(data))
        self._run(self._append([0, 1, 2], 1, expected=None))
        self.zombies.append(frozen)
        self._run(self._expire(frozen))

    async def _expire(self, frozen: Subscription) -> None:
        await self.pool.execute(
            "UPDATE eventlog.members SET expires_at = '-infinity' WHERE member = $1",
            frozen._leases.member,
        )

    @precondition(lambda self: self.members)
    @rule()
    def read(self) -> None:
        for member in self.members.values():
            self._run(self._step(member))

    @precondition(lambda self: self.zombies)
    @rule()
    def wake_up(self) -> None:
        """What was frozen hands out what it had; a batch that it may not is refused."""
        self.read()
        for zombie in self.zombies:
            if zombie._positions:
                self._run(self._tolerating(zombie._handle_next()))
                self._run(self._tolerating(self._replay(zombie)))
        self.zombies.clear()

    async def _replay(self, subscription: Subscription) -> None:
        await subscription._parking.carry_out_requests(
            subscription._positions, subscription._tokens or {}
        )

    async def _step(self, subscription: Subscription) -> None:
        try:
            await subscription._renew()
            subscription._requested = True
            await subscription.step()
        except (FencedError, UnavailableError):
            subscription._tokens = None

    async def _tolerating(self, work: Awaitable[object]) -> None:
        try:
            await work
        except (FencedError, UnavailableError):
            return

    @rule(order=STREAMS, for_good=st.booleans())
    def append_what_fails(self, order: int, *, for_good: bool) -> None:
        """The consumer fails on an event, by its fault or while something is away."""
        key = f"{self.account}-{self.written}"
        self.ledger.fails_on[key] = (
            ValueError(key) if for_good else UnavailableError(key)
        )
        self._run(self._append([order], 1, expected=None))

    @rule()
    def mend(self) -> None:
        self.ledger.fails_on.clear()

    @rule(drops=st.booleans())
    def ask(self, *, drops: bool) -> None:
        """An operator asks for everything that is set aside."""
        self.read()
        self.ledger.fails_on.clear()
        self._run(self._ask("drop" if drops else "replay"))
        self.read()
        self._run(self._append([0, 1, 2], 1, expected=None))

    async def _ask(self, wanted: Any) -> None:
        found = await parked_streams(self.pool, consumer=self.account)
        if found:
            await request(self.pool, wanted, found, within=0)

    @invariant()
    def positions_and_versions_have_no_holes(self) -> None:
        holes = """
            SELECT count(*) FROM (
                SELECT 1 FROM eventlog.events GROUP BY partition
                HAVING max(position) <> count(*) OR min(position) <> 1
                UNION ALL
                SELECT 1 FROM eventlog.events GROUP BY stream_id
                HAVING max(version) <> count(*) OR min(version) <> 1
            ) AS holes
        """
        assert self._run(self.pool.fetchval(holes)) == 0

    @invariant()
    def nothing_is_handled_twice_or_out_of_order(self) -> None:
        handled: dict[str, int] = {}
        for name, version, _ in self._run(self.ledger.rows()):
            assert version > handled.get(name, 0)
            handled[name] = version

    @override
    def teardown(self) -> None:
        try:
            self._run(self._finish())
        finally:
            self.stop.set()
            self._run(self._closed())
            self.runner.close()

    async def _closed(self) -> None:
        await self.opened

    async def _finish(self) -> None:
        """At the end, all is handled but for what was dropped."""
        self.ledger.fails_on.clear()
        for member in self.members.values():
            await member._leases.leave()
        last = subscription_of(self.ledger, self.log, self.pool, member=99)
        heads = await self.log.heads()
        for _ in range(100):
            await self._ask("replay")
            await self._step(last)
            parked = await parked_streams(self.pool, consumer=self.account)
            if await self.ledger.resume(list(heads)) == heads and not parked:
                break
        async with self.pool.acquire() as lent:
            dropped = await load_set_aside(lent, self.account)
        handled = await self.ledger.keys()
        for to, keys in self.accepted.items():
            events = await self.log.read_stream(to)
            given_up = dropped.get(events[0].stream_id, [])
            assert len(events) == len(keys)
            for event in events:
                is_dropped = any(event.version in versions for versions in given_up)
                key = event.data.split('"')[3]
                assert (key in handled) == (not is_dropped), key


@pytest.fixture
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.mark.usefixtures("_quiet")
def test_log_and_subscriptions(dsn: str) -> None:
    """Whoever writes, reads, freezes or fails: each event is handled once, in order."""

    class Machine(LogMachine):
        pass

    Machine.dsn = dsn
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=15, stateful_step_count=30, deadline=None, derandomize=True
        ),
    )
