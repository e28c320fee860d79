"""The merchant's way to an order-tracking service: its REST API, patiently."""

import asyncio
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import aiohttp
import orjson
import structlog
from typing_extensions import override

from service.errors import RejectedError, UnavailableError
from service.sandbox.clock import moment
from service.sandbox.desk import CourierUpdate, Desk, Invoice, OrderRef, Shipment

_PAUSES: Final = (0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 10.0, 10.0, 20.0)
"""Seconds before each further attempt; about a minute in all."""

_LATER: Final = frozenset(
    {
        # The service may hear of the order, or of its invoice, after the merchant.
        HTTPStatus.NOT_FOUND,
        HTTPStatus.CONFLICT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)

_AT_ONCE: Final = 64
"""Papers on their way to the service; the others wait here, not until a time is over."""

_log = structlog.get_logger()


class ServiceDesk(Desk):
    """Posts to `{base_url}/v1/orders/…`; a repeat carries the same Idempotency-Key."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base_url: str,
        *,
        api_key: str | None = None,
        speed: float = 1.0,
    ) -> None:
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._pauses = [pause / speed for pause in _PAUSES]
        self._room = asyncio.Semaphore(_AT_ONCE)

    @override
    async def issue_invoice(self, order: OrderRef, invoice: Invoice) -> None:
        shipment = invoice.shipment
        body: dict[str, object] = {
            "type": "Output",
            "invoice_number": invoice.number,
            "invoice_value": invoice.value,
            "issuance_date": moment(invoice.issued_at),
            "items": [
                {"id": line.sku, "price": line.price, "quantity": line.quantity}
                for line in invoice.lines
            ],
        }
        if shipment is not None:
            body |= {
                "tracking_number": shipment.tracking_number,
                "tracking_url": shipment.tracking_url,
                "courier": shipment.courier,
            }
        await self._post(order, "invoices", body, key=f"invoice-{invoice.number}")

    @override
    async def assign_tracking_number(
        self, order: OrderRef, invoice_number: str, shipment: Shipment
    ) -> None:
        await self._post(
            order,
            f"invoices/{quote(invoice_number, safe='')}/tracking-number",
            {
                "tracking_number": shipment.tracking_number,
                "tracking_url": shipment.tracking_url,
                "courier": shipment.courier,
                "dispatched_date": moment(shipment.dispatched_at),
            },
            key=f"tracking-number-{invoice_number}",
        )

    @override
    async def report_courier_update(
        self, order: OrderRef, update: CourierUpdate
    ) -> None:
        await self._post(
            order,
            "courier-updates",
            {
                "invoice_number": update.invoice_number,
                "is_delivered": update.delivered_at is not None,
                "delivered_at": moment(update.delivered_at),
                "checkpoints": [
                    {
                        "city": sighting.city,
                        "state": sighting.state,
                        "description": sighting.description,
                        "at": moment(sighting.at),
                    }
                    for sighting in update.sightings
                ],
            },
            key=f"courier-{update.invoice_number}-{len(update.sightings)}",
        )

    async def _post(
        self, order: OrderRef, path: str, body: Mapping[str, object], *, key: str
    ) -> None:
        url = (
            f"{self._base_url}/v1/orders/{quote(order.account, safe='')}"
            f"/{quote(order.order_id, safe='')}/{path}"
        )
        headers = {
            **self._headers,
            "Content-Type": "application/json",
            "Idempotency-Key": f"{order.account}-{order.order_id}-{key}",
        }
        content = orjson.dumps(body)
        for pause in self._attempts():
            async with self._room:
                if await self._sent(url, content, headers):
                    return
            await asyncio.sleep(pause)
        raise UnavailableError(f"{url} did not take it; is the service running?")

    def _attempts(self) -> Iterator[float]:
        yield from self._pauses
        yield 0.0

    async def _sent(self, url: str, content: bytes, headers: Mapping[str, str]) -> bool:
        try:
            async with self._session.post(
                url, data=content, headers=headers, timeout=_TIMEOUT
            ) as response:
                if response.status < HTTPStatus.BAD_REQUEST:
                    return True
                words = (await response.text())[:200]
        except (aiohttp.ClientError, TimeoutError) as error:
            _log.debug("service not reached", url=url, error=type(error).__name__)
            return False
        if response.status not in _LATER:
            raise RejectedError(f"{url} answered {response.status}: {words}")
        _log.debug("service wants it later", url=url, status=response.status)
        return False
