"""The sandbox's lists, conversation, payment, notes and custom data over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from sandbox_client import SandboxClient
from service.errors import InvalidSettingsError
from service.sandbox.accounts import SANDBOX_STORE, credentials_of
from service.sandbox.invention import Wish
from service.sandbox.orders import Order
from service.sandbox.server import sandbox

OTHER = credentials_of("otherstore")
COMPLETE = Wish(flow="complete", fate="completed")
SALE = Wish(flow="marketplace", fate="completed")
ORDERS = "/api/oms/pvt/orders"
USER = "/api/oms/user/orders"
TASK = {
    "target": [{"id": "1-01", "type": "order", "url": "https://shop.example.com/1-01"}],
    "domain": "oms",
    "context": "Marketplace",
    "name": "pricing",
    "priority": "Critical",
    "surrogateKey": "1-0",
    "description": "look at the price",
    "dueDate": "2026-03-03",
    "assignee": {"id": None, "name": None, "email": "ana@example.com"},
    "followers": [],
    "parentTaskId": None,
}


class Client(SandboxClient):
    """Reads lists and orders."""

    async def got(self, path: str, **query: str) -> Any:
        status, answer = await self.call("GET", path, query=list(query.items()))
        assert status == 200, answer
        return answer

    async def ids(self, path: str, **query: str) -> list[str]:
        answer = await self.got(path, **query)
        return [row["orderId"] for row in answer["list"]]

    def order(self, wish: Wish = COMPLETE, status: str | None = None) -> Order:
        order = self.place_order(wish)
        return order if status is None else self.bring(order, status)


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    async with Client.of(credentials=(SANDBOX_STORE, OTHER)) as running:
        yield running


@pytest.fixture
def indexed(client: Client) -> Client:
    """A client whose sandbox has been left alone for long enough to index all."""
    for _ in range(5):
        client.order()
    client.clock.advance(300)
    return client


class TestListOrders:
    async def test_is_four_minutes_late(self, client: Client) -> None:
        """A new order is there at once, and in the list four minutes later."""
        order = client.order()
        before = await client.ids(ORDERS)
        await client.sandbox.advance(300)

        assert before == []
        assert await client.ids(ORDERS) == [order.order_id]

    async def test_is_as_late_as_it_is_told(self) -> None:
        """Without a lag an order is listed at once; less than none there is not."""
        async with Client.of(index_lag=0) as client:
            order = client.order()

            assert await client.ids(ORDERS) == [order.order_id]
        with pytest.raises(InvalidSettingsError):
            async with sandbox(seed=7, orders_per_minute=0, index_lag=-1):
                pass

    async def test_gives_pages(self, indexed: Client) -> None:
        """A page says how many there are; after the last one nothing comes."""
        answer = await indexed.got(ORDERS, page="2", per_page="3")
        after = await indexed.got(ORDERS, page="3", per_page="3")

        assert answer["paging"] == {
            "total": 5,
            "pages": 2,
            "currentPage": 2,
            "perPage": 3,
        }
        assert len(answer["list"]) == 2
        assert answer["stats"]["stats"]["totalValue"]["Count"] == 5
        assert after["list"] == []

    async def test_shows_no_items(self, indexed: Client) -> None:
        """A row has the customer, the value and the last mail, but no items."""
        answer = await indexed.got(ORDERS)
        row = answer["list"][0]
        order = indexed.sandbox.oms.order("sandboxstore", row["orderId"])

        assert row["items"] is None
        assert row["totalValue"] == order.value
        assert row["clientName"].startswith(order.shopper.first_name)
        assert order.order_id in row["lastMessageUnread"]

    @pytest.mark.parametrize(
        "query",
        [
            {"page": "31"},
            {"per_page": "101"},
            {"f_status": "a,b,c,d,e,f,g,h"},
            {"f_creationDate": "yesterday"},
            {"searchField": "color"},
        ],
    )
    async def test_refuses_what_vtex_refuses(
        self, client: Client, query: dict[str, str]
    ) -> None:
        """No page after the thirtieth, none too long, no filter that is not one."""
        status, answer = await client.call("GET", ORDERS, query=list(query.items()))

        assert status == 400
        assert answer["error"]["code"] == "1"

    async def test_takes_a_filter_twice(self, indexed: Client) -> None:
        """A filter that is repeated asks for either."""
        query = [("f_status", "ready-for-handling"), ("f_status", "canceled")]
        _, answer = await indexed.call("GET", ORDERS, query=query)

        assert answer["paging"]["total"] == 5

    async def test_is_of_one_account(self, indexed: Client) -> None:
        """Another account's list has none of them."""
        _, answer = await indexed.call("GET", ORDERS, headers=OTHER.headers())

        assert answer["list"] == []


class TestOrderGroup:
    async def test_has_both_sides(self, client: Client) -> None:
        """The marketplace's order and the seller's come together, as they are now."""
        order = client.order(SALE)
        answer = await client.got(f"{ORDERS}/order-group/{order.group}")

        assert {found["orderId"] for found in answer} == {order.order_id, order.twin}
        assert {found["orderGroup"] for found in answer} == {order.group}

    async def test_has_all_sellers(self, client: Client) -> None:
        """Every seller's part of a purchase is there."""
        order = client.order(Wish(sellers=2, items=2, fate="completed"))
        answer = await client.got(f"{ORDERS}/order-group/{order.group}")
        sellers = {item["seller"] for found in answer for item in found["items"]}

        assert len(sellers) == 2

    async def test_may_be_empty(self, client: Client) -> None:
        """Nobody has bought a group that does not exist."""
        assert await client.got(f"{ORDERS}/order-group/1") == []


class TestUserOrders:
    async def test_are_of_one_customer(self, client: Client) -> None:
        """The list has only that customer's orders, on the shop's side, with items."""
        order = client.order(SALE)
        await client.sandbox.advance(300)
        answer = await client.got(USER, clientEmail=order.client_email)

        assert [row["orderId"] for row in answer["list"]] == [order.order_id]
        assert answer["list"][0]["items"][0]["id"] == order.items[0].sku
        assert await client.ids(USER, clientEmail="nobody@example.com") == []

    async def test_filter_by_repeated_statuses(self, indexed: Client) -> None:
        """Several statuses come in several parameters."""
        query = [("status", "handling"), ("status", "ready-for-handling")]
        _, answer = await indexed.call("GET", USER, query=query)

        assert answer["paging"]["total"] == 5

    async def test_show_one_order(self, client: Client) -> None:
        """A customer sees their own order, with the last mail."""
        order = client.order(SALE, status="payment-approved")
        path = f"{USER}/{order.order_id}"
        answer = await client.got(path, clientEmail=order.client_email)

        assert answer["orderId"] == order.order_id
        assert "pagamento" in answer["lastMessage"]

    async def test_hide_what_is_not_theirs(self, client: Client) -> None:
        """Another customer's order and a seller's are not found."""
        order = client.order(SALE)
        query = [("clientEmail", "nobody@example.com")]
        other, _ = await client.call("GET", f"{USER}/{order.order_id}", query=query)
        seller, _ = await client.call("GET", f"{USER}/{order.twin}")

        assert (other, seller) == (404, 404)


class TestConversation:
    async def test_shows_the_mails(self, client: Client) -> None:
        """Each mail is a message to the shopper."""
        order = client.order(status="payment-approved")
        answer = await client.got(f"{ORDERS}/{order.order_id}/conversation-message")

        assert [message["subject"] for message in answer] == [
            "Pedido realizado",
            "Seu pagamento foi aprovado",
        ]
        assert answer[0]["to"][0]["email"] == order.client_email
        assert len({message["id"] for message in answer}) == 2

    async def test_log_keeps_what_is_added(self, client: Client) -> None:
        """An interaction is in the log, with the appKey and the time."""
        order = client.order()
        path = f"{ORDERS}/{order.order_id}/interactions"
        line = {"source": "erp", "message": "stock is short"}
        status, _ = await client.call("POST", path, line)
        log = await client.got(path)

        assert status == 200
        assert [entry["message"] for entry in log] == ["stock is short"]
        assert log[0]["user"] == SANDBOX_STORE.app_key
        assert client.sandbox.oms.ledger()[-1].kind == "interaction"

    @pytest.mark.parametrize("body", [{}, {"source": "erp"}, {"message": ""}, []])
    async def test_log_needs_source_and_message(
        self, client: Client, body: object
    ) -> None:
        """An interaction says where it comes from, and something."""
        order = client.order()
        path = f"{ORDERS}/{order.order_id}/interactions"
        status, _ = await client.call("POST", path, body)

        assert status == 400
        assert await client.got(path) == []

    @pytest.mark.parametrize("part", ["conversation-message", "interactions"])
    async def test_is_of_an_order(self, client: Client, part: str) -> None:
        """An order that does not exist has no conversation."""
        status, answer = await client.call("GET", f"{ORDERS}/1-01/{part}")

        assert status == 404
        assert answer["error"]["code"] == "OMS007"


class TestPayment:
    async def test_is_shown(self, client: Client) -> None:
        """The transaction has its state and its payment."""
        order = client.order(status="payment-approved")
        answer = await client.got(f"{ORDERS}/{order.order_id}/payment-transaction")

        assert answer["status"] == "Approved"
        assert answer["payments"][0]["value"] == order.value

    async def test_is_notified(self, client: Client) -> None:
        """The notification moves the order, once; an unknown payment is not found."""
        order = client.order(status="payment-pending")
        base = f"{ORDERS}/{order.order_id}"
        transaction = await client.got(f"{base}/payment-transaction")
        number = transaction["payments"][0]["id"]
        paths = [f"{base}/payments/{n}/payment-notification" for n in ("0", number)]
        unknown, _ = await client.call("POST", paths[0])
        first, _ = await client.call("POST", paths[1])
        again, _ = await client.call("POST", paths[1])

        assert (unknown, first, again) == (404, 200, 200)
        assert order.status == "approve-payment"


class TestCustomData:
    async def test_is_shown_with_the_order(self, client: Client) -> None:
        """What is set on the cart of an order is in Get order."""
        order = client.order()
        path = f"/api/checkout/pub/orderForm/orderform-{order.sequence}"
        await client.call(
            "PUT", f"{path}/customData/gift", {"from": "Ana", "to": "Rui"}
        )
        await client.call("PUT", f"{path}/customData/gift/to", {"value": "Eva"})
        await client.call("DELETE", f"{path}/customData/gift/from")
        field = {"name": "po", "value": "PO1", "refId": "1"}
        status, form = await client.call("PUT", f"{path}/customFields/order", field)
        shown = await client.got(f"{ORDERS}/{order.order_id}")

        assert status == 200
        assert shown["customData"] == form["customData"]
        assert shown["customData"]["customApps"][0]["fields"] == {"to": "Eva"}

    @pytest.mark.parametrize(
        "form", ["orderform-1", "29154e27383145cc8ce1f7a1df0d99c4"]
    )
    async def test_needs_the_cart_of_an_order(self, client: Client, form: str) -> None:
        """A cart that no order came from is not known."""
        path = f"/api/checkout/pub/orderForm/{form}/customData/gift"
        status, _ = await client.call("PUT", path, {"to": "Rui"})

        assert status == 404

    async def test_is_text(self, client: Client) -> None:
        """A value that is not a text is refused."""
        order = client.order()
        path = f"/api/checkout/pub/orderForm/orderform-{order.sequence}/customData/gift"
        status, _ = await client.call("PUT", path, {"to": ["Rui"]})

        assert status == 400


class TestNotes:
    async def test_are_written_and_read(self, client: Client) -> None:
        """A note is found by its order, page by page, and by its id."""
        body = {"target": {"id": "1-01"}, "domain": "oms", "description": "ring twice"}
        _, note = await client.call("POST", "/api/do/notes", body)
        await client.call("POST", "/api/do/notes", body)
        query = {"target.id": "1-01", "perPage": "1", "page": "2"}
        page = await client.got("/api/do/notes", **query)

        assert await client.got(f"/api/do/notes/{note['id']}") == note
        assert note["createdBy"]["key"] == SANDBOX_STORE.app_key
        assert len(page["items"]) == 1
        assert page["paging"] == {"page": 2, "perPage": 1, "total": 2, "pages": 2}

    async def test_are_refused(self, client: Client) -> None:
        """A note without an order or with too many words, and a list of no order."""
        body = {"target": {}, "domain": "oms", "description": "x" * 2001}
        written, answer = await client.call("POST", "/api/do/notes", body)
        listed, _ = await client.call("GET", "/api/do/notes")
        unknown, _ = await client.call("GET", "/api/do/notes/0")

        assert (written, listed, unknown) == (400, 400, 404)
        assert "description" in answer["error"]["message"]


class TestTasks:
    async def test_go_from_open_to_closed(self, client: Client) -> None:
        """A task is listed by whom and what it is for, and by its status."""
        _, task = await client.call("POST", "/api/do/tasks", TASK)
        path = f"/api/do/tasks/{task['id']}"
        await client.call("POST", f"{path}/comments", {"text": "done"})
        before = await client.got("/api/do/tasks", **{"target.id": "1-01"})
        await client.call("PUT", path, {"status": "Closed"})
        left = await client.got("/api/do/tasks", status="-Closed")
        closed = await client.got(
            "/api/do/tasks", **{"assignee.email": "ana@example.com", "status": "closed"}
        )

        assert task["status"] == "Open"
        assert before["items"][0]["comments"][0]["text"] == "done"
        assert left["items"] == []
        assert closed["items"] == [await client.got(path)]

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("GET", "", None),
            ("PUT", "", {"status": "Closed"}),
            ("POST", "/comments", {"text": "x"}),
        ],
    )
    async def test_may_be_unknown(
        self, client: Client, method: str, path: str, body: object
    ) -> None:
        """A task that does not exist is not found."""
        status, _ = await client.call(method, f"/api/do/tasks/0{path}", body)

        assert status == 404

    async def test_need_all_fields(self, client: Client) -> None:
        """VTEX wants every field of a task."""
        body = {name: value for name, value in TASK.items() if name != "dueDate"}
        status, answer = await client.call("POST", "/api/do/tasks", body)

        assert status == 400
        assert "dueDate" in answer["error"]["message"]


class TestFaults:
    async def test_values_are_rounded(self, client: Client) -> None:
        """With KI-756314 the list shows a float."""
        rule = {"name": "KI-756314"}
        status, _ = await client.call("POST", "/sandbox/faults", rule)
        client.order()
        await client.sandbox.advance(300)
        answer = await client.got(ORDERS)

        assert status < 300
        assert isinstance(answer["list"][0]["totalValue"], float)
