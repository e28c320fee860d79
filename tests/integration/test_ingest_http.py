"""Merchants' and carriers' commands over HTTP: accepted, refused, repeated."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from builders import details_fetched, document, status_reported
from conftest import ManualClock
from events import new_event
from ingest_kit import FailingLog, MemoryWishes
from service.config import ApiKey
from service.domain.facts import OrderFact
from service.eventlog.records import Append, StreamKey
from service.handler import CommandHandler
from service.ingest.commands import Commands
from service.ingest.http import CommandRoutes
from service.web import manners, routes

Client = TestClient[web.Request, web.Application]
ORDER = StreamKey("acme", "1-01")
PATH = "/v1/orders/acme/1-01"
KEY = "erp-key"

INVOICE: dict[str, Any] = {
    "type": "Output",
    "invoice_number": "NF1",
    "invoice_value": 1000,
    "issuance_date": "2026-03-02T12:00:00Z",
    "items": [{"id": "100", "price": 1000, "quantity": 1}],
    "courier": "Correios",
    "tracking_number": "BR1",
    "tracking_url": "https://track.example/BR1",
}
NUMBER: dict[str, Any] = {
    "tracking_number": "BR2",
    "tracking_url": "https://track.example/BR2",
    "courier": "Correios",
    "dispatched_date": "2026-03-02T12:00:00Z",
}
UPDATE: dict[str, Any] = {
    "invoice_number": "NF1",
    "is_delivered": False,
    "checkpoints": [
        {
            "city": "Recife",
            "state": "PE",
            "description": "Objeto postado",
            "at": "2026-03-02T13:00:00Z",
        }
    ],
}
CANCELLATION: dict[str, Any] = {"reason": "no stock", "requested_by_user": False}


@pytest.fixture
async def log() -> FailingLog:
    log = FailingLog()
    facts: list[OrderFact] = [status_reported("handling"), details_fetched(document())]
    events = [new_event(f"given-{n}", fact) for n, fact in enumerate(facts)]
    await log.append(Append(stream=ORDER, events=events))
    return log


@pytest_asyncio.fixture
async def client(log: FailingLog, clock: ManualClock) -> AsyncIterator[Client]:
    commands = Commands(
        CommandHandler(log), log=log, wishes=MemoryWishes(), clock=clock
    )
    endpoints = CommandRoutes(commands, accounts=["acme"]).endpoints()
    key = ApiKey(name="erp", sha256=hashlib.sha256(KEY.encode()).hexdigest())
    app = web.Application(middlewares=[manners])
    app.add_routes(routes(endpoints, [key]))
    headers = {"Authorization": f"Bearer {KEY}"}
    async with TestClient(TestServer(app), headers=headers) as running:
        yield running


async def post(
    client: Client, path: str, body: object, **headers: str
) -> tuple[int, Any]:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.post(path, data=data, headers=named) as response:
        return response.status, orjson.loads(await response.read())


class TestCommands:
    async def test_whole_story(self, client: Client, log: FailingLog) -> None:
        """Invoice, tracking number and courier update become facts, one after another."""
        path = f"{PATH}/invoices/NF1/tracking-number"
        answers = [
            await post(client, f"{PATH}/invoices", INVOICE),
            await post(client, path, NUMBER),
            await post(client, f"{PATH}/courier-updates", UPDATE),
        ]

        assert answers == [
            (202, {"account": "acme", "order_id": "1-01", "version": version})
            for version in (3, 4, 5)
        ]
        assert [event.type for event in log.events[2:]] == [
            "InvoiceIssued",
            "TrackingNumberAssigned",
            "CourierUpdateReceived",
        ]
        assert orjson.loads(log.events[2].metadata)["actor"] == "erp"

    async def test_cancellation(self, client: Client, log: FailingLog) -> None:
        """The wish to cancel becomes a fact."""
        status, _ = await post(client, f"{PATH}/cancellation", CANCELLATION)

        assert status == 202
        assert log.events[-1].type == "CancellationRequested"

    async def test_repetition_without_a_key(
        self, client: Client, log: FailingLog
    ) -> None:
        """What is true already is answered with 200 and where the order stands."""
        await post(client, f"{PATH}/invoices", INVOICE)

        status, answer = await post(client, f"{PATH}/invoices", INVOICE)

        assert (status, answer["version"]) == (200, 3)
        assert len(log.events) == 3

    @pytest.mark.parametrize("key", ["k-1", '"k-1"', "  k-1  "])
    async def test_repetition_with_a_key(
        self, client: Client, log: FailingLog, key: str
    ) -> None:
        """Under the same key, quoted or not, the first answer is given again."""
        first = await post(client, f"{PATH}/invoices", INVOICE, Idempotency_Key="k-1")

        again = await post(client, f"{PATH}/invoices", INVOICE, Idempotency_Key=key)

        assert again == first
        assert len(log.events) == 3

    async def test_same_invoice_in_other_json(
        self, client: Client, log: FailingLog
    ) -> None:
        """Spaces and the order of fields do not make it another request."""
        await post(client, f"{PATH}/invoices", INVOICE, Idempotency_Key="k-1")
        other = orjson.dumps(
            dict(reversed(INVOICE.items())), option=orjson.OPT_INDENT_2
        )

        status, _ = await post(client, f"{PATH}/invoices", other, Idempotency_Key="k-1")

        assert status == 202
        assert len(log.events) == 3


class TestRejections:
    async def test_unknown_order(self, client: Client) -> None:
        """An order that nobody reported is not found."""
        for path in ("/v1/orders/acme/2-01", "/v1/orders/globex/1-01"):
            status, problem = await post(client, f"{path}/invoices", INVOICE)
            assert (status, problem["code"]) == (404, "order-not-found")

    async def test_odd_order_id(self, client: Client) -> None:
        """What can be no order's id is simply not found."""
        status, _ = await post(client, "/v1/orders/acme/%00/invoices", INVOICE)

        assert status == 404

    async def test_conflicting_invoice(self, client: Client) -> None:
        """Another content under a number that is taken is a conflict."""
        await post(client, f"{PATH}/invoices", INVOICE)
        other = INVOICE | {"invoice_value": 900}

        status, problem = await post(client, f"{PATH}/invoices", other)

        assert (status, problem["code"]) == (409, "invoice-conflict")

    async def test_unknown_invoice(self, client: Client) -> None:
        """Nothing is tracked without its invoice."""
        path = f"{PATH}/invoices/NF9/tracking-number"
        status, problem = await post(client, path, NUMBER)

        assert (status, problem["code"]) == (422, "invoice-not-found")

    async def test_rule_of_the_order(self, client: Client) -> None:
        """An invoice above the order's value is refused with what would do."""
        dear = INVOICE | {"invoice_value": 1001}
        status, problem = await post(client, f"{PATH}/invoices", dear)

        assert (status, problem["code"]) == (422, "invalid-invoice")
        assert "1000" in problem["detail"]

    async def test_delivery_without_its_time(self, client: Client) -> None:
        """A delivery is told with the time of the delivery."""
        await post(client, f"{PATH}/invoices", INVOICE)
        delivered = UPDATE | {"is_delivered": True}

        status, problem = await post(client, f"{PATH}/courier-updates", delivered)

        assert (status, problem["code"]) == (422, "invalid-courier-update")

    @pytest.mark.parametrize(
        ("path", "body", "pointer"),
        [
            ("invoices", INVOICE | {"type": "Other"}, "/body/type"),
            ("invoices", INVOICE | {"invoice_number": "a b"}, "/body/invoice_number"),
            ("invoices", INVOICE | {"invoice_number": "a/b"}, "/body/invoice_number"),
            ("invoices", INVOICE | {"invoice_value": -1}, "/body/invoice_value"),
            ("invoices", INVOICE | {"invoice_value": 10**17}, "/body/invoice_value"),
            (
                "invoices",
                INVOICE | {"issuance_date": "2026-03-02T12:00:00"},
                "/body/issuance_date",
            ),
            ("invoices", INVOICE | {"items": []}, "/body/items"),
            (
                "invoices",
                INVOICE | {"items": [{"id": "100", "price": 1, "quantity": 0}]},
                "/body/items/0/quantity",
            ),
            (
                "invoices",
                INVOICE | {"tracking_url": "javascript:alert(1)"},
                "/body/tracking_url",
            ),
            ("invoices", INVOICE | {"customer": "Ana"}, "/body/customer"),
            ("invoices/NF1/tracking-number", {}, "/body/tracking_number"),
            (
                "courier-updates",
                UPDATE | {"checkpoints": [{"description": "", "at": "yesterday"}]},
                "/body/checkpoints/0/description",
            ),
            (
                "courier-updates",
                UPDATE | {"checkpoints": [{"description": "a\x00", "at": None}]},
                "/body/checkpoints/0/description",
            ),
            ("cancellation", {"reason": " ", "requested_by_user": 7}, "/body/reason"),
            ("cancellation", b"not json", "/body"),
            ("cancellation", b'{"reason":"\\ud800"}', "/body"),
        ],
    )
    async def test_fields_are_named(
        self, client: Client, path: str, body: object, pointer: str
    ) -> None:
        """Each field that does not validate is named, and nothing is stored."""
        status, problem = await post(client, f"{PATH}/{path}", body)

        assert (status, problem["code"]) == (422, "invalid-request")
        assert pointer in [fault["pointer"] for fault in problem["errors"]]

    async def test_key_of_another_request(self, client: Client) -> None:
        """A key that came with another body, or for another address, is refused."""
        await post(client, f"{PATH}/invoices", INVOICE, Idempotency_Key="k-1")
        other = INVOICE | {"invoice_number": "NF2"}

        for path, body in (("invoices", other), ("cancellation", CANCELLATION)):
            status, problem = await post(
                client, f"{PATH}/{path}", body, Idempotency_Key="k-1"
            )
            assert (status, problem["code"]) == (422, "idempotency-key-reused")

    @pytest.mark.parametrize("key", ["", '""', "x" * 256])
    async def test_unusable_key(self, client: Client, key: str) -> None:
        """A key that is empty or too long is a bad request."""
        status, _ = await post(client, f"{PATH}/invoices", INVOICE, Idempotency_Key=key)

        assert status == 400

    async def test_database_away(self, client: Client, log: FailingLog) -> None:
        """What may not be stored is to be sent again."""
        log.away = {"1-01"}

        status, problem = await post(client, f"{PATH}/invoices", INVOICE)

        assert (status, problem["code"]) == (503, "database-unavailable")

    async def test_without_a_key_of_the_api(self, client: Client) -> None:
        """Commands need an API key."""
        status, _ = await post(client, f"{PATH}/invoices", INVOICE, Authorization="x")

        assert status == 401
