"""The four order flows: every way through them, and both sides of a sale."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest

from sandbox_kit import (
    Body,
    OneOrderShop,
    invoice_body,
    tracking_body,
    tracking_number_body,
)
from service.sandbox import calls, flow
from service.sandbox.orders import Order
from service.sandbox.refusals import NotAllowedError, RefusedError

CANCEL: Body = {"reason": "no stock"}
DAY = 86_400.0


class Shop(OneOrderShop):
    """Denies cancellations besides."""

    def deny(self, order: Order) -> None:
        request = {"cancellationRequestId": order.requests[-1].request_id}
        self.do(calls.deny_cancellation(request), order)


def invoice(order: Order, number: str = "NF1", **changes: object) -> calls.Call:
    return calls.invoice(invoice_body(order, number, **changes))


def to_the_end(shop: Shop) -> None:
    seller = shop.twin if shop.order.flow in {"marketplace", "chain"} else shop.order
    shop.handle(seller)
    shop.do(invoice(seller), seller)
    shop.bring("invoiced", seller)
    shop.bring("invoiced")


def in_two_parts(shop: Shop) -> None:
    seller = shop.twin if shop.order.flow == "marketplace" else shop.order
    shop.handle(seller)
    shop.do(invoice(seller, "A", invoiceValue=100), seller)
    shop.bring("handling", seller)
    if seller is not shop.order:
        shop.bring("payment-approved")
    shop.do(invoice(seller, "B", invoiceValue=seller.value - 100), seller)
    shop.bring("invoiced", seller)
    shop.bring("invoiced")


def cancel_in(status: str, *, times: int = 1) -> Callable[[Shop], None]:
    def go(shop: Shop) -> None:
        if status == "handling":
            shop.handle(shop.order)
        else:
            shop.bring(status)
        for _ in range(times):
            shop.do(calls.cancel(CANCEL))
        shop.bring("canceled")

    return go


def asked_and_denied(shop: Shop) -> None:
    shop.handle(shop.order)
    shop.do(calls.cancel(CANCEL))
    shop.deny(shop.order)
    shop.bring("handling")


def asked_and_invoiced(shop: Shop) -> None:
    shop.handle(shop.order)
    shop.do(calls.cancel(CANCEL))
    shop.do(invoice(shop.order))
    shop.bring("invoiced")


def asked_and_forgotten(shop: Shop) -> None:
    shop.handle(shop.order)
    shop.do(calls.cancel(CANCEL))
    shop.bring("canceled")


def sale_cancelled_by_seller(shop: Shop) -> None:
    shop.bring("authorize-fulfillment", shop.twin)
    shop.do(calls.cancel(CANCEL), shop.twin)
    shop.bring("canceled")


def asks_seller(shop: Shop) -> None:
    shop.handle(shop.twin)
    shop.do(calls.cancel(CANCEL))
    shop.bring("cancellation-requested", shop.twin)


def seller_accepts(shop: Shop) -> None:
    asks_seller(shop)
    shop.do(calls.cancel(CANCEL), shop.twin)
    shop.bring("canceled")


def seller_denies(shop: Shop) -> None:
    asks_seller(shop)
    shop.deny(shop.twin)
    shop.bring("handling", shop.twin)


def seller_invoices_instead(shop: Shop) -> None:
    asks_seller(shop)
    shop.do(invoice(shop.twin), shop.twin)
    shop.bring("invoiced")


def nobody_answers(shop: Shop) -> None:
    asks_seller(shop)
    shop.bring("canceled")


def stays(shop: Shop) -> None:
    shop.bring("canceled")


def seller_refuses_the_sale(shop: Shop) -> None:
    shop.bring("waiting-for-manual-authorization", shop.twin)
    shop.bring("waiting-for-authorization")
    shop.do(calls.cancel(CANCEL), shop.twin)
    shop.bring("canceled")


def picked(shop: Shop) -> None:
    shop.handle(shop.order)
    shop.bring("ready-for-invoicing")
    shop.do(invoice(shop.order))
    shop.bring("invoiced")


def external_seller_invoices(shop: Shop) -> None:
    shop.bring("payment-approved")
    shop.do(invoice(shop.order))
    shop.bring("invoiced")


def external_seller_agrees(shop: Shop) -> None:
    shop.bring("payment-approved")
    shop.do(calls.cancel(CANCEL))
    shop.bring("waiting-for-seller-decision")
    shop.do(calls.cancel(CANCEL))
    shop.bring("canceled")


SALE = ["order-created", "on-order-completed", "waiting-for-authorization"]
PAID = [*SALE, "payment-pending", "approve-payment", "payment-approved"]
HANDLED = ["ready-for-handling", "start-handling", "handling"]
FULFILLED = ["authorize-fulfillment", "window-to-cancel", *HANDLED]
ACCEPTED = ["on-order-completed-ffm", "order-accepted", "waiting-ffmt-authorization"]
ENDED = ["cancel", "canceled"]
COMPLETE = [
    *("order-created", "on-order-completed", "payment-pending"),
    *("approve-payment", "payment-approved", *FULFILLED),
]
CHAINED = [*SALE, "waiting-for-mkt-authorization", "payment-approved"]
INVOICED = ["invoice", "invoiced"]
DECIDING = ["request-cancel", "waiting-for-seller-decision"]

WALKS: Sequence[tuple[dict[str, object], Callable[[Shop], None], list[str]]] = [
    ({}, to_the_end, [*COMPLETE, *INVOICED]),
    ({}, in_two_parts, [*COMPLETE, "invoice", "handling", *INVOICED]),
    ({}, cancel_in("payment-pending"), [*COMPLETE[:3], *ENDED]),
    ({}, cancel_in("window-to-cancel"), [*COMPLETE[:7], *ENDED]),
    (
        {},
        cancel_in("ready-for-handling", times=2),
        [*COMPLETE[:8], "cancellation-requested", *ENDED],
    ),
    ({"fate": "payment-denied"}, stays, [*COMPLETE[:4], *ENDED]),
    (
        {"fate": "payment-changed"},
        to_the_end,
        [
            *COMPLETE[:4],
            *("window-to-change-payment", "payment-pending", "approve-payment"),
            *COMPLETE[4:],
            *INVOICED,
        ],
    ),
    (
        {"fate": "payment-changed", "flow": "marketplace"},
        to_the_end,
        [
            *PAID[:5],
            *("window-to-change-payment", "payment-pending", "approve-payment"),
            *PAID[5:],
            *INVOICED,
        ],
    ),
    ({"fate": "create-error"}, stays, ["order-created", "order-create-error", *ENDED]),
    ({"stalled": "authorize-fulfillment"}, stays, [*COMPLETE[:6], *ENDED]),
    (
        {},
        asked_and_denied,
        [
            *COMPLETE,
            *("cancellation-requested", "cancellation-request-denied", "handling"),
        ],
    ),
    ({"flow": "marketplace"}, to_the_end, [*PAID, *INVOICED]),
    (
        {"flow": "marketplace"},
        in_two_parts,
        [*PAID, "invoice", "payment-approved", *INVOICED],
    ),
    ({"flow": "marketplace"}, cancel_in("payment-pending"), [*PAID[:4], *ENDED]),
    ({"flow": "marketplace", "fate": "payment-denied"}, stays, [*PAID[:5], *ENDED]),
    ({"flow": "marketplace"}, seller_accepts, [*PAID, *DECIDING, *ENDED]),
    ({"flow": "marketplace"}, nobody_answers, [*PAID, *DECIDING, *ENDED]),
    ({"flow": "marketplace"}, seller_denies, [*PAID, *DECIDING, "payment-approved"]),
    (
        {"flow": "marketplace"},
        seller_invoices_instead,
        [*PAID, *DECIDING, "payment-approved", *INVOICED],
    ),
    (
        {"flow": "marketplace"},
        sale_cancelled_by_seller,
        [*PAID, "window-to-change-seller", *ENDED],
    ),
    (
        {"flow": "marketplace", "manual_authorization": True},
        seller_refuses_the_sale,
        [*SALE, "request-cancel", *ENDED],
    ),
    (
        {"flow": "marketplace", "multilevel": True},
        to_the_end,
        [*PAID, "waiting-seller-handling", "payment-approved", *INVOICED],
    ),
    (
        {"flow": "marketplace", "external_seller": True},
        external_seller_invoices,
        [*PAID, *INVOICED],
    ),
    (
        {"flow": "marketplace", "external_seller": True},
        external_seller_agrees,
        [*PAID, *DECIDING, *ENDED],
    ),
    ({"flow": "seller"}, to_the_end, [*ACCEPTED, *FULFILLED, *INVOICED]),
    (
        {"flow": "seller"},
        in_two_parts,
        [*ACCEPTED, *FULFILLED, "invoice", "handling", *INVOICED],
    ),
    (
        {"flow": "seller", "manual_authorization": True},
        to_the_end,
        [
            *ACCEPTED[:2],
            "waiting-for-manual-authorization",
            *ACCEPTED[2:],
            *FULFILLED,
            *INVOICED,
        ],
    ),
    (
        {"flow": "seller", "wms": True},
        to_the_end,
        [
            *ACCEPTED,
            *FULFILLED[:2],
            "waiting-for-fulfillment",
            *HANDLED,
            *INVOICED,
        ],
    ),
    (
        {"flow": "seller", "stalled": "waiting-for-fulfillment"},
        stays,
        [*ACCEPTED, *FULFILLED[:2], "waiting-for-fulfillment", *ENDED],
    ),
    (
        {"flow": "seller", "stalled": "authorize-fulfillment"},
        stays,
        [*ACCEPTED, "authorize-fulfillment", *ENDED],
    ),
    (
        {"flow": "seller"},
        cancel_in("window-to-cancel"),
        [*ACCEPTED, *FULFILLED[:2], *ENDED],
    ),
    (
        {"flow": "seller"},
        cancel_in("ready-for-handling", times=2),
        [*ACCEPTED, *FULFILLED[:3], "cancellation-requested", *ENDED],
    ),
    (
        {"flow": "seller"},
        asked_and_denied,
        [
            *ACCEPTED,
            *FULFILLED,
            *("cancellation-requested", "cancellation-request-denied-ffm", "handling"),
        ],
    ),
    (
        {"flow": "seller"},
        asked_and_invoiced,
        [
            *ACCEPTED,
            *FULFILLED,
            *("cancellation-requested", "invoice-after-cancellation-deny", *INVOICED),
        ],
    ),
    (
        {"flow": "seller"},
        asked_and_forgotten,
        [*ACCEPTED, *FULFILLED, "cancellation-requested", *ENDED],
    ),
    (
        {"flow": "seller", "external_marketplace": True},
        to_the_end,
        [*ACCEPTED, *FULFILLED, *INVOICED],
    ),
    (
        {"flow": "seller", "pick_and_pack": True},
        picked,
        [*ACCEPTED, *FULFILLED, "ready-for-invoicing", *INVOICED],
    ),
    ({"pick_and_pack": True}, picked, [*COMPLETE, "ready-for-invoicing", *INVOICED]),
    ({"flow": "chain"}, to_the_end, [*CHAINED, *INVOICED]),
    ({"flow": "chain", "fate": "payment-denied"}, stays, [*CHAINED[:4], *ENDED]),
]


class TestWalks:
    @pytest.mark.parametrize(("wish", "walk", "states"), WALKS)
    def test_every_way_is_there(
        self,
        wish: dict[str, object],
        walk: Callable[[Shop], None],
        states: list[str],
    ) -> None:
        """An order that is treated so goes through these statuses, and no others."""
        shop = Shop(**wish)
        walk(shop)

        passed = shop.states()
        if shop.order.flow == "complete":
            passed = [s for s in passed if s != "waiting-for-authorization"]
        assert passed == states
        assert set(passed) <= flow.STATUSES[shop.order.flow]

    def test_tables_name_every_status(self) -> None:
        """Each flow has a first status, and can be cancelled and invoiced."""
        for name, statuses in flow.STATUSES.items():
            assert {flow.FIRST[name], "invoice", "invoiced", *ENDED} <= statuses


class TestTwins:
    @pytest.mark.parametrize("kind", ["marketplace", "chain"])
    def test_know_each_other(self, kind: str) -> None:
        """The seller's order has the sale's id with a prefix, and shares its group."""
        shop = Shop(flow=kind)
        sale, seller = shop.order, shop.twin

        assert seller.order_id == f"00-{sale.order_id}"
        assert (seller.twin, seller.group) == (sale.order_id, sale.group)
        assert (seller.flow, seller.origin) == ("seller", "Fulfillment")
        assert sale.origin == {"marketplace": "Marketplace", "chain": "Chain"}[kind]
        assert shop.oms.group("acme", sale.group) == [sale, seller]

    def test_are_named_as_vtex_names_them(self) -> None:
        """Sales of others begin with v, those of marketplaces outside with MKP."""
        sale, chain = Shop(flow="marketplace").order, Shop(flow="chain").order
        fulfilled = Shop(flow="seller", external_marketplace=True).order

        assert sale.order_id.startswith("v")
        assert chain.order_id.startswith("MKP-")
        assert fulfilled.order_id.startswith("MKP-")
        assert fulfilled.twin is None

    def test_report_their_own_domain(self) -> None:
        """The sale speaks for the marketplace, the seller's order for fulfillment."""
        shop = Shop(flow="marketplace")
        to_the_end(shop)

        domains = {(c.order_id, c.domain) for c in shop.changes}
        assert domains == {
            (shop.order.order_id, "Marketplace"),
            (shop.twin.order_id, "Fulfillment"),
        }

    def test_share_invoice_and_tracking(self) -> None:
        """What is sent to the seller's order shows on the sale."""
        shop = Shop(flow="marketplace")
        to_the_end(shop)
        shop.do(calls.assign_tracking_number("NF1", tracking_number_body()), shop.twin)
        shop.do(calls.report_tracking("NF1", tracking_body()), shop.twin)

        assert shop.order.packages == shop.twin.packages
        assert shop.order.packages[0].courier_status is not None

    def test_take_invoices_on_the_sellers_side_only(self) -> None:
        """An invoice for the sale of a seller with an account is refused."""
        shop = Shop(flow="marketplace")
        shop.handle(shop.twin)

        with pytest.raises(NotAllowedError, match=shop.twin.order_id):
            shop.do(invoice(shop.order))

    def test_share_a_return(self) -> None:
        """A return after the whole invoice is on both, and moves none."""
        shop = Shop(flow="marketplace")
        to_the_end(shop)
        shop.do(invoice(shop.twin, "R1", type="Input", invoiceValue=100), shop.twin)

        assert (shop.order.returned_value, shop.twin.returned_value) == (100, 100)
        assert (shop.order.status, shop.twin.status) == ("invoiced", "invoiced")

    def test_are_cancelled_together(self) -> None:
        """A sale that is cancelled before the payment takes its seller's order along."""
        shop = Shop(flow="marketplace")
        shop.bring("payment-pending")
        shop.do(calls.cancel(CANCEL))
        shop.bring("canceled", shop.twin)
        shop.bring("canceled")

        assert shop.order.cancellation == shop.twin.cancellation

    def test_may_be_asked_again_at_once(self) -> None:
        """A cancellation that is asked for right after a denial is decided too."""
        shop = Shop(flow="marketplace")
        asks_seller(shop)
        shop.deny(shop.twin)
        shop.do(calls.cancel(CANCEL))
        shop.oms.step("acme", shop.order.order_id)
        assert shop.twin.status == "cancellation-requested"
        shop.deny(shop.twin)
        shop.bring("handling", shop.twin)

        assert shop.order.status == "payment-approved"

    def test_second_part_while_the_first_is_verified(self) -> None:
        """A sale that already waits for the rest hears of it when all is invoiced."""
        shop = Shop(flow="marketplace")
        seller = shop.twin
        shop.handle(seller)
        shop.do(invoice(seller, "A", invoiceValue=100), seller)
        while shop.order.status == seller.status == "invoice":
            shop.clock.advance(0.05)
            shop.oms.advance()
        shop.do(invoice(seller, "B", invoiceValue=seller.value - 100), seller)
        shop.bring("invoiced", seller)
        shop.bring("invoiced")

        assert shop.order.invoiced_value == shop.order.value

    def test_of_several_sellers_are_numbered(self) -> None:
        """A purchase from three sellers has parts, and adds up to what was bought."""
        shop = Shop(sellers=3)
        orders = shop.oms.group("acme", shop.order.group)

        assert [(o.order_id.partition(o.group)[2], o.flow) for o in orders] == [
            ("-01", "complete"),
            ("-02", "marketplace"),
            ("-02", "seller"),
            ("-03", "marketplace"),
        ]
        assert [o.has_external_seller for o in orders] == [False, False, False, True]
        assert len({o.sequence for o in orders}) == 4


class TestChangeSeller:
    def test_gives_the_sale_another_order(self) -> None:
        """Another seller's order takes the sale to its end."""
        shop = Shop(flow="marketplace")
        shop.bring("authorize-fulfillment", shop.twin)
        first = shop.twin
        shop.do(calls.cancel(CANCEL), first)
        order = shop.oms.change_seller("acme", shop.order.order_id, "another")
        to_the_end(shop)

        assert (first.status, shop.twin) == ("canceled", order)
        assert {item.seller for item in shop.order.items} == {"another"}

    def test_is_for_sales_that_wait_for_it(self) -> None:
        """A sale whose seller is at work keeps him."""
        shop = Shop(flow="marketplace")
        shop.bring("payment-approved")

        with pytest.raises(RefusedError, match="keeps its seller"):
            shop.oms.change_seller("acme", shop.order.order_id, "another")

    def test_takes_two_days_at_most(self) -> None:
        """After two days without another seller the sale is cancelled."""
        shop = Shop(flow="marketplace")
        sale_cancelled_by_seller(shop)
        own = [c for c in shop.changes if c.order_id == shop.order.order_id]

        assert own[-2].at - own[-3].at == timedelta(days=2)

    def test_may_be_switched_off(self) -> None:
        """Without a window the sale is cancelled at once."""
        shop = Shop(flow="marketplace")
        shop.seller_window = timedelta()
        sale_cancelled_by_seller(shop)

        assert "window-to-change-seller" not in shop.states()


class TestLimits:
    @pytest.mark.parametrize(
        ("wish", "walk"),
        [
            ({"stalled": "authorize-fulfillment"}, stays),
            ({"flow": "seller", "stalled": "waiting-for-fulfillment"}, stays),
            ({}, asked_and_forgotten),
            ({"fate": "create-error"}, stays),
        ],
    )
    def test_are_thirty_days(
        self, wish: dict[str, object], walk: Callable[[Shop], None]
    ) -> None:
        """What nobody decides in thirty days is cancelled by the platform."""
        shop = Shop(**wish)
        walk(shop)
        own = [c for c in shop.changes if c.order_id == shop.order.order_id]

        assert own[-2].at - own[-3].at == timedelta(days=30)
        assert shop.order.cancellation is not None

    def test_of_the_window_to_cancel(self) -> None:
        """It is as long as was wished, and the order can be cancelled until then."""
        shop = Shop(flow="seller", window_to_cancel=1800)
        shop.bring("window-to-cancel")
        began = shop.clock.now()
        shop.bring("ready-for-handling")

        assert shop.clock.now() - began == timedelta(minutes=30)


class TestIncomplete:
    def test_has_no_workflow(self) -> None:
        """It has no status, tells nothing, and cannot be cancelled."""
        shop = Shop(incomplete=True)
        shop.clock.advance(60 * DAY)

        assert shop.oms.order("acme", shop.order.order_id).is_incomplete
        assert shop.changes == []
        with pytest.raises(NotAllowedError, match="incomplete"):
            shop.do(calls.cancel(CANCEL))

    def test_begins_when_it_is_paid(self) -> None:
        """With its payment it starts on its way like any other."""
        shop = Shop(incomplete=True)
        shop.oms.begin([shop.order])
        shop.bring("ready-for-handling")

        assert shop.states()[0] == "order-created"


class TestReplaced:
    @pytest.mark.parametrize("kind", ["complete", "marketplace", "chain"])
    def test_leaves_a_new_order(self, kind: str) -> None:
        """The old order ends as replaced, and the new one goes its own way."""
        shop = Shop(flow=kind, fate="replaced")
        shop.bring("replaced")
        assert shop.order.replaced_by is not None
        new = shop.oms.order("acme", shop.order.replaced_by)
        shop.bring("payment-approved", new)

        assert new.replaces == shop.order.order_id
        assert new.items == shop.order.items
        if kind != "complete":
            assert shop.twin.status == "replaced"
            assert new.twin is not None

    @pytest.mark.parametrize("kind", ["complete", "marketplace"])
    def test_is_the_shoppers_wish(self, kind: str) -> None:
        """While it is handled the shopper may still replace it."""
        shop = Shop(flow=kind)
        seller = shop.order if kind == "complete" else shop.twin
        shop.handle(seller)
        shop.do(calls.REPLACE)

        assert {shop.order.status, seller.status} == {"replaced"}
        assert shop.order.replaced_by is not None

    def test_is_too_late_after_an_invoice(self) -> None:
        """What is invoiced in part, or is being cancelled, cannot be replaced."""
        invoiced, asked = Shop(), Shop()
        for shop in (invoiced, asked):
            shop.handle(shop.order)
        invoiced.do(invoice(invoiced.order, invoiceValue=100))
        invoiced.bring("handling")
        asked.do(calls.cancel(CANCEL))

        for shop in (invoiced, asked):
            with pytest.raises(NotAllowedError, match="cannot be replaced"):
                shop.do(calls.REPLACE)


class TestStep:
    def test_does_the_next_move_now(self) -> None:
        """The order does not wait for its time."""
        shop = Shop()
        shop.oms.step("acme", shop.order.order_id)

        assert shop.order.status == "on-order-completed"
        assert shop.changes[-1].at == shop.clock.now()

    def test_does_nobodys_work(self) -> None:
        """Where the order waits for a call it stays."""
        shop = Shop()
        shop.bring("ready-for-handling")

        with pytest.raises(NotAllowedError, match="waits for somebody"):
            shop.oms.step("acme", shop.order.order_id)
