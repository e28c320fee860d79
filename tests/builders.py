"""Facts, commands and documents with everything filled in but the point of a test."""

from datetime import UTC, datetime, timedelta

from service.domain.commands import (
    AssignTrackingNumber,
    IssueInvoice,
    ReportCourierUpdate,
    RequestCancellation,
)
from service.domain.document import (
    CourierStatus,
    Item,
    Logistics,
    OrderDocument,
    Package,
    PackageItem,
    PartialCheckpoint,
    Total,
    document_hash,
)
from service.domain.facts import (
    CallKind,
    CallParked,
    CallRefused,
    CallSucceeded,
    CancellationRequested,
    Checkpoint,
    CourierUpdateReceived,
    HandlingRequested,
    InvoiceIssued,
    InvoiceItem,
    InvoiceType,
    OrderDetailsFetched,
    OrderStatusReported,
    PersonalDataErased,
    StatusSource,
    TrackingNumberAssigned,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def minutes(count: float) -> datetime:
    """Return the moment *count* minutes after noon."""
    return NOON + timedelta(minutes=count)


def item(sku: str = "100", *, quantity: int = 1, seller: str = "1") -> Item:
    return Item(
        unique_id=f"U{sku}",
        id=sku,
        product_id=f"P{sku}",
        name=f"Mug {sku}",
        quantity=quantity,
        price=1000,
        selling_price=900,
        seller=seller,
    )


def logistics(
    item_index: int = 0,
    *,
    channel: str | None = "delivery",
    sla: str = "Normal",
    shipping_estimate: str = "4bd",
    estimate: datetime | None = None,
) -> Logistics:
    return Logistics(
        item_index=item_index,
        selected_sla=sla,
        delivery_channel=channel,
        shipping_estimate=shipping_estimate,
        shipping_estimate_date=estimate,
        delivery_company="Correios",
        pickup_point_id="P1" if channel == "pickup-in-point" else None,
    )


def courier_status(
    *descriptions: str, finished: bool = False, delivered: datetime | None = None
) -> CourierStatus:
    """Return the carrier's words, a minute after each other."""
    return CourierStatus(
        status="ok",
        finished=finished,
        delivered_date=delivered,
        data=tuple(
            PartialCheckpoint(
                city="Recife", state="PE", description=words, at=minutes(place)
            )
            for place, words in enumerate(descriptions)
        ),
    )


def package(
    invoice_number: str | None = "1",
    *,
    items: tuple[tuple[int, int], ...] = ((0, 1),),
    type: str | None = "Output",  # noqa: A002 - the field's name
    value: int = 1000,
    tracking_number: str | None = None,
    status: CourierStatus | None = None,
) -> Package:
    """Return a package of *items*, pairs of place in the order and quantity."""
    return Package(
        invoice_number=invoice_number,
        type=type,
        items=tuple(PackageItem(item_index=i, quantity=count) for i, count in items),
        invoice_value=value,
        issuance_date=NOON,
        tracking_number=tracking_number,
        tracking_url=f"https://track.example/{tracking_number}"
        if tracking_number
        else None,
        courier="Correios",
        courier_status=status,
    )


def document(
    status: str | None = "handling",
    *,
    items: tuple[Item, ...] = (item(),),
    logistics: tuple[Logistics, ...] = (logistics(),),
    packages: tuple[Package, ...] = (),
    value: int | None = 1000,
    last_change: datetime | None = NOON,
    is_completed: bool = True,
    workflow_is_in_error: bool = False,
) -> OrderDocument:
    return OrderDocument(
        order_id="1000000000001-01",
        sequence="500001",
        order_group="1000000000001",
        marketplace_order_id="1000000000001-01",
        origin="Fulfillment",
        sales_channel="1",
        status=status,
        creation_date=minutes(-60),
        last_change=last_change,
        is_completed=is_completed,
        workflow_is_in_error=workflow_is_in_error,
        value=value,
        currency="BRL",
        totals=(Total(id="Items", value=900), Total(id="Shipping", value=100)),
        items=items,
        logistics=logistics,
        packages=packages,
    )


def status_reported(
    state: str | None = "handling",
    *,
    last_state: str | None = None,
    last_change: datetime | None = NOON,
    source: StatusSource = "feed",
) -> OrderStatusReported:
    return OrderStatusReported(
        state=state,
        last_state=last_state,
        domain="Fulfillment",
        last_change=last_change,
        source=source,
    )


def details_fetched(fetched: OrderDocument | None = None) -> OrderDetailsFetched:
    known = document() if fetched is None else fetched
    return OrderDetailsFetched(document=known, hash=document_hash(known))


def handling_requested() -> HandlingRequested:
    return HandlingRequested(requested_by="start-handling policy")


def issue_invoice(
    invoice_number: str = "1",
    *,
    invoice_type: InvoiceType = "Output",
    items: tuple[tuple[str, int], ...] = (("100", 1),),
    value: int = 1000,
    tracking_number: str | None = None,
) -> IssueInvoice:
    """Return the command to invoice *items*, pairs of SKU and quantity."""
    return IssueInvoice(
        invoice_type=invoice_type,
        invoice_number=invoice_number,
        invoice_value=value,
        issuance_date=NOON,
        items=tuple(InvoiceItem(id=sku, price=1000, quantity=n) for sku, n in items),
        courier="Correios",
        tracking_number=tracking_number,
    )


def invoice_issued(
    invoice_number: str = "1",
    *,
    invoice_type: InvoiceType = "Output",
    items: tuple[tuple[str, int], ...] = (("100", 1),),
    value: int = 1000,
    tracking_number: str | None = None,
) -> InvoiceIssued:
    """Return the fact that `issue_invoice` with the same arguments leads to."""
    return InvoiceIssued(
        invoice_type=invoice_type,
        invoice_number=invoice_number,
        invoice_value=value,
        issuance_date=NOON,
        items=tuple(InvoiceItem(id=sku, price=1000, quantity=n) for sku, n in items),
        courier="Correios",
        tracking_number=tracking_number,
    )


def assign_tracking_number(
    tracking_number: str = "BR1", *, invoice_number: str = "1"
) -> AssignTrackingNumber:
    return AssignTrackingNumber(
        invoice_number=invoice_number,
        tracking_number=tracking_number,
        tracking_url=f"https://track.example/{tracking_number}",
        courier="Correios",
        dispatched_date=minutes(10),
    )


def tracking_number_assigned(
    tracking_number: str = "BR1", *, invoice_number: str = "1"
) -> TrackingNumberAssigned:
    """Return the fact that `assign_tracking_number` leads to."""
    return TrackingNumberAssigned(
        invoice_number=invoice_number,
        tracking_number=tracking_number,
        tracking_url=f"https://track.example/{tracking_number}",
        courier="Correios",
        dispatched_date=minutes(10),
    )


def checkpoint(description: str = "Objeto postado", *, after: float = 20) -> Checkpoint:
    return Checkpoint(
        city="Recife", state="PE", description=description, at=minutes(after)
    )


def report_courier_update(
    *checkpoints: Checkpoint,
    invoice_number: str = "1",
    delivered_at: datetime | None = None,
) -> ReportCourierUpdate:
    return ReportCourierUpdate(
        invoice_number=invoice_number,
        is_delivered=delivered_at is not None,
        delivered_at=delivered_at,
        checkpoints=checkpoints,
    )


def courier_update_received(
    *checkpoints: Checkpoint,
    invoice_number: str = "1",
    delivered_at: datetime | None = None,
) -> CourierUpdateReceived:
    """Return the fact that `report_courier_update` leads to."""
    return CourierUpdateReceived(
        invoice_number=invoice_number,
        is_delivered=delivered_at is not None,
        delivered_at=delivered_at,
        checkpoints=checkpoints,
    )


def request_cancellation() -> RequestCancellation:
    return RequestCancellation(reason="Out of stock", requested_by_user=False)


def cancellation_requested() -> CancellationRequested:
    """Return the fact that `request_cancellation` leads to."""
    return CancellationRequested(reason="Out of stock", requested_by_user=False)


def call_succeeded(
    kind: CallKind = "invoice", *, cause_version: int = 1
) -> CallSucceeded:
    return CallSucceeded(
        call_id="01977d2c-0000-7000-8000-000000000001",
        kind=kind,
        cause_version=cause_version,
        receipt="527b1ae251264ef1b7a9b597cd8f16b9",
        http_status=200,
        attempts=1,
    )


def call_refused(kind: CallKind = "invoice", *, cause_version: int = 1) -> CallRefused:
    return CallRefused(
        call_id="01977d2c-0000-7000-8000-000000000001",
        kind=kind,
        cause_version=cause_version,
        http_status=409,
        code="OMS003",
        reason="Order status should be ready-for-handling to perform this action",
        attempts=1,
    )


def call_parked(kind: CallKind = "invoice", *, cause_version: int = 1) -> CallParked:
    return CallParked(
        call_id="01977d2c-0000-7000-8000-000000000001",
        kind=kind,
        cause_version=cause_version,
        reason="no answer for 24 hours",
        attempts=12,
    )


def personal_data_erased() -> PersonalDataErased:
    return PersonalDataErased()
