"""The merchant: what it hands in, in which order, and when it lets go."""

from collections import Counter
from datetime import timedelta

from service.errors import UnavailableError
from service.sandbox import calls
from service.sandbox.clock import ManualClock
from service.sandbox.desk import (
    CourierUpdate,
    Desk,
    Invoice,
    OmsDesk,
    OrderRef,
    Shipment,
)
from service.sandbox.invention import Wish
from service.sandbox.merchant import Merchant
from service.sandbox.oms import Caller, Oms
from service.sandbox.orders import Flow, Order
from service.sandbox.world import World

ERP = Caller(account="acme", name="erp")


class PaperDesk:
    """A desk that keeps what is handed in, or is closed."""

    def __init__(self, *, closed: bool = False) -> None:
        self.papers: list[Invoice | Shipment | CourierUpdate] = []
        self.closed = closed

    async def issue_invoice(self, order: OrderRef, invoice: Invoice) -> None:
        self._take(invoice)

    async def assign_tracking_number(
        self, order: OrderRef, invoice_number: str, shipment: Shipment
    ) -> None:
        self._take(shipment)

    async def report_courier_update(
        self, order: OrderRef, update: CourierUpdate
    ) -> None:
        self._take(update)

    def _take(self, paper: Invoice | Shipment | CourierUpdate) -> None:
        self.papers.append(paper)
        if self.closed:
            raise UnavailableError


class Town:
    """An OMS with a merchant, on a manual clock."""

    def __init__(
        self, desk: Desk | None = None, *, seed: int = 7, orders_per_minute: float = 0
    ) -> None:
        self.clock = ManualClock()
        self.oms = Oms(
            accounts=["acme"],
            seed=seed,
            clock=self.clock,
            orders_per_minute=orders_per_minute,
        )
        merchant = Merchant(
            self.oms,
            desk or OmsDesk(self.oms),
            clock=self.clock,
            seed=seed,
            starts_handling=desk is None,
        )
        self.world = World(oms=self.oms, merchant=merchant)

    async def advance(self, seconds: float) -> None:
        await self.world.advance(self.clock, seconds)

    def handled_by_others(self) -> Order:
        order = self.oms.place_order("acme", Wish(fate="completed"))
        while order.status != "ready-for-handling":
            self.clock.advance(1)
            self.oms.advance()
        self.oms.carry_out(ERP, order.order_id, calls.START_HANDLING)
        return order


def arrived(order: Order) -> bool:
    return bool(order.packages) and all(
        package.courier_status is not None and package.courier_status.finished
        for package in order.packages
    )


class TestAlone:
    async def test_takes_orders_through_their_whole_life(self) -> None:
        """With nobody else around, every order ends delivered or cancelled."""
        town = Town()
        orders = [town.oms.place_order() for _ in range(100)]
        await town.advance(300)

        ends = Counter(
            "arrived" if arrived(order) else order.status for order in orders
        )
        assert ends.keys() == {"arrived", "canceled"}
        assert ends["arrived"] > 80

    async def test_takes_about_a_minute_for_it(self) -> None:
        """From the order to the delivery it is 40 to 90 seconds."""
        town = Town()
        orders = [
            town.oms.place_order("acme", Wish(fate="completed")) for _ in range(100)
        ]
        lives: list[int] = []
        for second in range(120):
            await town.advance(1)
            lives += [second] * (sum(map(arrived, orders)) - len(lives))

        assert len(lives) == 100
        assert lives[0] >= 35
        assert lives[-1] <= 90

    async def test_splits_some_invoices(self) -> None:
        """Some orders are invoiced in two parts that are worth all of it."""
        town = Town()
        orders = [
            town.oms.place_order("acme", Wish(items=2, fate="completed"))
            for _ in range(30)
        ]
        await town.advance(300)

        parts = Counter(len(order.packages) for order in orders)
        assert parts.keys() == {1, 2}
        assert all(order.invoiced_value == order.value for order in orders)

    async def test_ships_the_two_ways_apart(self) -> None:
        """What is delivered and what is picked up go on an invoice each."""
        town = Town()
        wish = Wish(channel="mixed", items=3, fate="completed")
        orders = [town.oms.place_order("acme", wish) for _ in range(10)]
        await town.advance(120)

        for order in orders:
            channels = [
                {order.items[i.item_index].logistics.channel for i in package.items}
                for package in order.packages
            ]
            assert channels == [{"delivery"}, {"pickup-in-point"}]

    async def test_serves_all_flows(self) -> None:
        """Sellers' orders are shipped like own ones, and their sales tell of it."""
        town = Town()
        kinds: tuple[Flow, ...] = ("complete", "marketplace", "seller", "chain")
        for kind in kinds:
            town.oms.place_order("acme", Wish(flow=kind, fate="completed"))
        await town.advance(300)

        assert Counter(o.flow for o in town.oms.orders() if arrived(o)) == {
            "complete": 1,
            "marketplace": 2,
            "seller": 3,
            "chain": 1,
        }

    async def test_plays_the_seller_without_an_account(self) -> None:
        """He calls back with invoice and tracking to the sale itself."""
        town = Town(PaperDesk())
        order = town.oms.place_order(
            "acme", Wish(external_seller=True, fate="completed")
        )
        await town.advance(300)

        calls_made = {
            e.by for e in town.oms.ledger() if e.kind in {"invoice", "tracking"}
        }
        assert order.flow == "marketplace"
        assert arrived(order)
        assert calls_made == {"external seller"}

    async def test_is_never_refused(self) -> None:
        """Nothing that the merchant does on its own is against a rule."""
        town = Town(orders_per_minute=120)
        await town.advance(180)

        refused = [e for e in town.oms.ledger() if e.outcome != "done"]
        assert refused == []

    async def test_is_decided_by_the_seed(self) -> None:
        """However time passes, the same seed gives the same ledger."""
        at_once, in_steps = (Town(orders_per_minute=60) for _ in range(2))
        await at_once.advance(120)
        for _ in range(480):
            await in_steps.advance(0.25)

        assert len(at_once.oms.ledger()) > 500
        assert in_steps.oms.ledger() == at_once.oms.ledger()

    async def test_waits_for_others_to_start_the_handling(self) -> None:
        """Where somebody else starts the handling, the merchant does not."""
        town = Town()
        town.handled_by_others()
        await town.advance(120)

        starts = [e.by for e in town.oms.ledger() if e.kind == "start-handling"]
        assert starts == ["erp"]

    async def test_does_all_in_order_when_the_clock_leaps(self) -> None:
        """A leap leaves what would be there had the time passed."""
        leaping, waiting = Town(), Town()
        for town in (leaping, waiting):
            town.oms.place_order("acme", Wish(sellers=3, fate="completed"))
        await leaping.world.leap(
            leaping.clock, leaping.clock.now() + timedelta(seconds=300)
        )
        await waiting.advance(300)

        assert len(leaping.oms.ledger()) > 50
        assert leaping.oms.ledger() == waiting.oms.ledger()

    async def test_lets_no_shopper_in_while_the_clock_leaps(self) -> None:
        """A month that is left out brings no month's orders."""
        town = Town(orders_per_minute=60)
        await town.world.leap(town.clock, town.clock.now() + timedelta(days=30))
        quiet = len(list(town.oms.orders()))
        await town.advance(60)

        assert quiet == 0
        assert len(list(town.oms.orders())) > 30


class TestAtADesk:
    async def test_leaves_the_handling_to_the_service(self) -> None:
        """An order that nobody starts to handle stays where it is."""
        town = Town(desk := PaperDesk())
        order = town.oms.place_order("acme", Wish(fate="completed"))
        await town.advance(120)

        assert order.status == "ready-for-handling"
        assert desk.papers == []

    async def test_hands_in_each_paper_once(self) -> None:
        """Invoices first, then numbers, then the way, each time all of it."""
        town = Town(desk := PaperDesk())
        order = town.handled_by_others()
        await town.advance(120)

        invoices = [p for p in desk.papers if isinstance(p, Invoice)]
        updates = [p for p in desk.papers if isinstance(p, CourierUpdate)]
        assert {invoice.number for invoice in invoices} == {f"NF{order.group}"}
        assert sum(invoice.value for invoice in invoices) == order.value
        assert [len(update.sightings) for update in updates] == list(
            range(1, len(updates) + 1)
        )
        assert [u.delivered_at is not None for u in updates] == [
            *(False for _ in updates[1:]),
            True,
        ]

    async def test_gives_up_where_nobody_takes_it(self) -> None:
        """A desk that stays closed ends the merchant's work on that order."""
        town = Town(desk := PaperDesk(closed=True))
        town.handled_by_others()
        await town.advance(300)

        assert len(desk.papers) == 1

    async def test_gives_up_a_cancelled_order(self) -> None:
        """An order that is cancelled in the meantime is not invoiced."""
        town = Town()
        order = town.handled_by_others()
        while order.status != "handling":
            town.clock.advance(0.1)
            town.oms.advance()
        for _ in range(2):
            town.oms.carry_out(ERP, order.order_id, calls.cancel({"reason": "late"}))
        await town.advance(120)

        assert order.status == "canceled"
        assert order.packages == []


async def test_shows_every_stage_within_a_minute() -> None:
    """A minute after the start orders are at every step, near and far."""
    town = Town(orders_per_minute=60)
    await town.advance(60)

    orders = list(town.oms.orders())
    statuses = {order.status for order in orders}
    assert statuses & {"order-created", "on-order-completed"}
    assert statuses & {"payment-pending", "approve-payment"}
    assert statuses & {"ready-for-handling", "handling", "payment-approved"}
    on_their_way = [o for o in orders if o.packages and o.packages[0].courier_status]
    assert [o for o in orders if o.status == "invoiced" and o not in on_their_way]
    assert {i.logistics.channel for o in on_their_way for i in o.items} == {
        "delivery",
        "pickup-in-point",
    }
