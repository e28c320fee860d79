"""A hook's deliveries: tried again ever later, lost after three silent days."""

from datetime import timedelta
from itertools import pairwise

import orjson
import pytest

from sandbox_kit import status_change
from service.sandbox.clock import ManualClock
from service.sandbox.fault_book import FaultBook
from service.sandbox.fault_rules import FaultRule
from service.sandbox.hook import Delivery, Hook
from service.sandbox.hook_config import HookConfig
from service.sandbox.hooks import Hooks
from service.sandbox.keeping import Document
from service.sandbox.refusals import (
    HookUnknownError,
    InvalidBodyError,
    MixedFilterError,
)

KEY = "key-1"
DAY = 86_400
TARGET = {"url": "http://localhost:9000/hook", "headers": {"X-Secret": "s"}}
BY_STATUS = {"type": "FromWorkflow", "status": ["handling"]}


def config(**changes: object) -> HookConfig:
    return HookConfig.read({"filter": BY_STATUS, "hook": TARGET} | changes)


class Desk:
    """The hooks of one appKey, on a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.faults = FaultBook(seed=7, clock=self.clock)
        self.hooks = Hooks(
            {KEY: "acme", "key-2": "other"}, clock=self.clock, faults=self.faults
        )
        self.hooks.configure(KEY, config())

    @property
    def hook(self) -> Hook:
        return self.hooks.of(KEY)

    def happen(self, *states: str, account: str = "acme") -> None:
        for state in states:
            self.hooks.hear(status_change(state, account=account, at=self.clock.now()))

    async def deliver(self) -> Delivery:
        self.hook.wake(self.clock.now())
        return await self.hook.next()


@pytest.fixture
def desk() -> Desk:
    return Desk()


class TestHear:
    def test_keeps_to_filter_and_account(self, desk: Desk) -> None:
        """Only what was asked for is delivered, of the account's own orders."""
        desk.happen("handling", "invoiced")
        desk.happen("handling", account="other")

        assert desk.hook.waiting == 1

    def test_goes_by_expression(self, desk: Desk) -> None:
        """A hook by expression looks at the order, not at its status."""
        wanted = {"type": "FromOrders", "expression": "value > 1"}
        desk.hooks.configure(KEY, config(filter=wanted))
        change = status_change(at=desk.clock.now())
        desk.hooks.hear(change)
        desk.hooks.see(change, {"value": 1})
        desk.hooks.see(change, {"value": 2})

        assert desk.hook.waiting == 1

    def test_delivers_twice(self, desk: Desk) -> None:
        """A duplicate is delivered again, whatever its receiver answers."""
        desk.faults.add(FaultRule(name="hook-duplicate"))
        desk.happen("handling")

        assert desk.hook.waiting == 2

    def test_delivers_what_nobody_asked_for(self, desk: Desk) -> None:
        """A hook may tell of statuses outside its filter."""
        desk.faults.add(FaultRule(name="hook-outside-filter"))
        desk.happen("invoice", "invoiced")

        assert desk.hook.waiting == 2

    async def test_delivers_late(self, desk: Desk) -> None:
        """A delivery may be overtaken by a later one."""
        desk.faults.add(FaultRule(name="hook-reorder", times=1))
        desk.happen("handling", "handling")
        first = await desk.deliver()
        desk.clock.advance(10)

        assert [first.number, (await desk.deliver()).number] == [2, 1]


class TestFailed:
    async def test_waits_longer_each_time(self, desk: Desk) -> None:
        """The pauses grow by the same factor, up to days, and then it is over."""
        desk.happen("handling")
        hook, since = desk.hook, desk.clock.now()
        pauses = []
        while hook.waiting:
            hook.wake(desk.clock.now())
            delivery = await hook.next()
            hook.failed(delivery, now=desk.clock.now())
            if hook.waiting and delivery.due_at is not None:
                pauses.append((delivery.due_at - desk.clock.now()).total_seconds())
                desk.clock.set(delivery.due_at)

        ratios = [late / early for early, late in pairwise(pauses)]
        assert all(ratio == pytest.approx(1.11, abs=1e-3) for ratio in ratios)
        assert desk.clock.now() - since > timedelta(days=2)
        assert hook.tally.given_up == 1

    async def test_is_over_with_an_answer(self, desk: Desk) -> None:
        """What is answered in the end is not delivered again."""
        desk.happen("handling")
        desk.hook.failed(await desk.deliver(), now=desk.clock.now())
        desk.clock.advance(1)
        desk.hook.succeeded(await desk.deliver())

        assert desk.hook.waiting == 0
        assert (desk.hook.tally.failed, desk.hook.tally.delivered) == (1, 1)


class TestConfigure:
    def test_is_lost_after_three_silent_days(self, desk: Desk) -> None:
        """A hook that has nothing to tell is removed."""
        desk.clock.advance(2 * DAY)
        desk.happen("handling")
        desk.clock.advance(3 * DAY - 1)
        present = desk.hooks.present()
        desk.clock.advance(1)

        assert len(present) == 1
        with pytest.raises(HookUnknownError):
            desk.hooks.drop(KEY)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"hook": {"url": "ftp://localhost/hook"}}, "hook.url"),
            ({"hook": {"url": "localhost"}}, "hook.url"),
            ({"hook": {"url": "http://[::1"}}, "hook.url"),
            ({"hook": {}}, "hook.url"),
            ({"filter": None}, "filter"),
            ({"filter": {"type": "FromWorkflow"}}, "filter.status"),
            (
                {"filter": {"type": "FromOrders", "expression": "value >"}},
                "filter.expression",
            ),
            ({"hook": TARGET | {"headers": {"a b": "c"}}}, "hook.headers.a b.[key]"),
            ({"hook": TARGET | {"headers": {"a": "b\r\nc: d"}}}, "hook.headers.a"),
        ],
    )
    def test_names_what_is_wrong(self, changes: dict[str, object], field: str) -> None:
        """A configuration that cannot be used is refused with the field's name."""
        with pytest.raises(InvalidBodyError) as refusal:
            config(**changes)
        assert list(refusal.value.faults) == [field]

    def test_does_not_mix_filters(self) -> None:
        """By status or by expression, not both."""
        with pytest.raises(MixedFilterError):
            config(filter=BY_STATUS | {"expression": "true"})


class TestKept:
    async def test_takes_its_deliveries_back(self, desk: Desk) -> None:
        """What was not delivered before a restart is delivered after it."""
        desk.happen("handling", "handling", "handling")
        desk.hook.succeeded(await desk.deliver())
        desk.hook.failed(await desk.deliver(), now=desk.clock.now())
        kept: dict[str, Document] = orjson.loads(orjson.dumps(desk.hooks.changes()))
        other = Hooks({KEY: "acme"}, clock=desk.clock)
        other.restore(kept)
        hook = other.of(KEY)
        first = await hook.next()
        hook.wake(desk.clock.now() + timedelta(seconds=1))
        second = await hook.next()

        assert [(first.number, first.tries), (second.number, second.tries)] == [
            (3, 0),
            (2, 1),
        ]
        assert hook.config == desk.hook.config
        assert hook.tally == desk.hook.tally
        assert other.changes() == {}

    def test_forgets_what_was_dropped(self, desk: Desk) -> None:
        """Nothing of a removed hook is left behind."""
        desk.happen("handling")
        kept = desk.hooks.changes()
        desk.hooks.drop(KEY)

        assert desk.hooks.changes() == dict.fromkeys(kept)
