"""Feed v3 of the sandbox over HTTP: configure, read, commit."""

import json
from base64 import b64decode
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from sandbox_client import SandboxClient
from service.sandbox.accounts import SANDBOX_STORE
from service.sandbox.orders import Order

CONFIG: dict[str, Any] = {
    "filter": {"type": "FromWorkflow", "status": ["payment-pending", "canceled"]},
    "queue": {
        "visibilityTimeoutInSeconds": 240,
        "messageRetentionPeriodInSeconds": 345_600,
    },
}
PATH = "/api/orders/feed"
OLD_PATH = "/api/oms/pvt/feed/orders/status"
TEST_PATH = "/api/orders/expressions/jsonata"


class Reader(SandboxClient):
    """Configures the feed and reads it."""

    async def configure(self, **changes: object) -> tuple[int, Any]:
        return await self.call("POST", f"{PATH}/config", CONFIG | changes)

    async def read(self) -> list[dict[str, Any]]:
        _, items = await self.call("GET", f"{PATH}?maxlot=10")
        return list(items)

    def pay_for_an_order(self) -> Order:
        return self.bring(self.place_order(), "payment-approved")


@pytest_asyncio.fixture
async def reader() -> AsyncIterator[Reader]:
    async with Reader.of() as running:
        yield running


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

    async def test_goes_by_expression(self, reader: Reader) -> None:
        """A filter by expression is told, and told of changes, as it was given."""
        wanted = {
            "type": "FromOrders",
            "expression": 'status = "payment-approved"',
            "disableSingleFire": True,
        }
        await reader.configure(filter=wanted)
        order = reader.pay_for_an_order()
        _, config = await reader.call("GET", f"{PATH}/config")

        assert config["filter"] == wanted
        assert [item["orderId"] for item in await reader.read()] == [order.order_id]

    async def test_holds_every_status_without_a_filter(self, reader: Reader) -> None:
        """Who does not say what to tell is told of every change of status."""
        status, _ = await reader.call(
            "POST", f"{PATH}/config", {"queue": CONFIG["queue"]}
        )
        reader.place_order()

        assert status == 200
        assert [item["state"] for item in await reader.read()] == ["order-created"]

    async def test_refuses_wrong_expressions(self, reader: Reader) -> None:
        """An expression with a mistake is 400 when the feed is configured."""
        wanted = {"type": "FromOrders", "expression": "value >"}
        status, problem = await reader.configure(filter=wanted)

        assert status == 400
        assert problem["errors"].keys() == {"filter.expression"}

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

    async def test_hands_out_tokens(self, reader: Reader) -> None:
        """A handle is a JWT that carries what it is a receipt of."""
        await reader.configure()
        order = reader.pay_for_an_order()
        [item] = await reader.read()
        header, payload, signature = item["handle"].split(".")
        claims = json.loads(b64decode(payload + "==", altchars=b"-_"))

        assert json.loads(b64decode(header + "==")) == {"alg": "HS256", "typ": "JWT"}
        assert len(signature) == 43
        assert claims["OrderId"] == order.order_id
        assert claims["AppKey"] == SANDBOX_STORE.app_key
        assert claims["State"] == item["state"]

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

    async def test_takes_no_forged_handles(self, reader: Reader) -> None:
        """A handle that was tampered with commits nothing."""
        await reader.configure()
        reader.pay_for_an_order()
        [item] = await reader.read()
        forged = item["handle"][:-1] + ("A" if item["handle"][-1] != "A" else "B")
        status, _ = await reader.call("POST", PATH, {"handles": [forged, "a.b.c", "é"]})
        reader.clock.advance(240)

        assert status == 200
        assert len(await reader.read()) == 1


class TestOldFeed:
    async def test_tells_until_it_is_confirmed(self, reader: Reader) -> None:
        """Every status comes, and again until its token is sent back."""
        await reader.call("GET", f"{OLD_PATH}?maxLot=1")
        order = reader.place_order()
        _, [item] = await reader.call("GET", f"{OLD_PATH}?maxLot=50")
        reader.clock.advance(0.5)
        _, hidden = await reader.call("GET", f"{OLD_PATH}?maxLot=50")
        tokens = [{"commitToken": token} for token in ("nonsense", item["commitToken"])]
        status, _ = await reader.call("POST", f"{OLD_PATH}/confirm", tokens)
        reader.clock.advance(240)
        _, later = await reader.call("GET", f"{OLD_PATH}?maxLot=50")

        assert (item["orderId"], item["status"]) == (order.order_id, "order-created")
        assert item["commitToken"].startswith("Marketplace##{")
        assert (status, hidden) == (200, [])
        assert "order-created" not in {item["status"] for item in later}

    @pytest.mark.parametrize("lot", ["", "0", "101", "x"])
    async def test_takes_lots_up_to_a_hundred(self, reader: Reader, lot: str) -> None:
        """Any other lot is 400."""
        assert (await reader.call("GET", f"{OLD_PATH}?maxLot={lot}"))[0] == 400

    @pytest.mark.parametrize("body", [None, {}, [1], [{"token": "x"}]])
    async def test_needs_a_list_of_tokens(self, reader: Reader, body: object) -> None:
        """Anything else is 400."""
        assert (await reader.call("POST", f"{OLD_PATH}/confirm", body))[0] == 400


class TestExpression:
    @pytest.mark.parametrize(
        ("expression", "held"),
        [
            ('status = "canceled"', True),
            (r"status = \"canceled\"", True),
            ("value > 100", False),
        ],
    )
    async def test_is_tried(
        self, reader: Reader, expression: str, *, held: bool
    ) -> None:
        """The answer says whether the document meets it, however often it is escaped."""
        answers = [
            await reader.call(
                "POST", TEST_PATH, {"Expression": expression, "Document": document}
            )
            for document in ('{"status": "canceled"}', r"{\"status\": \"canceled\"}")
        ]

        assert answers == [(200, held)] * 2

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"Expression": "value >"}, "Expression"),
            ({"Expression": "$number(status)"}, "Expression"),
            ({"Expression": None}, "Expression"),
            ({"Document": "{"}, "Document"),
            ({"Document": {}}, "Document"),
        ],
    )
    async def test_names_what_is_wrong(
        self, reader: Reader, changes: dict[str, object], field: str
    ) -> None:
        """What cannot be tried is 400, with the field's name."""
        body = {"Expression": "true", "Document": '{"status": "x"}'} | changes
        status, problem = await reader.call("POST", TEST_PATH, body)

        assert status == 400
        assert problem["errors"].keys() == {field}
