"""What a person reads about each fact."""

from datetime import datetime

import pytest

from builders import (
    NOON,
    call_parked,
    call_refused,
    call_succeeded,
    cancellation_requested,
    checkpoint,
    courier_status,
    courier_update_received,
    details_fetched,
    document,
    handling_requested,
    invoice_issued,
    minutes,
    package,
    personal_data_erased,
    status_reported,
    tracking_number_assigned,
)
from service.domain.facts import OrderFact
from service.domain.tracking import Tracking, evolve_tracking
from service.project.timeline import Entry, entry_of


def told(*facts: OrderFact, at: datetime = NOON) -> Entry | None:
    """Return what is told of the last of *facts*."""
    before: Tracking | None = None
    tracking: Tracking | None = None
    for version, fact in enumerate(facts, 1):
        before = tracking
        tracking = evolve_tracking(before, fact, version=version, at=at)
    assert tracking is not None
    return entry_of(facts[-1], before=before, after=tracking)


def words(*facts: OrderFact) -> tuple[str, str | None]:
    entry = told(*facts)
    assert entry is not None
    return entry.title, entry.summary


class TestEntry:
    @pytest.mark.parametrize(
        ("fact", "title", "summary"),
        [
            (handling_requested(), "Handling requested", "By start-handling policy"),
            (
                cancellation_requested(),
                "Cancellation requested",
                "By the merchant: Out of stock",
            ),
            (invoice_issued("7"), "Invoice 7 issued", "Correios"),
            (
                invoice_issued("8", invoice_type="Input"),
                "Return invoice 8 issued",
                "Correios",
            ),
            (
                tracking_number_assigned("BR1"),
                "Tracking number for invoice 1",
                "Correios BR1",
            ),
            (call_succeeded("cancel"), "VTEX took the cancellation", None),
            (
                call_refused("start-handling"),
                "VTEX refused the start of handling",
                f"{call_refused().reason} (OMS003)",
            ),
            (
                call_parked("tracking"),
                "Set aside: courier update",
                "no answer for 24 hours",
            ),
            (personal_data_erased(), "Personal data erased", None),
        ],
    )
    def test_words(self, fact: OrderFact, title: str, summary: str | None) -> None:
        """Every fact has a title, and a summary where there is more to say."""
        shown = words(status_reported("handling"), fact)

        assert shown == (title, summary)

    def test_status(self) -> None:
        """A status tells the stage that it leads to."""
        shown = words(status_reported("handling"))

        assert shown == (
            "Status handling",
            "Reported by the feed; stage 3: Handling order",
        )

    def test_no_workflow(self) -> None:
        """An order without a workflow is told as such, and as incomplete."""
        title, summary = words(status_reported(None, source="hook"))

        assert title == "No workflow yet"
        assert summary == "Reported by the hook; stage 1: Place order; incomplete"

    def test_unknown_status(self) -> None:
        """A status that nobody knows is told as it is."""
        assert words(status_reported("shiny-new"))[0] == "Status shiny-new"

    def test_late_status(self) -> None:
        """A notification that comes late is told as late."""
        shown = words(
            status_reported("invoiced", last_change=minutes(5)),
            status_reported("handling", last_change=minutes(1)),
        )

        assert shown == ("Late notice: status handling", "Reported by the feed")

    def test_overlay_left(self) -> None:
        """A cancellation that was denied is told."""
        _, summary = words(
            status_reported("request-cancel", last_change=minutes(1)),
            status_reported("handling", last_change=minutes(2)),
        )

        assert summary is not None
        assert summary.endswith("back on its way")

    def test_details(self) -> None:
        """An order read at VTEX tells what it moved."""
        packed = package(status=courier_status("Saiu para entrega"))

        shown = words(
            status_reported("handling"),
            details_fetched(
                document("invoiced", packages=(packed,), last_change=minutes(1))
            ),
        )

        assert shown == (
            "Order read at VTEX",
            "stage 5: Shipping order; courier: out for delivery",
        )

    def test_details_without_news(self) -> None:
        """An order read at VTEX that moved nothing is not told."""
        entry = told(
            details_fetched(document("handling")),
            details_fetched(document("handling", value=7, last_change=minutes(1))),
        )

        assert entry is None

    def test_courier_update(self) -> None:
        """A courier update tells where the package was seen last."""
        title, summary = words(
            invoice_issued(),
            courier_update_received(
                checkpoint("Objeto entregue", after=9), checkpoint(after=3)
            ),
        )

        assert title == "Package of invoice 1 on its way"
        assert summary is not None
        assert summary.startswith("Objeto entregue (Recife, PE)")

    def test_delivery(self) -> None:
        """A delivery is told even when no checkpoint came with it."""
        shown = words(
            invoice_issued(), courier_update_received(delivered_at=minutes(9))
        )

        assert shown == ("Package of invoice 1 delivered", "courier: delivered")
