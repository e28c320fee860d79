"""Hypothesis strategies for facts, documents and VTEX's JSON."""

from datetime import UTC, datetime
from typing import TypeVar

from hypothesis import strategies as st

from builders import minutes
from service.domain.commands import (
    AssignTrackingNumber,
    ErasePersonalData,
    IssueInvoice,
    OrderCommand,
    ReportCourierUpdate,
    RequestCancellation,
    RequestHandling,
)
from service.domain.document import (
    CourierStatus,
    Item,
    Logistics,
    OrderDocument,
    Package,
    PackageItem,
    PartialCheckpoint,
    document_hash,
)
from service.domain.facts import (
    CallParked,
    CallRefused,
    CallSucceeded,
    CancellationRequested,
    Checkpoint,
    CourierUpdateReceived,
    HandlingRequested,
    InvoiceIssued,
    InvoiceItem,
    OrderDetailsFetched,
    OrderFact,
    OrderStatusReported,
    PersonalDataErased,
    TrackingNumberAssigned,
)
from service.domain.statuses import KNOWN_STATUSES

STATUSES = st.none() | st.sampled_from([*sorted(KNOWN_STATUSES), "of-tomorrow"])
MOMENTS = st.integers(0, 50).map(minutes) | st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    timezones=st.just(UTC),
)
_WORDS = st.sampled_from(
    ["Objeto postado", "Out for delivery", "Entregue", "Devuelto", "xyzzy"]
)
_NUMBERS = st.sampled_from(["1", "2", "R1"])
_SKUS = st.sampled_from(["100", "200"])
_TYPES = st.sampled_from(["Output", "Input"])
_COUNTS = st.integers(0, 3)
_INDEXES = st.integers(0, 2)


T = TypeVar("T")


def few(elements: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.lists(elements, max_size=3).map(tuple)


_COURIER_STATUSES = st.none() | st.builds(
    CourierStatus,
    status=st.sampled_from([None, "ok", "Entregue"]),
    finished=st.booleans(),
    delivered_date=st.none() | MOMENTS,
    data=few(
        st.builds(
            PartialCheckpoint,
            city=st.none(),
            state=st.none(),
            description=st.none() | _WORDS,
            at=st.none() | MOMENTS,
        )
    ),
)
_PACKAGES = st.builds(
    Package,
    invoice_number=st.none() | _NUMBERS,
    type=st.none() | _TYPES,
    items=few(st.builds(PackageItem, item_index=_INDEXES, quantity=_COUNTS)),
    invoice_value=st.none() | _COUNTS,
    issuance_date=st.none() | MOMENTS,
    tracking_number=st.sampled_from([None, "BR1"]),
    courier_status=_COURIER_STATUSES,
)
DOCUMENTS = st.builds(
    OrderDocument,
    order_id=st.just("1-01"),
    status=STATUSES,
    creation_date=st.none() | MOMENTS,
    last_change=st.none() | MOMENTS,
    authorized_date=st.none() | MOMENTS,
    invoiced_date=st.none() | MOMENTS,
    is_completed=st.none() | st.booleans(),
    workflow_is_in_error=st.booleans(),
    value=st.none() | _COUNTS,
    items=few(
        st.builds(
            Item,
            id=st.none() | _SKUS,
            quantity=_COUNTS,
            seller=st.sampled_from([None, "1", "2"]),
        )
    ),
    logistics=few(
        st.builds(
            Logistics,
            item_index=_INDEXES,
            selected_sla=st.sampled_from([None, "Normal"]),
            delivery_channel=st.sampled_from([None, "delivery", "pickup-in-point"]),
            shipping_estimate_date=st.none() | MOMENTS,
        )
    ),
    packages=few(_PACKAGES),
)
STATUS_REPORTS = st.builds(
    OrderStatusReported,
    state=STATUSES,
    last_state=STATUSES,
    domain=st.sampled_from([None, "Marketplace", "Fulfillment"]),
    last_change=st.none() | MOMENTS,
)
_INVOICE_ITEMS = few(
    st.builds(InvoiceItem, id=_SKUS, price=_COUNTS, quantity=st.integers(1, 3))
)
_CHECKPOINTS = few(
    st.builds(
        Checkpoint, city=st.none(), state=st.none(), description=_WORDS, at=MOMENTS
    )
)
_CAUSES = st.integers(1, 6)

FACTS: st.SearchStrategy[OrderFact] = st.one_of(
    STATUS_REPORTS,
    DOCUMENTS.map(
        lambda known: OrderDetailsFetched(document=known, hash=document_hash(known))
    ),
    st.builds(HandlingRequested),
    st.builds(
        InvoiceIssued,
        invoice_type=_TYPES,
        invoice_number=_NUMBERS,
        invoice_value=_COUNTS,
        issuance_date=MOMENTS,
        items=_INVOICE_ITEMS,
        tracking_number=st.sampled_from([None, "BR1"]),
    ),
    st.builds(
        TrackingNumberAssigned,
        invoice_number=_NUMBERS,
        tracking_number=st.sampled_from(["BR1", "BR2"]),
        dispatched_date=st.none() | MOMENTS,
    ),
    st.builds(
        CourierUpdateReceived,
        invoice_number=_NUMBERS,
        is_delivered=st.booleans(),
        delivered_at=st.none() | MOMENTS,
        checkpoints=_CHECKPOINTS,
    ),
    st.builds(CancellationRequested),
    st.builds(CallSucceeded, cause_version=_CAUSES),
    st.builds(CallRefused, cause_version=_CAUSES),
    st.builds(CallParked, cause_version=_CAUSES),
    st.just(PersonalDataErased()),
)

COMMANDS: st.SearchStrategy[OrderCommand] = st.one_of(
    st.builds(RequestHandling),
    st.builds(
        IssueInvoice,
        invoice_type=_TYPES,
        invoice_number=_NUMBERS,
        invoice_value=_COUNTS,
        issuance_date=MOMENTS,
        items=_INVOICE_ITEMS,
    ),
    st.builds(
        AssignTrackingNumber,
        invoice_number=_NUMBERS,
        tracking_number=st.sampled_from(["BR1", "BR2", ""]),
        dispatched_date=st.none() | MOMENTS,
    ),
    st.builds(
        ReportCourierUpdate,
        invoice_number=_NUMBERS,
        is_delivered=st.booleans(),
        delivered_at=st.none() | MOMENTS,
        checkpoints=_CHECKPOINTS,
    ),
    st.builds(RequestCancellation),
    st.just(ErasePersonalData()),
)
