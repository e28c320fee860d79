"""Each operation on orders, asked once."""

from datetime import UTC, datetime
from typing import Final

from orders_api_case import NOTHING, RECEIPT, RECEIVED, ROWS, Case
from service.orders_api.bodies import (
    Cancellation,
    ChangedItem,
    Dispatch,
    Invoice,
    InvoicedItem,
    Modification,
    ModificationCancellation,
    ModifiedItem,
    ModifiedItems,
    RegisteredChange,
    Replacement,
    Tracking,
    TrackingEvent,
)
from service.orders_api.filters import OrderFilters
from service.orders_api.listing import OrderPage
from service.orders_api.receipt import Receipt
from service.orders_api.users import UserFilters
from vtex import Reply

_WINDOW: Final = (
    datetime(2026, 3, 1, tzinfo=UTC),
    datetime(2026, 3, 1, 23, 59, 59, 999_000, tzinfo=UTC),
)
_SPAN: Final = "[2026-03-01T00:00:00.000Z TO 2026-03-01T23:59:59.999Z]"

_LISTED: Final = Reply(
    200, {"list": [{"orderId": "1-01"}], "paging": {"total": 1, "pages": 1}}
)
_PAGE: Final = OrderPage(orders=[{"orderId": "1-01"}], total=1, pages=1, page=1)

_MODIFICATION: Final = Modification(
    reason="no blue ones",
    replace=(
        Replacement(
            from_=ModifiedItems(items=(ModifiedItem(id="7", quantity=1, price=100),)),
            to=ModifiedItems(items=(ModifiedItem(id="8", quantity=2),)),
        ),
    ),
)
_MODIFIED: Final = {
    "reason": "no blue ones",
    "replace": [
        {
            "from": {"items": [{"id": "7", "quantity": 1, "price": 100}]},
            "to": {"items": [{"id": "8", "quantity": 2}]},
        }
    ],
}

CASES: Final = {
    "get_order": Case(call=lambda api: api.get_order("1-01"), result={"some": "thing"}),
    "orders_of_group": Case(
        call=lambda api: api.orders_of_group("1"),
        reply=ROWS,
        result=[{"some": "thing"}],
    ),
    "start_handling": Case(
        call=lambda api: api.start_handling("1-01"),
        reply=Reply(204, body=b""),
        result=Receipt(204, None),
    ),
    "cancel": Case(
        call=lambda api: api.cancel("1-01", Cancellation(reason="sold out")),
        body={"reason": "sold out"},
        reply=RECEIPT,
        result=RECEIVED,
    ),
    "list_orders": Case(
        call=lambda api: api.list_orders(
            OrderFilters(
                creation=_WINDOW,
                authorized=_WINDOW,
                invoiced=_WINDOW,
                status=("handling", "invoiced"),
                has_input_invoice=True,
                text="ana@example.com",
                shipping_estimate=-1,
                utm_source="spring",
                seller_names="Shop & Co",
                call_center_operator="Bo",
                sales_channel="Main",
                sales_channel_id="1",
                affiliate_id="WLM",
                incomplete=False,
                payment_names="Visa",
                promotions="Free Shipping",
                search_field="1&sku_Ids",
                in_store=False,
                order_by="creationDate,desc",
            ),
            page=1,
            per_page=50,
        ),
        query=(
            ("f_creationDate", f"creationDate:{_SPAN}"),
            ("f_authorizedDate", f"authorizedDate:{_SPAN}"),
            ("f_invoicedDate", f"invoicedDate:{_SPAN}"),
            ("f_status", "handling,invoiced"),
            ("f_hasInputInvoice", "true"),
            ("q", "ana@example.com"),
            ("f_shippingEstimate", "-1.days"),
            ("f_UtmSource", "spring"),
            ("f_sellerNames", "Shop & Co"),
            ("f_callCenterOperatorName", "Bo"),
            ("f_salesChannel", "Main"),
            ("salesChannelId", "1"),
            ("f_affiliateId", "WLM"),
            ("incompleteOrders", "false"),
            ("f_paymentNames", "Visa"),
            ("f_RnB", "Free Shipping"),
            ("searchField", "1&sku_Ids"),
            ("f_isInstore", "false"),
            ("orderBy", "creationDate,desc"),
            ("page", "1"),
            ("per_page", "50"),
        ),
        reply=_LISTED,
        result=_PAGE,
    ),
    "list_user_orders": Case(
        call=lambda api: api.list_user_orders(
            UserFilters(
                client_email="ana@example.com",
                text="PO24893",
                status=("handling", "invoiced"),
                creation=_WINDOW,
                purchase_agents=("a", "b"),
                my_pending_approvals=True,
            ),
            page=1,
        ),
        query=(
            ("clientEmail", "ana@example.com"),
            ("text", "PO24893"),
            ("status", "handling"),
            ("status", "invoiced"),
            ("creation_date", _SPAN),
            ("purchase_agent_id", "a"),
            ("purchase_agent_id", "b"),
            ("my_pending_approvals", "true"),
            ("page", "1"),
            ("per_page", "100"),
        ),
        reply=_LISTED,
        result=_PAGE,
    ),
    "get_user_order": Case(
        call=lambda api: api.get_user_order("1-01", UserFilters(client_email="a@b.c")),
        query=(("clientEmail", "a@b.c"),),
        result={"some": "thing"},
    ),
    "invoice": Case(
        call=lambda api: api.invoice(
            "1-01",
            Invoice(
                type="Output",
                issuance_date="2026-03-01T12:00:00Z",
                invoice_number="NF-7",
                invoice_value="200",
                items=(InvoicedItem(id="7", price=100, quantity=2),),
            ),
        ),
        body={
            "type": "Output",
            "issuanceDate": "2026-03-01T12:00:00Z",
            "invoiceNumber": "NF-7",
            "invoiceValue": "200",
            "items": [{"id": "7", "price": 100, "quantity": 2}],
        },
        reply=RECEIPT,
        result=RECEIVED,
    ),
    "update_invoice": Case(
        call=lambda api: api.update_invoice(
            "1-01",
            "NF-7",
            Dispatch(
                tracking_number="T1",
                tracking_url=None,
                courier="Correios",
                dispatched_date=None,
            ),
        ),
        body={
            "trackingNumber": "T1",
            "trackingUrl": None,
            "courier": "Correios",
            "dispatchedDate": None,
        },
        reply=RECEIPT,
        result=RECEIVED,
    ),
    "update_tracking": Case(
        call=lambda api: api.update_tracking(
            "1-01",
            "NF-7",
            Tracking(
                is_delivered=False,
                delivered_date=None,
                events=(
                    TrackingEvent(
                        city="Recife",
                        state="PE",
                        description="posted",
                        date="2026-03-01 14:30",
                    ),
                ),
            ),
        ),
        body={
            "isDelivered": False,
            "deliveredDate": None,
            "events": [
                {
                    "city": "Recife",
                    "state": "PE",
                    "description": "posted",
                    "date": "2026-03-01 14:30",
                }
            ],
        },
        reply=RECEIPT,
        result=RECEIVED,
    ),
    "register_change": Case(
        call=lambda api: api.register_change(
            "1-01",
            RegisteredChange(
                request_id="R1",
                reason="no blue ones",
                discount_value=10,
                increment_value=0,
                items_removed=(ChangedItem(id="7", price=100, quantity=1),),
            ),
        ),
        body={
            "requestId": "R1",
            "reason": "no blue ones",
            "discountValue": 10,
            "incrementValue": 0,
            "itemsRemoved": [{"id": "7", "price": 100, "quantity": 1}],
        },
        reply=RECEIPT,
        result=RECEIVED,
    ),
    "change_summary": Case(
        call=lambda api: api.change_summary("1-01"), result={"some": "thing"}
    ),
    "create_change": Case(
        call=lambda api: api.create_change("1-01", _MODIFICATION, account="market"),
        query=(("accountName", "market"),),
        body=_MODIFIED,
        reply=Reply(202, {"requestId": "R1"}),
        result={"requestId": "R1"},
    ),
    "change_history": Case(
        call=lambda api: api.change_history("1-01"),
        query=(("an", "acme"),),
        result={"some": "thing"},
    ),
    "get_change": Case(
        call=lambda api: api.get_change("1-01", "R1"),
        query=(("an", "acme"),),
        result={"some": "thing"},
    ),
    "preview_change": Case(
        call=lambda api: api.preview_change("1-01", _MODIFICATION),
        query=(("an", "acme"),),
        body=_MODIFIED,
        result={"some": "thing"},
    ),
    "retry_change": Case(
        call=lambda api: api.retry_change("1-01", "R1", _MODIFICATION),
        query=(("an", "acme"),),
        body=_MODIFIED,
        reply=Reply(204, body=b""),
    ),
    "cancel_change": Case(
        call=lambda api: api.cancel_change(
            "1-01", "R1", ModificationCancellation(reason="too late")
        ),
        query=(("an", "acme"),),
        body={"reason": "too late"},
        reply=NOTHING,
    ),
    "configure_changes": Case(
        call=lambda api: api.configure_changes(
            {"rolloutConfiguration": {"enableApi": True}}
        ),
        query=(("an", "acme"),),
        body={"rolloutConfiguration": {"enableApi": True}},
        result={"some": "thing"},
    ),
    "change_settings": Case(
        call=lambda api: api.change_settings(),
        query=(("an", "acme"),),
        result={"some": "thing"},
    ),
}
