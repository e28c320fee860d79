"""Sharing partitions out over processes: fair, and handed over soon."""

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from uuid import UUID

import pytest

from eventually import eventually
from ledger import Ledger, running, subscription_of
from service.db import Pool
from service.eventlog.leases import Leases
from service.eventlog.store import PostgresEventLog
from service.eventlog.subscription import Subscription

pytestmark = pytest.mark.postgres

SLOTS = 16


class Group:
    """Members that beat in turn, and give back what is beyond their share."""

    def __init__(self, pool: Pool, slots: int = SLOTS) -> None:
        self._pool = pool
        self._slots = slots
        self._members: dict[int, Leases] = {}
        self.tokens: dict[int, Mapping[int, int]] = {}

    def join(self, member: int) -> None:
        self._members[member] = Leases(
            self._pool, consumer="c", member=UUID(int=member), slots=self._slots
        )

    async def leave(self, member: int) -> None:
        await self._members.pop(member).leave()
        del self.tokens[member]

    async def beat(self, times: int = 1) -> None:
        for _ in range(times):
            for member, leases in self._members.items():
                holding = await leases.hold()
                slots = sorted(holding.tokens)
                await leases.release(slots[holding.fair_share :])
                self.tokens[member] = {
                    slot: holding.tokens[slot] for slot in slots[: holding.fair_share]
                }

    @property
    def shares(self) -> list[int]:
        return sorted(len(tokens) for tokens in self.tokens.values())

    @property
    def held(self) -> list[int]:
        return sorted(slot for tokens in self.tokens.values() for slot in tokens)


@pytest.fixture
def group(pool: Pool) -> Group:
    return Group(pool)


class TestSpread:
    async def test_is_even_when_members_join(self, group: Group) -> None:
        """Within a few heartbeats the shares differ by one at most."""
        spread = []
        for member in range(1, 6):
            group.join(member)
            await group.beat(3)
            spread.append(group.shares)
            assert group.held == list(range(SLOTS))

        assert spread == [
            [16],
            [8, 8],
            [5, 5, 6],
            [4, 4, 4, 4],
            [3, 3, 3, 3, 4],
        ]

    async def test_is_even_when_members_leave(self, group: Group) -> None:
        """What a member leaves is taken by the others within a few heartbeats."""
        for member in range(1, 4):
            group.join(member)
        await group.beat(3)

        await group.leave(2)
        await group.beat(3)

        assert group.shares == [8, 8]
        assert group.held == list(range(SLOTS))

    async def test_leaves_alone_what_is_held(self, pool: Pool) -> None:
        """Who joins a consumer of one slot waits, and does not take it over."""
        group = Group(pool, slots=1)
        group.join(9)
        await group.beat()
        before = group.tokens[9]
        group.join(1)
        await group.beat(3)

        assert group.tokens == {9: before, 1: {}}


class TestHandOver:
    async def test_takes_two_seconds_after_a_clean_stop(
        self, log: PostgresEventLog, pool: Pool
    ) -> None:
        """What a process leaves in good order is followed again within 2 seconds."""
        ledger = Ledger(pool)
        await ledger.create()
        async with AsyncExitStack() as stays:
            staying = [subscription_of(ledger, log, pool, member=n) for n in (1, 2)]
            for subscription in staying:
                await stays.enter_async_context(running(subscription))
            async with running(subscription_of(ledger, log, pool, member=3)) as third:
                await eventually(lambda: _share([*staying, third], [5, 5, 6]))
            left = time.monotonic()
            await eventually(lambda: _share(staying, [8, 8]))
            taken = time.monotonic() - left

        assert taken < 2

    async def test_takes_ten_seconds_after_a_kill(
        self, log: PostgresEventLog, pool: Pool
    ) -> None:
        """What a killed process held is followed again within 10 seconds."""
        ledger = Ledger(pool)
        await ledger.create()
        killed = Leases(pool, consumer=ledger.name, member=UUID(int=9), slots=SLOTS)
        await killed.hold()
        died = time.monotonic()
        async with running(subscription_of(ledger, log, pool, member=1)) as heir:
            await eventually(lambda: _share([heir], [16]))
            taken = time.monotonic() - died

        assert 4 < taken < 10


async def _share(subscriptions: list[Subscription], wanted: list[int]) -> bool:
    return sorted(len(each._positions) for each in subscriptions) == wanted
