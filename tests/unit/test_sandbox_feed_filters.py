"""A feed of a whole OMS: by expression, with faults, and kept."""

from typing import Any

import orjson
import pytest

from sandbox_kit import bring, invoice_body, tracking_number_body
from service.sandbox import calls
from service.sandbox.clock import ManualClock
from service.sandbox.fault_book import FaultBook
from service.sandbox.fault_rules import FaultRule
from service.sandbox.feed import Feeds
from service.sandbox.feed_config import FeedConfig
from service.sandbox.feed_queue import FeedItem
from service.sandbox.feed_v2 import OldFeeds
from service.sandbox.invention import Wish
from service.sandbox.keeping import Document, Kept
from service.sandbox.news import News
from service.sandbox.oms import Caller, Oms
from service.sandbox.orders import Order
from service.sandbox.refusals import InvalidBodyError

KEY = "key-1"
MERCHANT = Caller(account="acme", name=KEY)
QUEUE = {
    "visibilityTimeoutInSeconds": 60,
    "messageRetentionPeriodInSeconds": 345_600,
}


def from_orders(expression: str, *, once: bool = False) -> FeedConfig:
    wanted = {
        "type": "FromOrders",
        "expression": expression,
        "disableSingleFire": not once,
    }
    return FeedConfig.read({"filter": wanted, "queue": QUEUE})


EVERYTHING = FeedConfig.read({"queue": QUEUE})


class Shop:
    """One account with an order feed, on a clock that the test moves."""

    def __init__(self, config: FeedConfig = EVERYTHING) -> None:
        self.clock = ManualClock()
        self.faults = FaultBook(seed=7, clock=self.clock)
        self.oms = Oms(accounts=["acme", "other"], seed=7, clock=self.clock)
        self.feeds = Feeds({KEY: "acme"}, clock=self.clock, seed=7, faults=self.faults)
        news = News([self.feeds])
        self.oms.listen(news.hear)
        self.oms.watch(news.see)
        self.feeds.configure(KEY, config)

    def fail(self, name: str, **rule: Any) -> None:
        self.faults.add(FaultRule(name=name, **rule))

    def order_in(self, status: str) -> Order:
        order = self.oms.place_order("acme", Wish(fate="completed"))
        bring(self.oms, self.clock, order, status)
        return order

    def invoice(self, order: Order) -> None:
        self.oms.carry_out(MERCHANT, order.order_id, calls.START_HANDLING)
        bring(self.oms, self.clock, order, "handling")
        body = invoice_body(order)
        self.oms.carry_out(MERCHANT, order.order_id, calls.invoice(body))
        bring(self.oms, self.clock, order, "invoiced")

    def send(self, order: Order, number: str) -> None:
        call = calls.assign_tracking_number(
            "NF1", tracking_number_body(trackingNumber=number)
        )
        self.clock.advance(1)
        self.oms.carry_out(MERCHANT, order.order_id, call)

    def read(self) -> list[FeedItem]:
        return self.feeds.of(KEY).read(10, now=self.clock.now())

    def read_all(self) -> list[FeedItem]:
        found: list[FeedItem] = []
        while items := self.read():
            found += items
        return found


def states(items: list[FeedItem]) -> list[str]:
    return [item.change.state for item in items]


class TestFromOrders:
    def test_tells_every_change_that_meets_it(self) -> None:
        """Changes after the last status are told too, as often as they happen."""
        shop = Shop(from_orders('status = "invoiced"'))
        order = shop.order_in("ready-for-handling")
        shop.invoice(order)
        shop.send(order, "A1")
        shop.send(order, "A2")

        assert states(shop.read_all()) == ["invoiced"] * 3

    def test_tells_an_order_once(self) -> None:
        """With single fire, what an order becomes after that is not told."""
        shop = Shop(
            from_orders(
                "$count(packageAttachment.packages[trackingNumber]) > 0", once=True
            )
        )
        order = shop.order_in("ready-for-handling")
        shop.invoice(order)
        shop.send(order, "A1")
        shop.send(order, "A2")

        [item] = shop.read_all()
        assert item.change.order_id == order.order_id

    def test_tells_it_again_by_another_filter(self) -> None:
        """Another expression is another single fire; the same one is not."""
        shop = Shop(from_orders("value > 0", once=True))
        order = shop.order_in("payment-approved")
        shop.feeds.configure(KEY, from_orders("value > 0", once=True))
        bring(shop.oms, shop.clock, order, "window-to-cancel")
        shop.feeds.configure(KEY, from_orders("value > 1", once=True))
        bring(shop.oms, shop.clock, order, "ready-for-handling")

        assert sorted(states(shop.read_all())) == ["order-created", order.status]

    def test_tells_where_the_order_came_from(self) -> None:
        """A change has the status that the order is in, and the one before."""
        shop = Shop(from_orders('status = "payment-approved"'))
        shop.order_in("payment-approved")

        [item] = shop.read()
        assert item.change.last_state == "approve-payment"

    def test_does_not_tell_of_other_accounts(self) -> None:
        """An expression is asked for the account's own orders only."""
        shop = Shop(from_orders("value > 0"))
        shop.oms.place_order("other")

        assert shop.read() == []

    def test_passes_over_what_it_fails_on(self) -> None:
        """An expression that fails on an order does not tell it, and stops nothing."""
        shop = Shop(from_orders("$number(orderId) > 0"))
        order = shop.order_in("payment-approved")

        assert order.status == "payment-approved"
        assert shop.read() == []

    @pytest.mark.parametrize("expression", [None, "", "value >", 7, "x" * 20_000])
    def test_refuses_bad_expressions(self, expression: object) -> None:
        """A configuration with no expression, or a wrong one, is refused."""
        wanted = {"type": "FromOrders", "expression": expression}
        with pytest.raises(InvalidBodyError):
            FeedConfig.read({"filter": wanted, "queue": QUEUE})


class TestFaults:
    def test_queues_a_change_twice(self) -> None:
        """A duplicate has the event's id, and wants a commit of its own."""
        shop = Shop()
        shop.fail("feed-duplicate", times=1)
        shop.oms.place_order("acme")
        first, second = shop.read()
        shop.feeds.of(KEY).commit([first.handle], now=shop.clock.now())
        shop.clock.advance(61)
        again = [item for item in shop.read() if item.event_id == first.event_id]

        assert first.event_id == second.event_id
        assert len(again) == 1

    def test_lets_later_changes_overtake(self) -> None:
        """A change that is late is read after those that came after it."""
        shop = Shop()
        shop.fail("feed-reorder", times=1)
        shop.oms.place_order("acme")
        shop.clock.advance(5)
        shop.oms.advance()
        before = states(shop.read_all())
        shop.clock.advance(5)
        after = states(shop.read_all())

        assert "on-order-completed" in before
        assert "order-created" not in before
        assert "order-created" in after

    def test_never_tells_of_approved_payments(self) -> None:
        """An expression does not hear of payment-approved, statuses do."""
        shop = Shop(from_orders('status = "payment-approved"'))
        shop.fail("KI-640925")
        shop.order_in("payment-approved")

        assert shop.read() == []

    def test_skips_changes(self) -> None:
        """An expression misses what it should have told, but not for ever."""
        shop = Shop(from_orders("value > 0", once=True))
        shop.fail("KI-832400", times=3)
        shop.order_in("payment-approved")

        assert len(shop.read_all()) == 1


class TestRead:
    def test_gives_up_after_a_hundred_reads(self) -> None:
        """An item that nobody ever commits is not handed out for the 101st time."""
        shop = Shop(FeedConfig.read({"queue": QUEUE}))
        shop.oms.place_order("acme")
        reads = 0
        feed = shop.feeds.of(KEY)
        while items := feed.read(1, now=shop.clock.now()):
            reads += len(items)
            shop.clock.advance(60)

        assert reads == 100
        assert feed.queue.waiting(now=shop.clock.now()) == (0, None)


class TestOldFeeds:
    def test_fills_from_its_first_read_on(self) -> None:
        """Nobody pays for a feed that nobody reads."""
        shop, old = Shop(), OldFeeds(seed=7)
        shop.oms.listen(old.hear)
        shop.oms.place_order("acme")
        before = old.read("acme", 10, now=shop.clock.now())
        shop.oms.place_order("acme")
        shop.oms.place_order("other")
        [item] = old.read("acme", 10, now=shop.clock.now())
        old.commit("acme", [item.handle], now=shop.clock.now())
        shop.clock.advance(300)

        assert before == []
        assert old.read("acme", 10, now=shop.clock.now()) == []


def keep(part: Kept, documents: dict[str, Document]) -> dict[str, Document]:
    """Put what changed into *documents*, by way of JSON."""
    changed = orjson.loads(orjson.dumps(part.changes()))
    merged = documents | changed
    return {key: document for key, document in merged.items() if document is not None}


class TestKept:
    def test_takes_its_messages_back(self) -> None:
        """What waited, and what was read, is there after a restart."""
        shop = Shop()
        documents = keep(shop.feeds, {})
        shop.order_in("approve-payment")
        documents = keep(shop.feeds, documents)
        one, *_ = shop.read()
        shop.feeds.of(KEY).commit([one.handle], now=shop.clock.now())
        documents = keep(shop.feeds, documents)
        other = Feeds({KEY: "acme"}, clock=shop.clock, seed=7)
        other.restore(documents)
        shop.clock.advance(61)

        ours, theirs = shop.read_all(), other.of(KEY).read(10, now=shop.clock.now())
        assert {item.event_id for item in theirs} == {item.event_id for item in ours}
        assert one.event_id not in {item.event_id for item in theirs}

    def test_takes_receipts_back(self) -> None:
        """What was read before a restart can be committed after it."""
        shop = Shop()
        shop.oms.place_order("acme")
        [item] = shop.read()
        other = Feeds({KEY: "acme"}, clock=shop.clock, seed=7)
        other.restore(keep(shop.feeds, {}))
        other.of(KEY).commit([item.handle], now=shop.clock.now())
        shop.clock.advance(61)

        assert other.of(KEY).read(10, now=shop.clock.now()) == []

    def test_remembers_who_was_told(self) -> None:
        """An order's single fire outlives the process, and so does the expression."""
        shop = Shop(from_orders("value > 0", once=True))
        order = shop.oms.place_order("acme")
        documents = keep(shop.feeds, {})
        other = Feeds({KEY: "acme"}, clock=shop.clock, seed=7)
        other.restore(documents)
        shop.oms.watch(News([other]).see)
        bring(shop.oms, shop.clock, order, "payment-approved")
        second = shop.oms.place_order("acme")

        told = other.of(KEY).read(10, now=shop.clock.now())
        assert sorted(item.change.order_id for item in told) == sorted(
            [order.order_id, second.order_id]
        )

    def test_forgets_what_was_dropped(self) -> None:
        """Nothing of a removed feed is left behind."""
        shop = Shop(from_orders("value > 0", once=True))
        shop.oms.place_order("acme")
        documents = keep(shop.feeds, {})
        shop.feeds.drop(KEY)

        assert len(documents) == 3
        assert keep(shop.feeds, documents) == {}
