"""Laws of reading VTEX's JSON, however odd it is."""

import json
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from builders import NOON
from service.domain.document import OrderDocument, document_hash, normalise
from service.domain.stage import channel_of, ready_at, stage_of

_TEXT = st.text(alphabet="a\u00e9\u65e5 0:-T\0\ud800", max_size=8)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | _TEXT
    | st.sampled_from(["invoiced", "Output", "2026-03-02T12:00:00Z", "", "\ud800"])
)
_FIELDS = st.sampled_from(
    [
        "authorizedDate",
        "cancellationData",
        "courierStatus",
        "creationDate",
        "data",
        "deliveredDate",
        "finished",
        "id",
        "invoiceNumber",
        "itemIndex",
        "items",
        "lastChange",
        "logisticsInfo",
        "packageAttachment",
        "packages",
        "quantity",
        "selectedSla",
        "shippingData",
        "shippingEstimateDate",
        "slas",
        "status",
        "totals",
        "type",
        "value",
    ]
)
ODD = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_FIELDS | _TEXT, inner),
    max_leaves=12,
)
OBJECTS = st.dictionaries(_FIELDS, ODD, max_size=6)
PACKAGES = st.fixed_dictionaries(
    {
        "items": st.lists(OBJECTS, max_size=3) | ODD,
        "packageAttachment": st.fixed_dictionaries(
            {"packages": st.lists(OBJECTS, max_size=3) | ODD}
        ),
        "shippingData": st.fixed_dictionaries(
            {"logisticsInfo": st.lists(OBJECTS, max_size=3) | ODD}
        ),
        "status": _SCALARS,
    }
)


class TestNormaliseLaws:
    @given(fields=OBJECTS | PACKAGES)
    def test_never_raises(self, fields: Mapping[str, object]) -> None:
        """An object with an orderId is read, whatever else is in it."""
        order = normalise({**fields, "orderId": "1-01"})

        assert order.order_id == "1-01"

    @given(fields=OBJECTS | PACKAGES)
    def test_stored_and_read(self, fields: Mapping[str, object]) -> None:
        """What was read can be stored as UTF-8, read again, and has one hash."""
        order = normalise({**fields, "orderId": "1-01"})

        again = OrderDocument.model_validate_json(order.model_dump_json().encode())

        assert again == order
        assert document_hash(again) == document_hash(order)

    @given(fields=OBJECTS | PACKAGES)
    def test_has_a_stage_or_none(self, fields: Mapping[str, object]) -> None:
        """Whatever was read has its stage worked out."""
        order = normalise({**fields, "orderId": "1-01"})

        stage = stage_of(order, NOON)

        assert stage is None or 1 <= stage.number <= 5
        assert channel_of(order) in {"delivery", "pickup", "mixed"}
        assert ready_at(order) is None or order.status == "invoiced"

    @given(value=ODD)
    def test_no_nul(self, value: object) -> None:
        """No text that is kept holds a NUL."""
        order = normalise({"orderId": "1-01", "items": [{"name": value}]})

        assert "\\u0000" not in json.dumps(order.model_dump(mode="json"))
