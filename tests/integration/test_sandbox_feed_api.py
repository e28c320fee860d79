"""Feed v3 of the sandbox over HTTP: configure, read, commit."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from sandbox_kit import bring
from service.sandbox.accounts import SANDBOX_STORE
from service.sandbox.clock import ManualClock
from service.sandbox.invention import Wish
from service.sandbox.oms import Oms
from service.sandbox.orders import Order
from service.sandbox.server import sandbox

CONFIG: dict[str, Any] = {
    "filter": {"type": "FromWorkflow", "status": ["payment-pending", "canceled"]},
    "queue": {
        "visibilityTimeoutInSeconds": 240,
        "messageRetentionPeriodInSeconds": 345_600,
    },
}
PATH = "/api/orders/feed"


class Reader:
    """Reads the feed of a sandbox that only the test moves."""

    def __init__(
        self, oms: Oms, clock: ManualClock, session: aiohttp.ClientSession
    ) -> None:
        self.clock = clock
        self._oms = oms
        self._session = session

    async def call(
        self, method: str, path: str, body: object = None
    ) -> tuple[int, Any]:
        async with self._session.request(method, path, json=body) as response:
            text = await response.read()
            return response.status, (await response.json() if text else None)

    async def configure(self, **changes: object) -> tuple[int, Any]:
        return await self.call("POST", f"{PATH}/config", CONFIG | changes)

    async def read(self) -> list[dict[str, Any]]:
        _, items = await self.call("GET", f"{PATH}?maxlot=10")
        return list(items)

    def place_order(self) -> Order:
        return self._oms.place_order("sandboxstore", Wish(fate="completed"))

    def pay_for_an_order(self) -> Order:
        order = self.place_order()
        bring(self._oms, self.clock, order, "payment-approved")
        return order


@pytest_asyncio.fixture
async def reader() -> AsyncIterator[Reader]:
    clock = ManualClock()
    async with (
        sandbox(seed=7, orders_per_minute=0, desk="none", clock=clock) as running,
        aiohttp.ClientSession(running.url, headers=SANDBOX_STORE.headers()) as session,
    ):
        yield Reader(running.oms, clock, session)


class TestConfig:
    async def test_is_unknown_at_first(self, reader: Reader) -> None:
        """Without a configuration every operation on the feed is 404."""
        commit = {"handles": ["x"]}

        assert (await reader.call("GET", f"{PATH}/config"))[0] == 404
        assert (await reader.call("DELETE", f"{PATH}/config"))[0] == 404
        assert (await reader.call("GET", f"{PATH}?maxlot=1"))[0] == 404
        assert (await reader.call("POST", PATH, commit))[0] == 404

    async def test_is_told_with_its_lag(self, reader: Reader) -> None:
        """What was configured comes back, with how much waits and how long."""
        await reader.configure()
        reader.pay_for_an_order()
        reader.clock.advance(60)
        status, config = await reader.call("GET", f"{PATH}/config")

        assert status == 200
        assert {key: config[key] for key in CONFIG} == CONFIG
        assert config["quantity"] == 1
        assert 60 < config["approximateAgeOfOldestMessageInSeconds"] < 70

    async def test_can_be_removed(self, reader: Reader) -> None:
        """A removed feed is unknown again, and starts empty when configured anew."""
        await reader.configure()
        reader.pay_for_an_order()
        removed, _ = await reader.call("DELETE", f"{PATH}/config")
        unknown, _ = await reader.call("GET", f"{PATH}/config")
        await reader.configure()

        assert (removed, unknown) == (200, 404)
        assert await reader.read() == []

    async def test_names_what_is_wrong(self, reader: Reader) -> None:
        """A filter that cannot be used is 400, with the field's name."""
        status, problem = await reader.configure(filter={"type": "Nothing"})

        assert status == 400
        assert problem["errors"].keys() == {"filter.type"}

    async def test_does_not_mix_filters(self, reader: Reader) -> None:
        """A filter by status and by expression is 409."""
        mixed = CONFIG["filter"] | {"expression": "true"}
        status, _ = await reader.configure(filter=mixed)

        assert status == 409


class TestRead:
    async def test_tells_what_was_asked_for(self, reader: Reader) -> None:
        """Of all changes only those to the wanted statuses come, in VTEX's words."""
        await reader.configure()
        order = reader.pay_for_an_order()
        [item] = await reader.read()

        assert item.keys() == {
            "eventId",
            "handle",
            "domain",
            "state",
            "lastState",
            "orderId",
            "lastChange",
            "currentChange",
        }
        assert (item["state"], item["domain"]) == ("payment-pending", "Marketplace")
        assert item["orderId"] == order.order_id
        assert item["lastChange"].endswith("Z")

    async def test_tells_what_has_just_become_due(self, reader: Reader) -> None:
        """A change is in the feed from the moment it was due."""
        await reader.configure()
        reader.place_order()
        reader.clock.advance(60)

        assert [item["state"] for item in await reader.read()] == ["payment-pending"]

    @pytest.mark.parametrize("lot", ["", "0", "11", "-1", "x", "1.5", "٣"])
    async def test_takes_lots_of_one_to_ten(self, reader: Reader, lot: str) -> None:
        """Any other lot is 400."""
        await reader.configure()
        status, _ = await reader.call("GET", f"{PATH}?maxlot={lot}")

        assert status == 400

    async def test_needs_a_lot(self, reader: Reader) -> None:
        """A read that does not say how much is 400."""
        await reader.configure()

        assert (await reader.call("GET", PATH))[0] == 400

    async def test_comes_back_until_it_is_committed(self, reader: Reader) -> None:
        """What is not committed is read again after the visibility timeout."""
        await reader.configure()
        reader.pay_for_an_order()
        [first] = await reader.read()
        hidden = await reader.read()
        reader.clock.advance(240)
        [second] = await reader.read()
        handles = [first["handle"], second["handle"], "nonsense"]
        status, _ = await reader.call("POST", PATH, {"handles": handles})
        reader.clock.advance(240)

        assert hidden == []
        assert first["handle"] != second["handle"]
        assert status == 200
        assert await reader.read() == []


class TestCommit:
    @pytest.mark.parametrize("body", [None, {}, {"handles": "x"}, {"handles": [1]}])
    async def test_needs_a_list_of_handles(self, reader: Reader, body: object) -> None:
        """Anything else is 400."""
        await reader.configure()
        status, _ = await reader.call("POST", PATH, body)

        assert status == 400
