"""What happened to an order, folded into what its rules need."""

from builders import (
    NOON,
    call_parked,
    call_refused,
    call_succeeded,
    cancellation_requested,
    courier_update_received,
    details_fetched,
    document,
    handling_requested,
    invoice_issued,
    item,
    minutes,
    package,
    status_reported,
    tracking_number_assigned,
)
from service.domain.order import Order, fold


class TestFold:
    def test_nothing(self) -> None:
        """An order without facts is at version 0 and unknown in everything."""
        assert fold([]) == Order()
        assert fold([]).version == 0

    def test_version(self) -> None:
        """The version is the number of facts, whatever they say."""
        assert fold([status_reported(), call_parked(), call_succeeded()]).version == 3

    def test_latest_status(self) -> None:
        """The status with the latest change counts, not the last to come."""
        order = fold(
            [
                status_reported("invoiced", last_change=minutes(2)),
                status_reported("handling", last_change=minutes(1)),
            ]
        )

        assert order.status == "invoiced"

    def test_status_of_a_document(self) -> None:
        """A document tells the status as well, as of its last change."""
        order = fold(
            [
                details_fetched(document("handling", last_change=minutes(2))),
                status_reported("ready-for-handling", last_change=minutes(1)),
            ]
        )

        assert order.status == "handling"

    def test_older_document(self) -> None:
        """A document older than the one we have changes nothing."""
        order = fold(
            [
                details_fetched(document(value=2000, last_change=minutes(2))),
                details_fetched(document(value=1000, last_change=minutes(1))),
            ]
        )

        assert order.value == 2000

    def test_same_sku_twice(self) -> None:
        """Lines of one SKU count together."""
        order = fold(
            [details_fetched(document(items=(item("7"), item("7", quantity=2))))]
        )

        assert order.ordered == {"7": 3}

    def test_foreign_invoice(self) -> None:
        """An invoice that VTEX shows counts, whoever issued it."""
        order = fold([details_fetched(document(packages=(package("9"),)))])

        assert order.invoices["9"].quantities == {"100": 1}
        assert order.is_invoiced

    def test_foreign_invoice_gone(self) -> None:
        """A foreign invoice that VTEX shows no longer counts no longer."""
        order = fold(
            [details_fetched(document(packages=(package("9"),))), details_fetched()]
        )

        assert order.invoices == {}

    def test_package_twice(self) -> None:
        """A package that VTEX shows twice counts once."""
        order = fold([details_fetched(document(packages=(package(), package())))])

        assert [i.quantities for i in order.outputs()] == [{"100": 1}]

    def test_own_invoice_shown(self) -> None:
        """Of our own invoice, VTEX's document tells only the tracking."""
        order = fold(
            [
                status_reported(),
                invoice_issued(),
                details_fetched(
                    document(packages=(package(items=(), tracking_number="BR1"),))
                ),
            ]
        )

        assert order.invoices["1"].quantities == {"100": 1}
        assert order.invoices["1"].tracking_number == "BR1"

    def test_own_invoice_not_shown_yet(self) -> None:
        """An invoice of ours that VTEX does not show yet stays."""
        order = fold([status_reported(), invoice_issued(), details_fetched()])

        assert "1" in order.invoices

    def test_refused_invoice(self) -> None:
        """An invoice that VTEX refused is gone, the others are not."""
        order = fold(
            [
                status_reported(),
                invoice_issued("1"),
                invoice_issued("2"),
                call_refused("invoice", cause_version=2),
            ]
        )

        assert list(order.invoices) == ["2"]

    def test_refused_cancellation(self) -> None:
        """A cancellation that VTEX refused may be asked for again."""
        order = fold(
            [cancellation_requested(), call_refused("cancel", cause_version=1)]
        )

        assert not order.cancellation_requested

    def test_denied_cancellation(self) -> None:
        """So may one that the seller denied."""
        order = fold(
            [
                cancellation_requested(),
                status_reported("request-cancel", last_change=minutes(1)),
                status_reported("payment-approved", last_change=minutes(2)),
            ]
        )

        assert not order.cancellation_requested

    def test_accepted_cancellation(self) -> None:
        """A cancellation that goes its way stays requested."""
        order = fold(
            [
                cancellation_requested(),
                status_reported("cancel", last_change=minutes(1)),
                status_reported("canceled", last_change=minutes(2)),
            ]
        )

        assert order.cancellation_requested

    def test_facts_about_unknown_invoices(self) -> None:
        """Facts about an invoice that was never issued are folded all the same."""
        order = fold([tracking_number_assigned(), courier_update_received()])

        assert order.invoices["1"].tracking_number == "BR1"


class TestAwaitsHandling:
    ready = status_reported("ready-for-handling", last_change=NOON)

    def test_ready(self) -> None:
        """An order that is ready for handling waits for it."""
        assert fold([self.ready]).awaits_handling

    def test_requested(self) -> None:
        """One whose handling was requested does not, however often it is ready."""
        order = fold([self.ready, handling_requested(), self.ready])

        assert not order.awaits_handling

    def test_back_again(self) -> None:
        """A denied cancellation brings it back, and it waits once more."""
        order = fold(
            [
                self.ready,
                handling_requested(),
                status_reported("cancellation-requested", last_change=minutes(1)),
                status_reported("ready-for-handling", last_change=minutes(2)),
            ]
        )

        assert order.awaits_handling

    def test_late_notification(self) -> None:
        """A late notification does not bring it back."""
        order = fold(
            [
                self.ready,
                handling_requested(),
                status_reported("handling", last_change=minutes(1)),
                self.ready,
            ]
        )

        assert not order.awaits_handling

    def test_incomplete(self) -> None:
        """An order that is not complete is not to be handled."""
        incomplete = document("ready-for-handling", is_completed=False)

        assert not fold([details_fetched(incomplete)]).awaits_handling
