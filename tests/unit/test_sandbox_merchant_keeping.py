"""A merchant that takes over from another goes on where that one stopped."""

import orjson
import pytest
from typing_extensions import override

from service.sandbox import calls
from service.sandbox.clock import ManualClock
from service.sandbox.desk import (
    CourierUpdate,
    Invoice,
    OmsDesk,
    OrderRef,
    Shipment,
)
from service.sandbox.invention import Wish
from service.sandbox.keeping import Document
from service.sandbox.merchant import Merchant
from service.sandbox.oms import Caller, Oms
from service.sandbox.world import World

Paper = tuple[OrderRef, Invoice | Shipment | CourierUpdate]


class CopyingDesk(OmsDesk):
    """Carries everything out, and keeps a copy of what was handed in."""

    def __init__(self, oms: Oms) -> None:
        super().__init__(oms)
        self.papers: list[Paper] = []

    @override
    async def issue_invoice(self, order: OrderRef, invoice: Invoice) -> None:
        self.papers.append((order, invoice))
        await super().issue_invoice(order, invoice)

    @override
    async def assign_tracking_number(
        self, order: OrderRef, invoice_number: str, shipment: Shipment
    ) -> None:
        self.papers.append((order, shipment))
        await super().assign_tracking_number(order, invoice_number, shipment)

    @override
    async def report_courier_update(
        self, order: OrderRef, update: CourierUpdate
    ) -> None:
        self.papers.append((order, update))
        await super().report_courier_update(order, update)


class Town:
    """Orders in handling, and a merchant who can be followed by another."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.oms = Oms(accounts=["acme"], seed=7, clock=self.clock)
        self.desk = CopyingDesk(self.oms)
        self.world = World(oms=self.oms, merchant=self.merchant())
        orders = [
            self.oms.place_order("acme", Wish(fate="completed", items=2))
            for _ in range(5)
        ]
        while any(order.status != "ready-for-handling" for order in orders):
            self.clock.advance(1)
            self.oms.advance()
        erp = Caller(account="acme", name="erp")
        for order in orders:
            self.oms.carry_out(erp, order.order_id, calls.START_HANDLING)

    def merchant(self) -> Merchant:
        return Merchant(self.oms, self.desk, clock=self.clock, seed=7)

    async def advance(self, seconds: float) -> None:
        await self.world.advance(self.clock, seconds)

    def succeed(self) -> None:
        """Let another merchant take over from what was kept of this one."""
        assert self.world.merchant is not None
        kept: dict[str, Document] = orjson.loads(
            orjson.dumps(dict(self.world.merchant.changes()))
        )
        self.world.merchant = self.merchant()
        self.world.merchant.restore(kept)


class TestRestore:
    @pytest.mark.parametrize("seconds", [0, 5, 8, 15, 25, 40, 120])
    async def test_goes_on(self, seconds: int) -> None:
        """Nothing is handed in twice, nothing is left out, and nothing comes late."""
        alone, followed = Town(), Town()
        await alone.advance(240)
        await followed.advance(seconds)
        followed.succeed()
        await followed.advance(240 - seconds)

        assert len(alone.desk.papers) > 15
        assert followed.desk.papers == alone.desk.papers

    async def test_changes_little(self) -> None:
        """What did not move since the last time is not kept again."""
        town = Town()
        await town.advance(10)
        assert town.world.merchant is not None
        first = town.world.merchant.changes()

        assert len(first) == 5
        assert town.world.merchant.changes() == {}
