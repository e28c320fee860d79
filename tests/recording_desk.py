"""The merchant's way to the service, with a carbon copy of all that was accepted."""

import asyncio
from collections.abc import AsyncIterator, Collection, Hashable
from contextlib import asynccontextmanager

from typing_extensions import override

from checker import Deed
from service.errors import RejectedError, ServiceError
from service.eventlog.records import StreamKey
from service.sandbox import calls
from service.sandbox.desk import CourierUpdate, Desk, Invoice, OrderRef, Shipment
from service.sandbox.oms import Caller, Oms, StatusChange
from service.sandbox.server import Sandbox
from service.sandbox.service_desk import ServiceDesk


class RecordingDesk(Desk):
    """Hands papers on to the service; *accepted* and *given_up* keep what came of it.

    The orders in *unwanted* are not invoiced: their shoppers will cancel them.
    """

    def __init__(self, desk: ServiceDesk, *, unwanted: Collection[str]) -> None:
        self.accepted: list[Deed] = []
        self.given_up: list[str] = []
        self.busy = 0
        self._desk = desk
        self._unwanted = unwanted

    @override
    async def issue_invoice(self, order: OrderRef, invoice: Invoice) -> None:
        if order.order_id in self._unwanted:
            raise RejectedError("The shopper wants to cancel.")
        async with self._copied(order, "invoice", invoice.number):
            await self._desk.issue_invoice(order, invoice)

    @override
    async def assign_tracking_number(
        self, order: OrderRef, invoice_number: str, shipment: Shipment
    ) -> None:
        number = shipment.tracking_number
        async with self._copied(order, "tracking-number", invoice_number, number):
            await self._desk.assign_tracking_number(order, invoice_number, shipment)

    @override
    async def report_courier_update(
        self, order: OrderRef, update: CourierUpdate
    ) -> None:
        delivered, seen = update.delivered_at is not None, len(update.sightings)
        number = update.invoice_number
        async with self._copied(order, "tracking", number, delivered, seen):
            await self._desk.report_courier_update(order, update)

    async def request_cancellation(self, order: OrderRef) -> None:
        async with self._copied(order, "cancel"):
            body = {"reason": "Desisti da compra", "requested_by_user": True}
            await self._desk._post(order, "cancellation", body, key="cancellation")

    @asynccontextmanager
    async def _copied(
        self, order: OrderRef, kind: str, *detail: Hashable
    ) -> AsyncIterator[None]:
        deed = Deed(StreamKey(*order), kind, detail)
        self.busy += 1
        try:
            yield
        except ServiceError as error:
            self.given_up.append(f"given up: {deed}: {error}")
            raise
        finally:
            self.busy -= 1
        self.accepted.append(deed)


class Shoppers:
    """Those who cancel their orders in *unwanted*, and the seller who lets them."""

    def __init__(
        self, oms: Oms, desk: RecordingDesk, *, unwanted: Collection[str]
    ) -> None:
        self._oms = oms
        self._desk = desk
        self._unwanted = unwanted
        self._heard: asyncio.Queue[StatusChange] = asyncio.Queue()
        oms.listen(self._hear)

    def _hear(self, change: StatusChange) -> None:
        if change.order_id in self._unwanted:
            self._heard.put_nowait(change)

    async def run(self) -> None:
        """Cancel until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                change = await self._heard.get()
                order = OrderRef(change.account, change.order_id)
                if change.state == "payment-pending":
                    tasks.create_task(self._desk.request_cancellation(order))
                elif change.state == "cancellation-requested":
                    self._confirm(order)

    def _confirm(self, order: OrderRef) -> None:
        seller = Caller(account=order.account, name="seller")
        request = {"reason": "De acordo", "requestedByUser": False}
        self._oms.carry_out(seller, order.order_id, calls.cancel(request))


def recorded(store: Sandbox, *, unwanted: Collection[str]) -> RecordingDesk:
    """Put a recording desk before the one that *store*'s merchant turns to."""
    merchant = store.world.merchant
    assert merchant is not None
    assert isinstance(merchant._desk, ServiceDesk)
    merchant._desk = desk = RecordingDesk(merchant._desk, unwanted=unwanted)
    return desk
