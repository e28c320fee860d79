"""The lists of orders: what the index knows and when, filters, pages, statistics."""

from datetime import timedelta
from typing import Any

import pytest

from sandbox_kit import ChosenFaults, bring, invoice_body
from service.sandbox import calls
from service.sandbox.clock import ManualClock
from service.sandbox.index import OrderIndex
from service.sandbox.invention import Wish
from service.sandbox.listing import Paging, listed, listed_to_user
from service.sandbox.listing_document import list_document, rounded
from service.sandbox.listing_query import ListQuery, UserQuery, Window
from service.sandbox.oms import Caller, Oms
from service.sandbox.orders import Order
from service.sandbox.refusals import InvalidBodyError

COMPLETE = Wish(flow="complete", fate="completed")
SALE = Wish(flow="marketplace", fate="completed")


class Shop:
    """An OMS with one account, its index, and a hand on the clock."""

    def __init__(self, *, lag: float = 0) -> None:
        self.clock = ManualClock()
        self.faults = ChosenFaults()
        self.oms = Oms(accounts=["acme"], seed=7, clock=self.clock)
        self.index = OrderIndex(
            self.oms, lag=timedelta(seconds=lag), faults=self.faults
        )

    def order(self, wish: Wish = COMPLETE, status: str | None = None) -> Order:
        order = self.oms.place_order("acme", wish)
        if status is not None:
            bring(self.oms, self.clock, order, status)
        return order

    def do(self, order: Order, call: calls.Call) -> None:
        caller = Caller(account="acme", name="erp")
        self.oms.carry_out(caller, order.order_id, call)

    def found(self, **query: object) -> list[str]:
        asked = ListQuery.model_validate(query)
        rows = listed(self.index, "acme", asked, now=self.clock.now())
        return [row.order.order_id for row in rows]

    def found_by_user(self, **query: object) -> list[str]:
        asked = UserQuery.model_validate(query)
        rows = listed_to_user(self.index, "acme", asked)
        return [row.order.order_id for row in rows]

    def statuses(self) -> list[str]:
        return [row.order.status for row in self.index.rows("acme")]


@pytest.fixture
def shop() -> Shop:
    return Shop()


class TestIndex:
    def test_is_late(self) -> None:
        """A change shows four minutes after it happened, in the state of that time."""
        shop = Shop(lag=240)
        shop.oms.place_order("acme", Wish(flow="complete", incomplete=True))
        shop.clock.advance(239)
        before = shop.statuses()
        shop.clock.advance(1)

        assert before == []
        assert len(shop.statuses()) == 1

    def test_keeps_a_version_until_the_next_is_indexed(self) -> None:
        """An order that has gone on is listed as it was."""
        shop = Shop(lag=240)
        order = shop.order(status="ready-for-handling")
        shop.clock.advance(230)
        shop.do(order, calls.START_HANDLING)
        shop.clock.advance(10)

        assert shop.statuses() == ["ready-for-handling"]
        assert order.status == "handling"

    def test_holds_what_was_there_before(self) -> None:
        """An index that comes later knows the orders that were there."""
        shop = Shop()
        order = shop.order()
        late = OrderIndex(shop.oms)

        assert [row.order.order_id for row in late.rows("acme")] == [order.order_id]

    def test_holds_what_changes_before_anybody_looks(self) -> None:
        """An order that was there before the index is listed, though it has changed."""
        shop = Shop()
        order = shop.order(status="ready-for-handling")
        shop.clock.advance(300)
        late = OrderIndex(shop.oms)
        shop.do(order, calls.START_HANDLING)

        assert [row.order.order_id for row in late.rows("acme")] == [order.order_id]

    def test_ends_after_two_years(self, shop: Shop) -> None:
        """Orders of more than two years ago are not listed any more."""
        shop.order()
        shop.clock.advance(731 * 24 * 3600)

        assert shop.found() == []

    def test_misses_a_change(self, shop: Shop) -> None:
        """With KI-577103 the list shows a status that the order has left."""
        order = shop.order(status="payment-pending")
        shop.faults.names = {"KI-577103"}
        bring(shop.oms, shop.clock, order, "ready-for-handling")

        assert shop.statuses() == ["payment-pending"]

    def test_loses_an_order(self, shop: Shop) -> None:
        """With list-loses-orders an order is never listed, whatever happens to it."""
        shop.faults.names = {"list-loses-orders"}
        order = shop.order()
        shop.faults.names = set()
        bring(shop.oms, shop.clock, order, "ready-for-handling")

        assert shop.statuses() == []


class TestQuery:
    @pytest.mark.parametrize(
        "query",
        [
            {"page": 31},
            {"page": 0},
            {"page": "one"},
            {"per_page": 101},
            {"per_page": 0},
            {"orderBy": "status,asc"},
            {"orderBy": "creationDate"},
            {"f_status": "a,b,c,d,e,f,g,h"},
            {"f_creationDate": "2026-03-02"},
            {"f_creationDate": "creationDate:[2026-03-02]"},
            {"f_creationDate": "creationDate:[yesterday TO *]"},
            {"f_creationDate": "invoicedDate:[* TO *]"},
            {"f_creationDate": "creationDate:[0001-01-01T00:00:00+14:00 TO *]"},
            {"f_shippingEstimate": "tomorrow"},
            {"q": "a+b"},
            {"f_isInstore": "maybe"},
        ],
    )
    def test_is_refused(self, query: dict[str, object]) -> None:
        """What VTEX does not take is not valid."""
        with pytest.raises(ValueError, match="validation error"):
            ListQuery.model_validate(query)

    @pytest.mark.parametrize(
        "search", ["color", "tid", "tid&", "tid&sku_Ids=1", "tid&tid="]
    )
    def test_searches_one_field(self, search: str) -> None:
        """A search names a field that can be searched, with a value."""
        with pytest.raises(InvalidBodyError):
            ListQuery.model_validate({"searchField": search}).search()

    def test_takes_seven_statuses(self) -> None:
        """Seven statuses are not too many."""
        query = ListQuery.model_validate({"f_status": "a,b,c,d,e,f,g"})

        assert len(query.statuses) == 7

    def test_reads_what_the_admin_writes(self) -> None:
        """The Admin's word for every status, and its unknown parameters, do no harm."""
        query = ListQuery.model_validate({"f_status": "$$ALL_VALUES$$", "utc": "-0300"})

        assert query.statuses == ()

    def test_windows_hold_whole_milliseconds(self) -> None:
        """Two windows that follow one another miss nothing between them."""
        first = Window.read("[* TO 2026-03-02T12:00:00.999Z]", field="creationDate")
        second = Window.read("[2026-03-02T12:00:01Z TO *]", field="creationDate")
        at = ManualClock().now().replace(microsecond=999_999)

        assert first.holds(at)
        assert not second.holds(at)
        assert not first.holds(None)


class TestFilters:
    def test_by_status(self, shop: Shop) -> None:
        """Any of the statuses will do."""
        ready = shop.order(status="ready-for-handling")
        canceled = shop.order(Wish(flow="complete", fate="canceled"), status="canceled")
        shop.order()
        found = shop.found(f_status="canceled,ready-for-handling")

        assert set(found) == {ready.order_id, canceled.order_id}

    def test_by_the_lists_own_status(self, shop: Shop) -> None:
        """The list's word for waiting for the sellers finds those orders."""
        order = shop.order(SALE, status="waiting-for-authorization")

        assert order.order_id in shop.found(f_status="waiting-for-sellers-confirmation")

    def test_incomplete_orders(self, shop: Shop) -> None:
        """Orders without a workflow come only to whoever asks for them."""
        complete = shop.order()
        incomplete = shop.order(Wish(flow="complete", incomplete=True))

        assert shop.found() == [complete.order_id]
        assert shop.found(incompleteOrders=True) == [incomplete.order_id]

    def test_by_operator_shop_and_campaign(self, shop: Shop) -> None:
        """Who sold it, whether in a shop, and where the shopper came from."""
        by_phone = shop.order(Wish(flow="complete", operator="Ana Operadora"))
        in_store = shop.order(Wish(flow="complete", in_store=True))
        campaign = shop.order(Wish(flow="complete", utm_source="natal"))

        assert shop.found(f_callCenterOperatorName="Ana Operadora") == [
            by_phone.order_id
        ]
        assert shop.found(f_isInstore=True) == [in_store.order_id]
        assert set(shop.found(f_isInstore=False)) == {
            by_phone.order_id,
            campaign.order_id,
        }
        assert shop.found(f_UtmSource="natal") == [campaign.order_id]

    @pytest.mark.parametrize(
        ("query", "is_found"),
        [
            ({"salesChannelId": "1"}, True),
            ({"salesChannelId": "2"}, False),
            ({"salesChannelId": ""}, True),
            ({"f_salesChannel": "Main"}, True),
            ({"f_affiliateId": "MKP"}, False),
            ({"f_sellerNames": "Loja Sandbox"}, True),
            ({"f_sellerNames": "Nobody"}, False),
            ({"f_paymentNames": "Mastercard"}, True),
            ({"f_paymentNames": "Visa"}, False),
            ({"f_RnB": "Free shipping"}, False),
            ({"f_hasInputInvoice": False}, True),
            ({"f_hasInputInvoice": True}, False),
            ({"searchField": "listId&listId=1"}, False),
            ({"searchField": "nsu", "nsu": "1"}, False),
        ],
    )
    def test_by_what_is_sold_and_how(
        self, shop: Shop, query: dict[str, object], *, is_found: bool
    ) -> None:
        """Channel, affiliate, seller, payment, promotion and returns are filters."""
        shop.order()

        assert bool(shop.found(**query)) is is_found

    def test_by_number(self, shop: Shop) -> None:
        """An order is found by its SKU, its payment and its transaction."""
        shop.order(Wish(flow="complete", items=1))
        order = shop.order(Wish(flow="complete", items=1))
        number = order.sequence

        assert order.order_id in shop.found(
            searchField="sku_Ids", sku_Ids=order.items[0].sku
        )
        assert shop.found(searchField=f"tid&tid=tid-{number}") == [order.order_id]
        assert shop.found(searchField="paymentId", paymentId=f"payment-{number}") == [
            order.order_id
        ]

    def test_by_words(self, shop: Shop) -> None:
        """An order id, an e-mail, a document, or words of a name."""
        order = shop.order()
        shopper = order.shopper

        for words in (
            order.order_id,
            shopper.email.upper(),
            shopper.document,
            shopper.first_name,
            f"{shopper.last_name} {shopper.first_name}",
        ):
            assert shop.found(q=words) == [order.order_id]
        assert shop.found(q=shopper.first_name[:2]) == []

    def test_by_window(self, shop: Shop) -> None:
        """Creation, authorization and invoice each have a window, both ends within."""
        first = shop.order()
        shop.clock.advance(60)
        second = shop.order(status="payment-approved")
        at = (second.authorized_at or second.created_at).isoformat()
        created = second.created_at.isoformat()

        assert shop.found(f_authorizedDate=f"authorizedDate:[{at} TO {at}]") == [
            second.order_id
        ]
        assert shop.found(f_creationDate=f"creationDate:[{created} TO *]") == [
            second.order_id
        ]
        assert shop.found(f_creationDate=f"[* TO {first.created_at.isoformat()}]") == [
            first.order_id
        ]
        assert shop.found(f_invoicedDate="invoicedDate:[* TO *]") == []

    def test_by_estimate(self, shop: Shop) -> None:
        """Today, within a week, and late."""
        order = shop.order(
            Wish(flow="complete", channel="pickup-in-point", pickup_in=0)
        )
        today, week = (
            shop.found(f_shippingEstimate="0.days"),
            shop.found(f_shippingEstimate="7.days"),
        )
        tomorrow = shop.found(f_shippingEstimate="1.days")
        bring(shop.oms, shop.clock, order, "ready-for-handling")
        shop.clock.advance(48 * 3600)

        assert today == week == [order.order_id]
        assert tomorrow == []
        assert shop.found(f_shippingEstimate="-1.days") == [order.order_id]

    def test_by_return(self, shop: Shop) -> None:
        """An order of which something came back is found as such."""
        order = shop.order(status="ready-for-handling")
        shop.do(order, calls.START_HANDLING)
        bring(shop.oms, shop.clock, order, "handling")
        shop.do(order, calls.invoice(invoice_body(order)))
        bring(shop.oms, shop.clock, order, "invoiced")
        shop.do(order, calls.invoice(invoice_body(order, "NF2", type="Input")))

        assert shop.found(f_hasInputInvoice=True) == [order.order_id]


class TestOrder:
    def test_newest_first(self, shop: Shop) -> None:
        """Unless told otherwise the newest order comes first."""
        first = shop.order()
        shop.clock.advance(60)
        second = shop.order()

        assert shop.found() == [second.order_id, first.order_id]
        assert shop.found(orderBy="creationDate,asc") == [
            first.order_id,
            second.order_id,
        ]

    def test_by_value(self, shop: Shop) -> None:
        """Values are compared as numbers."""
        orders = {(order := shop.order()).order_id: order.value for _ in range(9)}

        values = [orders[found] for found in shop.found(orderBy="totalValue,desc")]
        assert values == sorted(orders.values(), reverse=True)


class TestUser:
    def test_sees_only_their_own(self, shop: Shop) -> None:
        """A customer's list has no one else's orders, no seller's, no incomplete ones."""
        orders = [shop.order(SALE) for _ in range(6)]
        shop.order(Wish(flow="complete", incomplete=True))
        email = orders[0].client_email
        own = {order.order_id for order in orders if order.client_email == email}

        assert set(shop.found_by_user(clientEmail=email.upper())) == own
        assert set(shop.found_by_user()) == {order.order_id for order in orders}
        assert shop.found_by_user(clientEmail="nobody@example.com") == []

    def test_filters(self, shop: Shop) -> None:
        """By a text of the order, by statuses, by creation, by what a company has."""
        order = shop.order(status="payment-pending")
        item = order.items[0].name

        assert shop.found_by_user(text=item.upper()) == [order.order_id]
        assert shop.found_by_user(text="nothing like it") == []
        assert shop.found_by_user(status="handling,payment-pending") == [order.order_id]
        assert shop.found_by_user(status="handling") == []
        assert shop.found_by_user(creation_date="[2030-01-01T00:00:00Z TO *]") == []
        assert shop.found_by_user(purchase_agent_id="somebody") == []
        assert shop.found_by_user(my_pending_approvals=True) == []


class TestStatistics:
    def test_are_of_all_pages(self, shop: Shop) -> None:
        """Statistics count every order that was found, and by its side."""
        orders = [shop.order(), shop.order(SALE)]
        rows = listed(shop.index, "acme", ListQuery(), now=shop.clock.now())
        document: Any = list_document(rows, [], Paging(len(rows), 1, 1))
        value = document["stats"]["stats"]["totalValue"]
        origins = value["Facets"]["origin"]

        assert value["Count"] == 3
        assert value["Sum"] == orders[0].value + 2 * orders[1].value
        assert (value["Min"], value["Max"]) == (
            min(order.value for order in orders),
            max(order.value for order in orders),
        )
        assert origins["Fulfillment"]["Sum"] == orders[1].value
        assert origins["Marketplace"]["Count"] == 2

    def test_of_nothing(self) -> None:
        """An empty list has statistics, too."""
        document: Any = list_document([], [], Paging(0, 1, 15))

        assert document["stats"]["stats"]["totalItems"]["Sum"] == 0
        assert document["paging"] == {
            "total": 0,
            "pages": 0,
            "currentPage": 1,
            "perPage": 15,
        }

    @pytest.mark.parametrize(
        ("value", "shown"), [(12_345, 12_345.0), (16_777_217, 16_777_216.0)]
    )
    def test_hold_high_values_badly(self, value: int, shown: float) -> None:
        """VTEX's index holds a value with 24 bits."""
        assert rounded(value) == shown
