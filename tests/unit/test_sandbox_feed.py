"""The feed's queue: at least once, hidden while read, lost when it is idle."""

from datetime import timedelta

import pytest

from sandbox_kit import status_change
from service.sandbox.clock import ManualClock
from service.sandbox.feed import Feeds
from service.sandbox.feed_config import FeedConfig
from service.sandbox.feed_queue import FeedItem
from service.sandbox.refusals import (
    FeedUnknownError,
    InvalidBodyError,
    MixedFilterError,
)

DAY = 86_400


def config(*status: str, visibility: int = 60, days: int = 4) -> FeedConfig:
    return FeedConfig.read(
        {
            "filter": {"type": "FromWorkflow", "status": list(status) or None},
            "queue": {
                "visibilityTimeoutInSeconds": visibility,
                "messageRetentionPeriodInSeconds": days * DAY,
            },
        }
    )


class Desk:
    """Two appKeys of one account and one of another, on one clock."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.feeds = Feeds(
            {"key-1": "acme", "key-2": "acme", "key-3": "other"},
            clock=self.clock,
            seed=7,
        )

    def happen(self, *states: str, account: str = "acme") -> None:
        for state in states:
            self.feeds.hear(status_change(state, account=account, at=self.clock.now()))

    def read(self, lot: int = 10, key: str = "key-1") -> list[FeedItem]:
        return self.feeds.of(key).read(lot, now=self.clock.now())

    def commit(self, *handles: str) -> None:
        self.feeds.of("key-1").commit(handles, now=self.clock.now())


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.feeds.configure("key-1", config())
    return desk


def states(items: list[FeedItem]) -> list[str]:
    return sorted(item.change.state for item in items)


class TestHear:
    def test_fills_from_the_configuration_on(self) -> None:
        """What happened before the feed was configured is not in it."""
        desk = Desk()
        desk.happen("before")
        desk.feeds.configure("key-1", config())
        desk.happen("after")

        assert states(desk.read()) == ["after"]

    def test_keeps_to_the_filter(self, desk: Desk) -> None:
        """Only the statuses that were asked for come in."""
        desk.feeds.configure("key-1", config("handling", "invoiced"))
        desk.happen("handling", "invoice", "invoiced")

        assert states(desk.read()) == ["handling", "invoiced"]

    def test_keeps_to_the_account(self, desk: Desk) -> None:
        """Another account's orders are not told."""
        desk.happen("handling", account="other")

        assert desk.read() == []

    def test_gives_each_app_key_its_own(self, desk: Desk) -> None:
        """Two appKeys of an account both receive everything."""
        desk.feeds.configure("key-2", config())
        desk.happen("handling")

        assert states(desk.read()) == ["handling"]
        assert states(desk.read(key="key-2")) == ["handling"]


class TestRead:
    def test_hides_what_was_read(self, desk: Desk) -> None:
        """An item stays away for the visibility timeout, then comes back."""
        desk.happen("handling")
        first = desk.read()
        desk.clock.advance(59)
        assert desk.read() == []
        desk.clock.advance(1)
        second = desk.read()

        assert states(first) == states(second) == ["handling"]

    def test_gives_every_receipt_its_own_handle(self, desk: Desk) -> None:
        """The event keeps its id, the handle is new each time."""
        desk.happen("handling")
        [first] = desk.read()
        desk.clock.advance(60)
        [second] = desk.read()

        assert first.event_id == second.event_id
        assert first.handle != second.handle

    def test_gives_at_most_a_lot(self, desk: Desk) -> None:
        """A read returns no more than was asked for, and loses nothing."""
        desk.happen(*(f"state-{number:02d}" for number in range(25)))
        lots = [desk.read(10) for _ in range(4)]

        assert [len(lot) for lot in lots] == [10, 10, 5, 0]
        assert len({item.change.state for lot in lots for item in lot}) == 25

    def test_promises_no_order(self, desk: Desk) -> None:
        """Items are not handed out in the order they came in."""
        desk.happen(*(f"state-{number:02d}" for number in range(25)))
        read = [item.change.state for item in desk.read()]

        assert read != [f"state-{number:02d}" for number in range(10)]

    def test_forgets_what_is_too_old(self, desk: Desk) -> None:
        """After the retention an item is gone, committed or not."""
        desk.happen("old")
        desk.clock.advance(3 * DAY)
        desk.happen("new")
        desk.clock.advance(DAY)

        assert states(desk.read()) == ["new"]


class TestCommit:
    def test_removes_what_was_read(self, desk: Desk) -> None:
        """A committed item does not come back."""
        desk.happen("handling")
        [item] = desk.read()
        desk.commit(item.handle)
        desk.clock.advance(61)

        assert desk.read() == []

    def test_passes_over_unknown_handles(self, desk: Desk) -> None:
        """A handle that nobody knows does not keep the others from being committed."""
        desk.happen("handling")
        [item] = desk.read()
        desk.commit("nonsense", item.handle)
        desk.clock.advance(61)

        assert desk.read() == []

    def test_is_too_late_after_the_timeout(self, desk: Desk) -> None:
        """The handle of an expired read does nothing."""
        desk.happen("handling")
        [item] = desk.read()
        desk.clock.advance(60)
        desk.commit(item.handle)

        assert states(desk.read()) == ["handling"]


class TestConfigure:
    def test_keeps_what_is_waiting(self, desk: Desk) -> None:
        """Reconfiguring changes the filter, not what is in the queue."""
        desk.happen("handling")
        desk.feeds.configure("key-1", config("invoiced"))

        assert states(desk.read()) == ["handling"]

    def test_is_lost_when_nothing_comes_in(self, desk: Desk) -> None:
        """A feed without a new event for its retention is removed."""
        desk.clock.advance(4 * DAY)

        with pytest.raises(FeedUnknownError):
            desk.read()

    def test_is_lost_when_dropped(self, desk: Desk) -> None:
        """A feed that was removed can be neither read nor removed."""
        desk.feeds.drop("key-1")

        with pytest.raises(FeedUnknownError):
            desk.feeds.drop("key-1")


class TestWaiting:
    def test_counts_what_is_hidden(self, desk: Desk) -> None:
        """An item that was read but not committed still waits."""
        desk.happen("handling", "invoiced")
        desk.clock.advance(30)
        desk.read(1)

        waiting = desk.feeds.of("key-1").queue.waiting(now=desk.clock.now())
        assert waiting == (2, desk.clock.now() - timedelta(seconds=30))


class TestFeedConfig:
    def test_takes_both_spellings_of_the_retention(self) -> None:
        """VTEX's documents write the name with and without a capital."""
        read = FeedConfig.read(
            {
                "filter": {"type": "FromWorkflow", "status": ["handling"]},
                "queue": {
                    "visibilityTimeoutInSeconds": 60,
                    "MessageRetentionPeriodInSeconds": 345_600,
                },
            }
        )

        assert read == config("handling")

    def test_takes_statuses_that_do_not_exist(self) -> None:
        """A typing error is not noticed, as at VTEX."""
        assert config("redy-for-handling").filter.status == ("redy-for-handling",)

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (None, "body"),
            ([], "body"),
            ({"filter": {"type": "FromWorkflow", "status": ["x"]}}, "queue"),
            ({"filter": {"type": "Nothing"}, "queue": {}}, "filter.type"),
            ({"filter": {"status": ["x"]}, "queue": {}}, "filter.type"),
            (
                {"filter": {"type": "FromWorkflow", "status": []}, "queue": {}},
                "filter.status",
            ),
            (
                {"filter": {"type": "FromWorkflow", "status": "x"}, "queue": {}},
                "filter.status",
            ),
            (
                {
                    "filter": {"type": "FromWorkflow"},
                    "queue": {"messageRetentionPeriodInSeconds": 60},
                },
                "queue.messageRetentionPeriodInSeconds",
            ),
        ],
    )
    def test_names_what_is_wrong(self, body: object, field: str) -> None:
        """A configuration that cannot be used is refused with the field's name."""
        with pytest.raises(InvalidBodyError) as refusal:
            FeedConfig.read(body)
        assert field in refusal.value.faults

    @pytest.mark.parametrize(
        "wanted",
        [
            {"type": "FromWorkflow", "status": ["x"], "expression": "true"},
            {"type": "FromWorkflow", "disableSingleFire": False},
            {"type": "FromOrders", "status": ["x"], "expression": "true"},
        ],
    )
    def test_does_not_mix_filters(self, wanted: dict[str, object]) -> None:
        """By status or by expression, not both."""
        with pytest.raises(MixedFilterError):
            FeedConfig.read({"filter": wanted, "queue": {}})
