"""Whether an order already is what a call would make it."""

from dataclasses import replace

import pytest
from pydantic import JsonValue

from react_kit import CLAIMED
from service.domain.facts import CallKind
from service.react.calls import CallRequest, ClaimedCall
from service.react.wanted import is_done


def claimed(kind: CallKind, **body: JsonValue) -> ClaimedCall:
    request = CallRequest(method="POST", invoice_number="NF-1", body=body)
    return replace(CLAIMED, kind=kind, request=request)


def order_with(**package: object) -> dict[str, object]:
    shown = {"invoiceNumber": "NF-1"} | package
    return {"packageAttachment": {"packages": [{"invoiceNumber": "NF-0"}, shown]}}


class TestStartHandling:
    @pytest.mark.parametrize("status", ["start-handling", "handling", "invoiced"])
    def test_is_done_once_the_order_is_past(self, status: str) -> None:
        """An order that is past ready-for-handling was handled."""
        assert is_done(claimed("start-handling"), {"status": status})

    @pytest.mark.parametrize(
        "status", ["ready-for-handling", "window-to-cancel", "canceled", None]
    )
    def test_is_not_done_otherwise(self, status: str | None) -> None:
        """An order that is before, or beside, was not."""
        assert not is_done(claimed("start-handling"), {"status": status})


class TestCancel:
    @pytest.mark.parametrize("status", ["canceled", "cancel", "cancellation-requested"])
    def test_is_done_once_it_is_under_way(self, status: str) -> None:
        """An order that is, or is being, cancelled needs no second request."""
        assert is_done(claimed("cancel"), {"status": status})

    def test_that_confirms_is_done_once_vtex_cancels(self) -> None:
        """A second request is not done while VTEX still waits for it."""
        request = CallRequest(method="POST", confirms_cancellation=True)
        call = replace(CLAIMED, kind="cancel", request=request)

        assert not is_done(call, {"status": "cancellation-requested"})
        assert is_done(call, {"status": "cancel"})

    @pytest.mark.parametrize("status", ["handling", None])
    def test_is_not_done_otherwise(self, status: str | None) -> None:
        """Any other order is still to be cancelled."""
        assert not is_done(claimed("cancel"), {"status": status})


class TestInvoice:
    def test_is_done_when_its_number_is_there(self) -> None:
        """An invoice is known by its number."""
        assert is_done(claimed("invoice"), order_with())

    @pytest.mark.parametrize(
        "order",
        [
            {},
            {"packageAttachment": None},
            {"packageAttachment": {"packages": [None, {"invoiceNumber": "NF-11"}]}},
        ],
    )
    def test_is_not_done_without(self, order: dict[str, object]) -> None:
        """Other numbers, and no packages at all, prove nothing."""
        assert not is_done(claimed("invoice"), order)


class TestTrackingNumber:
    def test_is_done_when_all_is_as_wanted(self) -> None:
        """Number, address and courier are compared; empty and null are one."""
        call = claimed(
            "tracking-number", trackingNumber="BR1", trackingUrl=None, courier="C"
        )

        assert is_done(
            call, order_with(trackingNumber="BR1", trackingUrl="", courier="C")
        )

    def test_is_not_done_with_another_number(self) -> None:
        """An older number is to be replaced."""
        call = claimed(
            "tracking-number", trackingNumber="BR2", trackingUrl=None, courier=None
        )

        assert not is_done(call, order_with(trackingNumber="BR1"))


PLACE: dict[str, JsonValue] = {"city": "Recife", "state": "PE", "description": "a"}
EVENT: JsonValue = PLACE | {"date": "2026-03-02"}
SHOWN = PLACE | {"lastChange": "x"}


class TestTracking:
    def call(self, *, delivered: bool = False) -> ClaimedCall:
        return claimed(
            "tracking", isDelivered=delivered, deliveredDate=None, events=[EVENT]
        )

    def test_is_done_when_the_way_is_shown(self) -> None:
        """All checkpoints are there, and VTEX's word on the delivery agrees."""
        status = {"finished": False, "data": [SHOWN]}

        assert is_done(self.call(), order_with(courierStatus=status))

    def test_is_not_done_with_a_checkpoint_missing(self) -> None:
        """A checkpoint that VTEX does not show is to be sent."""
        status = {"finished": False, "data": [SHOWN | {"description": "b"}]}

        assert not is_done(self.call(), order_with(courierStatus=status))

    @pytest.mark.parametrize("status", [None, {"finished": False, "data": [SHOWN]}])
    def test_is_not_done_before_the_delivery_is_shown(self, status: object) -> None:
        """A delivery that VTEX does not show is to be sent."""
        assert not is_done(self.call(delivered=True), order_with(courierStatus=status))
