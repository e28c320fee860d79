"""Which fact leads to which command, and which to which call."""

from datetime import timedelta, timezone

import pytest

from builders import (
    NOON,
    call_succeeded,
    cancellation_requested,
    checkpoint,
    courier_update_received,
    details_fetched,
    document,
    handling_requested,
    invoice_issued,
    minutes,
    status_reported,
    tracking_number_assigned,
)
from service.domain.commands import RequestHandling
from service.domain.facts import (
    Checkpoint,
    CourierUpdateReceived,
    InvoiceIssued,
    InvoiceItem,
    OrderFact,
    TrackingNumberAssigned,
)
from service.react.calls import CallRequest, PlannedCall
from service.react.policies import LEADS_TO_CALL, call_for, command_for


class TestCommandFor:
    def test_an_order_that_is_ready_is_to_be_handled(self) -> None:
        """Details that show an order ready for handling ask for its handling."""
        fact = details_fetched(document("ready-for-handling"))

        assert command_for(fact) == RequestHandling(
            requested_by="start-handling policy"
        )

    @pytest.mark.parametrize("status", ["handling", "window-to-cancel", None])
    def test_another_status_leads_to_nothing(self, status: str | None) -> None:
        """Details in any other status ask for nothing."""
        assert command_for(details_fetched(document(status))) is None

    def test_a_notification_alone_leads_to_nothing(self) -> None:
        """A reported status asks for nothing: the details are the truth."""
        assert command_for(status_reported("ready-for-handling")) is None


class TestCallFor:
    def test_handling(self) -> None:
        """A requested handling is a POST without a body."""
        assert call_for(handling_requested(), before=()) == PlannedCall(
            kind="start-handling", request=CallRequest(method="POST")
        )

    def test_invoice(self) -> None:
        """An invoice is posted in VTEX's words, what it has not left out."""
        fact = InvoiceIssued(
            invoice_type="Output",
            invoice_number="NF-1",
            invoice_value=2499,
            issuance_date=NOON,
            items=(InvoiceItem(id="100", price=2499, quantity=1),),
            invoice_key="CFe35",
        )

        assert call_for(fact, before=()) == PlannedCall(
            kind="invoice",
            request=CallRequest(
                method="POST",
                invoice_number="NF-1",
                body={
                    "type": "Output",
                    "issuanceDate": "2026-03-02T12:00:00+00:00",
                    "invoiceNumber": "NF-1",
                    "invoiceValue": "2499",
                    "items": [{"id": "100", "price": 2499, "quantity": 1}],
                    "invoiceKey": "CFe35",
                },
            ),
        )

    def test_tracking_number(self) -> None:
        """A tracking number is a PATCH with all four fields that VTEX requires."""
        call = call_for(tracking_number_assigned("BR1"), before=[invoice_issued()])

        assert call == PlannedCall(
            kind="tracking-number",
            request=CallRequest(
                method="PATCH",
                invoice_number="1",
                body={
                    "trackingNumber": "BR1",
                    "trackingUrl": "https://track.example/BR1",
                    "courier": "Correios",
                    "dispatchedDate": "2026-03-02T12:10:00+00:00",
                },
            ),
        )

    def test_tracking_number_alone_keeps_the_invoice_s_courier(self) -> None:
        """What a tracking number leaves open is sent as it was, and null if unknown."""
        fact = TrackingNumberAssigned(invoice_number="1", tracking_number="BR1")

        call = call_for(fact, before=[invoice_issued()])

        assert call is not None
        assert call.request.body == {
            "trackingNumber": "BR1",
            "trackingUrl": None,
            "courier": "Correios",
            "dispatchedDate": None,
        }

    def test_cancellation(self) -> None:
        """A cancellation is a POST with its reason and who asked."""
        assert call_for(cancellation_requested(), before=()) == PlannedCall(
            kind="cancel",
            request=CallRequest(
                method="POST",
                body={"reason": "Out of stock", "requestedByUser": False},
            ),
        )

    @pytest.mark.parametrize(
        "fact", [status_reported(), details_fetched(), call_succeeded()]
    )
    def test_other_facts_lead_to_nothing(self, fact: OrderFact) -> None:
        """A fact that VTEX told us, or that tells of a call, leads to no call."""
        assert fact.type not in LEADS_TO_CALL
        assert call_for(fact, before=()) is None


def events_of(fact: OrderFact, *before: OrderFact) -> list[object]:
    call = call_for(fact, before=before)
    assert call is not None
    assert call.request.body is not None
    events = call.request.body["events"]
    assert isinstance(events, list)
    return [event["description"] for event in events if isinstance(event, dict)]


class TestTracking:
    def test_is_put_as_vtex_wants_it(self) -> None:
        """An update is a PUT; what the carrier leaves open is empty, dates are UTC."""
        brasilia = timezone(timedelta(hours=-3))
        fact = CourierUpdateReceived(
            invoice_number="1",
            is_delivered=True,
            delivered_at=minutes(30).astimezone(brasilia),
            checkpoints=(
                Checkpoint(description="Entregue", at=minutes(30).astimezone(brasilia)),
            ),
        )

        assert call_for(fact, before=()) == PlannedCall(
            kind="tracking",
            request=CallRequest(
                method="PUT",
                invoice_number="1",
                body={
                    "isDelivered": True,
                    "deliveredDate": "2026-03-02 12:30",
                    "events": [
                        {
                            "city": "",
                            "state": "",
                            "description": "Entregue",
                            "date": "2026-03-02T12:30:00+00:00",
                        }
                    ],
                },
            ),
        )

    def test_sends_the_whole_way(self) -> None:
        """Earlier checkpoints of the invoice are sent again, each once, by date."""
        first = courier_update_received(
            checkpoint("b", after=2), checkpoint("c", after=3)
        )
        second = courier_update_received(
            checkpoint("c", after=3), checkpoint("a", after=1)
        )

        assert events_of(second, first) == ["a", "b", "c"]

    def test_keeps_the_order_told_within_one_date(self) -> None:
        """Checkpoints of one date stay in the order in which the carrier told them."""
        fact = courier_update_received(checkpoint("z"), checkpoint("a"))

        assert events_of(fact) == ["z", "a"]

    def test_leaves_other_invoices_out(self) -> None:
        """The way of one package says nothing about another."""
        other = courier_update_received(checkpoint("other"), invoice_number="2")

        assert events_of(courier_update_received(checkpoint("own")), other) == ["own"]

    def test_is_not_put_twice_in_a_row(self) -> None:
        """An update that tells nothing new leads to no call."""
        known = courier_update_received(checkpoint("a"), checkpoint("b"))
        again = courier_update_received(checkpoint("b"))

        assert call_for(again, before=[known]) is None

    def test_a_delivery_without_new_checkpoints_is_news(self) -> None:
        """The same way, now delivered, is put."""
        known = courier_update_received(checkpoint("a"))
        delivered = courier_update_received(checkpoint("a"), delivered_at=minutes(40))

        assert call_for(delivered, before=[known]) is not None
