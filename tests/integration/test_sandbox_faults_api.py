"""Faults of the sandbox's operations over HTTP: asked for, they happen."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
import pytest_asyncio

from sandbox_client import SandboxClient
from sandbox_kit import invoice_body
from service.domain import raw
from service.sandbox.accounts import SANDBOX_STORE
from service.sandbox.server import Sandbox

FAULTS = "/sandbox/faults"
ORDERS = "/api/oms/pvt/orders"


class Integrator(SandboxClient):
    """Calls the Orders API of a sandbox with faults."""

    def __init__(self, running: Sandbox, session: aiohttp.ClientSession) -> None:
        super().__init__(running, session)
        self.order = self.place_order()

    async def fail(self, **rule: object) -> list[Any]:
        status, told = await self.call("POST", FAULTS, rule)
        assert status == 201
        return list(told["faults"])

    async def ask(
        self, method: str, path: str, body: object = None
    ) -> tuple[int, bytes, str | None]:
        """Return the status, the content as it came, and when to come back."""
        headers = SANDBOX_STORE.headers()
        async with self.session.request(
            method, path, json=body, headers=headers
        ) as response:
            content = await response.read()
            return response.status, content, response.headers.get("Retry-After")

    async def get_order(self) -> tuple[int, bytes]:
        status, content, _ = await self.ask("GET", f"{ORDERS}/{self.order.order_id}")
        return status, content


@pytest_asyncio.fixture
async def integrator() -> AsyncIterator[Integrator]:
    async with Integrator.of() as running:
        yield running


class TestStatus:
    async def test_tells_when_to_come_back(self, integrator: Integrator) -> None:
        """A 429 has its Retry-After, if it should, and VTEX's words."""
        await integrator.fail(kind="status", status=429, retry_after=7, times=1)
        await integrator.fail(kind="status", status=429, times=1)
        path = f"{ORDERS}/{integrator.order.order_id}"
        first = await integrator.ask("GET", path)
        second = await integrator.ask("GET", path)
        third = await integrator.ask("GET", path)

        assert (first[0], first[2]) == (429, "7")
        assert (second[0], second[2]) == (429, None)
        assert orjson.loads(first[1])["error"]["message"] == "Too Many Requests"
        assert third[0] == 200

    @pytest.mark.parametrize("after", [False, True])
    async def test_may_come_after_the_call(
        self, integrator: Integrator, *, after: bool
    ) -> None:
        """A 500 leaves the call undone, or done, as it was asked to."""
        await integrator.fail(kind="status", status=500, after=after, times=1)
        order = integrator.bring(integrator.order, "ready-for-handling")
        path = f"{ORDERS}/{order.order_id}/start-handling"
        status, _, _ = await integrator.ask("POST", path)

        assert status == 500
        assert order.status == ("start-handling" if after else "ready-for-handling")


class TestCut:
    @pytest.mark.parametrize("after", [False, True])
    async def test_leaves_no_answer(
        self, integrator: Integrator, *, after: bool
    ) -> None:
        """The connection goes, before the invoice is attached or after it."""
        rule = {"kind": "cut", "operation": "Order invoice notification"}
        await integrator.fail(**rule, after=after, times=1)
        order = integrator.bring(integrator.order, "ready-for-handling")
        await integrator.ask("POST", f"{ORDERS}/{order.order_id}/start-handling")
        integrator.bring(integrator.order, "handling")
        path = f"{ORDERS}/{order.order_id}/invoice"
        with pytest.raises(aiohttp.ClientConnectionError):
            # A connection of before would make the client try again by itself.
            await _once(integrator, path, invoice_body(order))

        assert len(order.packages) == (1 if after else 0)
        assert (await integrator.get_order())[0] == 200


async def _once(integrator: Integrator, path: str, body: object) -> None:
    async with (
        aiohttp.ClientSession(headers=SANDBOX_STORE.headers()) as session,
        session.post(f"{integrator.sandbox.url}{path}", json=body) as response,
    ):
        await response.read()


class TestContent:
    async def test_ends_in_the_middle(self, integrator: Integrator) -> None:
        """A truncated body is shorter than it says."""
        await integrator.fail(kind="truncated", times=1)

        with pytest.raises(aiohttp.ClientPayloadError):
            await integrator.get_order()
        assert (await integrator.get_order())[0] == 200

    async def test_is_a_page(self, integrator: Integrator) -> None:
        """A page for people comes with status 200."""
        await integrator.fail(kind="html", times=1)
        status, content = await integrator.get_order()

        assert status == 200
        assert content.startswith(b"<!DOCTYPE html>")

    async def test_is_far_too_long(self, integrator: Integrator) -> None:
        """A document of ten megabytes still is the order."""
        await integrator.fail(kind="huge", times=1)
        _, content = await integrator.get_order()

        assert len(content) > 10_000_000
        assert orjson.loads(content)["orderId"] == integrator.order.order_id

    async def test_has_dates_in_three_formats(self, integrator: Integrator) -> None:
        """Every date can still be read, and is the same second."""
        integrator.bring(integrator.order, "ready-for-handling")
        plain = orjson.loads((await integrator.get_order())[1])
        await integrator.fail(kind="dates", times=1)
        strange = orjson.loads((await integrator.get_order())[1])
        names = ["creationDate", "lastChange", "authorizedDate"]
        read = [raw.moment(strange[name]) for name in names]
        meant = [raw.moment(plain[name]) for name in names]

        assert all(strange[name] != plain[name] for name in names)
        assert len({len(strange[name]) for name in names}) == 3
        assert [at and at.replace(microsecond=0) for at in read] == [
            at and at.replace(microsecond=0) for at in meant
        ]

    async def test_is_of_before(self, integrator: Integrator) -> None:
        """An old version of the order comes for some seconds, then the new one."""
        await integrator.fail(kind="stale", operation="Get order", seconds=30, times=2)
        first = orjson.loads((await integrator.get_order())[1])
        integrator.bring(integrator.order, "payment-pending")
        second = orjson.loads((await integrator.get_order())[1])
        integrator.clock.advance(29)
        third = orjson.loads((await integrator.get_order())[1])
        integrator.clock.advance(1)
        fourth = orjson.loads((await integrator.get_order())[1])

        assert first["status"] == "order-created"
        assert (second, third) == (first, first)
        assert fourth["status"] != "order-created"


class TestFaults:
    async def test_are_told_and_taken_back(self, integrator: Integrator) -> None:
        """What was asked for is listed with how often it happened, until it is gone."""
        [fault] = await integrator.fail(kind="status", status=404, times=1)
        await integrator.get_order()
        told = orjson.loads((await integrator.ask("GET", FAULTS))[1])
        path = f"{FAULTS}/{fault['number']}"
        removed = [(await integrator.ask("DELETE", path))[0] for _ in range(2)]

        assert [(f["struck"], f["rule"]["status"]) for f in told["faults"]] == [
            (1, 404)
        ]
        assert "Get order" in told["operations"]
        assert "feed-duplicate" in told["known"]
        assert removed == [204, 404]

    async def test_are_all_taken_back(self, integrator: Integrator) -> None:
        """A mix of everything is many faults, and one call removes them."""
        added = await integrator.fail(mix="everything", rate=1)
        await integrator.ask("DELETE", FAULTS)

        assert len(added) > 20
        assert (await integrator.get_order())[0] == 200

    @pytest.mark.parametrize(
        "rule",
        [
            {"kind": "cut", "operation": "Get oder"},
            {"name": "KI-0"},
            {"kind": "cut", "rate": "often"},
            [],
        ],
    )
    async def test_are_refused_by_name(
        self, integrator: Integrator, rule: object
    ) -> None:
        """A fault that could never happen is 400."""
        assert (await integrator.ask("POST", FAULTS, rule))[0] == 400

    async def test_leave_the_sandbox_alone(self, integrator: Integrator) -> None:
        """What only the sandbox has never fails."""
        await integrator.fail(kind="status")

        assert (await integrator.ask("GET", "/sandbox/health"))[0] == 200
        assert (await integrator.get_order())[0] == 503
