"""Given what happened, when a command comes, then these facts follow."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from builders import (
    NOON,
    assign_tracking_number,
    call_refused,
    cancellation_requested,
    checkpoint,
    courier_update_received,
    details_fetched,
    document,
    handling_requested,
    invoice_issued,
    issue_invoice,
    item,
    minutes,
    package,
    personal_data_erased,
    report_courier_update,
    request_cancellation,
    status_reported,
    tracking_number_assigned,
)
from service.domain.commands import (
    ErasePersonalData,
    OrderCommand,
    ReportCourierUpdate,
    RequestHandling,
)
from service.domain.decisions import decide
from service.domain.facts import (
    CourierUpdateReceived,
    HandlingRequested,
    InvoiceIssued,
    InvoiceItem,
    OrderFact,
)
from service.domain.order import fold
from service.errors import (
    InvalidCourierUpdateError,
    InvalidInvoiceError,
    InvoiceConflictError,
    InvoiceNotFoundError,
    OrderNotFoundError,
    RejectedError,
    TransitionNotAllowedError,
)

REQUEST_HANDLING = RequestHandling(requested_by="start-handling policy")

# An order of two of SKU 100 and one of SKU 200, for 30.00.
DETAILS = details_fetched(
    document(items=(item("100", quantity=2), item("200")), value=3000)
)


def history(*facts: OrderFact) -> list[OrderFact]:
    return list(facts)


def when(command: OrderCommand, given: Sequence[OrderFact]) -> list[OrderFact]:
    return decide(command, fold(given), at=minutes(60))


class TestUnknownOrder:
    @pytest.mark.parametrize(
        "command",
        [
            issue_invoice(),
            assign_tracking_number(),
            report_courier_update(checkpoint()),
            request_cancellation(),
            ErasePersonalData(),
        ],
    )
    def test_refused(self, command: OrderCommand) -> None:
        """Nothing can be done to an order that nobody has heard of."""
        with pytest.raises(OrderNotFoundError):
            when(command, [])

    def test_handling(self) -> None:
        """The policy that asks for handling gets no error, and nothing happens."""
        assert when(REQUEST_HANDLING, []) == []


class TestRequestHandling:
    ready = status_reported("ready-for-handling")

    def test_ready(self) -> None:
        """The handling of an order that is ready for it is requested."""
        assert when(REQUEST_HANDLING, [self.ready]) == [
            HandlingRequested(requested_by="start-handling policy")
        ]

    @pytest.mark.parametrize(
        "status", ["handling", "canceled", "payment-pending", None]
    )
    def test_other_status(self, status: str | None) -> None:
        """That of any other is not."""
        assert when(REQUEST_HANDLING, [status_reported(status)]) == []

    def test_again(self) -> None:
        """It is requested once."""
        assert when(REQUEST_HANDLING, [self.ready, handling_requested()]) == []


class TestIssueInvoice:
    def test_first(self) -> None:
        """An invoice that fits the order is issued."""
        assert when(issue_invoice(), [DETAILS]) == [invoice_issued()]

    def test_details_unknown(self) -> None:
        """Without the order's details, VTEX is the judge of items and value."""
        command = issue_invoice(items=(("999", 9),), value=9_999_999)

        assert len(when(command, [status_reported()])) == 1

    def test_stripped_number(self) -> None:
        """Spaces around the number are taken off."""
        assert when(issue_invoice(" 1 "), [DETAILS]) == [invoice_issued("1")]

    @pytest.mark.parametrize(
        "number", ["", " ", "1 2", "1/2", "1#2", "nº1", ".", "..", "1\n2", "x" * 101]
    )
    def test_bad_number(self, number: str) -> None:
        """A number that VTEX could not find again is refused."""
        with pytest.raises(InvalidInvoiceError, match="letters, digits"):
            when(issue_invoice(number), [DETAILS])

    def test_again(self) -> None:
        """The same invoice again is true already."""
        assert when(issue_invoice(), [DETAILS, invoice_issued()]) == []

    def test_again_with_tracking(self) -> None:
        """It stays so when the package got a tracking number since."""
        given = history(DETAILS, invoice_issued(), tracking_number_assigned())

        assert when(issue_invoice(), given) == []

    def test_number_taken(self) -> None:
        """The same number with other content is a conflict."""
        with pytest.raises(InvoiceConflictError, match="another number"):
            when(issue_invoice(value=999), [DETAILS, invoice_issued()])

    def test_number_of_a_foreign_invoice(self) -> None:
        """An invoice that VTEX shows already is true, or a conflict."""
        given = history(details_fetched(document(packages=(package(value=1000),))))

        assert when(issue_invoice(value=1000), given) == []
        with pytest.raises(InvoiceConflictError):
            when(issue_invoice(value=999), given)

    def test_after_refusal(self) -> None:
        """An invoice that VTEX refused can be corrected under its number."""
        given = history(
            DETAILS, invoice_issued(), call_refused("invoice", cause_version=2)
        )

        assert when(issue_invoice(value=999), given) == [invoice_issued(value=999)]

    @pytest.mark.parametrize("status", ["canceled", "replaced"])
    def test_closed_order(self, status: str) -> None:
        """A cancelled or replaced order is not invoiced."""
        with pytest.raises(TransitionNotAllowedError, match=status):
            when(issue_invoice(), [DETAILS, status_reported(status)])

    def test_own_cancellation(self) -> None:
        """Who asked for a cancellation does not deny it by an invoice."""
        asked = history(DETAILS, cancellation_requested())
        under_way = status_reported("cancellation-requested", last_change=minutes(1))

        assert len(when(issue_invoice(), [DETAILS, under_way])) == 1
        with pytest.raises(TransitionNotAllowedError, match="deny"):
            when(issue_invoice(), [*asked, under_way])

    def test_foreign_item(self) -> None:
        """An item that the order does not have is refused."""
        with pytest.raises(InvalidInvoiceError, match="SKU 999 is not in the order"):
            when(issue_invoice(items=(("999", 1),)), [DETAILS])

    def test_too_many(self) -> None:
        """More than what is left to invoice is refused."""
        given = history(DETAILS, invoice_issued("1", items=(("100", 1),)))

        with pytest.raises(InvalidInvoiceError, match="more than the 1"):
            when(issue_invoice("2", items=(("100", 2),)), given)

    def test_too_many_in_two_lines(self) -> None:
        """Two lines of one SKU count together."""
        with pytest.raises(InvalidInvoiceError):
            when(issue_invoice(items=(("200", 1), ("200", 1))), [DETAILS])

    def test_remainder(self) -> None:
        """The last invoice may take the whole remainder."""
        given = history(DETAILS, invoice_issued("1", value=1000))
        command = issue_invoice("2", items=(("100", 1), ("200", 1)), value=2000)

        assert len(when(command, given)) == 1

    def test_one_line_a_sku(self) -> None:
        """Lines of one SKU become one, at the price that they come to."""
        lines = (
            InvoiceItem(id="100", price=1000, quantity=1),
            InvoiceItem(id="200", price=500, quantity=1),
            InvoiceItem(id="100", price=801, quantity=1),
        )
        command = replace(issue_invoice(value=3000), items=lines)

        (fact,) = when(command, [DETAILS])

        assert isinstance(fact, InvoiceIssued)
        assert fact.items == (
            InvoiceItem(id="100", price=901, quantity=2),
            InvoiceItem(id="200", price=500, quantity=1),
        )
        assert when(command, [DETAILS, fact]) == []

    def test_remainder_left(self) -> None:
        """The invoice of the last items takes what is left of the order's value."""
        given = history(DETAILS, invoice_issued("1", value=1000))
        command = issue_invoice("2", items=(("100", 1), ("200", 1)), value=1999)

        with pytest.raises(InvalidInvoiceError, match="2000 cents"):
            when(command, given)

    def test_above_order_value(self) -> None:
        """Invoices may not be worth more than the order."""
        given = history(DETAILS, invoice_issued("1", value=1000))

        with pytest.raises(InvalidInvoiceError, match="more than the 2000"):
            when(issue_invoice("2", items=(("200", 1),), value=2001), given)

    def test_return(self) -> None:
        """A return neither counts against the order nor is bound by what is left."""
        given = history(
            DETAILS,
            invoice_issued("1", items=(("100", 2), ("200", 1)), value=3000),
        )
        command = issue_invoice("R1", invoice_type="Input", value=3000)

        (fact,) = when(command, given)

        assert when(issue_invoice("2", value=0), [DETAILS, fact]) != []

    @pytest.mark.parametrize(
        "command", [issue_invoice(items=()), issue_invoice(value=-1)]
    )
    def test_empty(self, command: OrderCommand) -> None:
        """An invoice without items, or of less than nothing, is refused."""
        with pytest.raises(InvalidInvoiceError):
            when(command, [DETAILS])


class TestAssignTrackingNumber:
    given = (DETAILS, invoice_issued())

    def test_first(self) -> None:
        """An invoiced package gets its tracking number."""
        assert when(assign_tracking_number(), self.given) == [
            tracking_number_assigned()
        ]

    def test_foreign_invoice(self) -> None:
        """So does a package whose invoice somebody else issued."""
        given = history(details_fetched(document(packages=(package("9"),))))

        assert len(when(assign_tracking_number(invoice_number="9"), given)) == 1

    def test_again(self) -> None:
        """The same number again is true already."""
        given = history(*self.given, tracking_number_assigned())

        assert when(assign_tracking_number(), given) == []

    def test_another(self) -> None:
        """Another number takes its place."""
        given = history(*self.given, tracking_number_assigned())

        assert when(assign_tracking_number("BR2"), given) == [
            tracking_number_assigned("BR2")
        ]

    def test_no_invoice(self) -> None:
        """Without an invoice there is no package to track."""
        with pytest.raises(InvoiceNotFoundError, match="'7'"):
            when(assign_tracking_number(invoice_number="7"), self.given)

    @pytest.mark.parametrize("number", ["12 3", "12/3", "12#3", "12%2F3", "12%2f3"])
    def test_invoice_that_vtex_cannot_find(self, number: str) -> None:
        """A foreign invoice whose number VTEX cannot find is not tracked by us."""
        given = history(details_fetched(document(packages=(package(number),))))

        with pytest.raises(TransitionNotAllowedError, match="Admin"):
            when(assign_tracking_number(invoice_number=number), given)

    def test_empty(self) -> None:
        """An empty number is refused."""
        with pytest.raises(RejectedError):
            when(assign_tracking_number("  "), self.given)


class TestReportCourierUpdate:
    given = (DETAILS, invoice_issued(), tracking_number_assigned())

    def test_checkpoint(self) -> None:
        """A checkpoint of a tracked package is taken down."""
        assert when(report_courier_update(checkpoint()), self.given) == [
            courier_update_received(checkpoint())
        ]

    def test_delivery(self) -> None:
        """So is its delivery."""
        assert when(report_courier_update(delivered_at=minutes(30)), self.given) == [
            courier_update_received(delivered_at=minutes(30))
        ]

    def test_again(self) -> None:
        """The same update again is true already."""
        given = history(*self.given, courier_update_received(checkpoint()))

        assert when(report_courier_update(checkpoint()), given) == []

    def test_tracking_number_of_the_invoice(self) -> None:
        """A tracking number that came with the invoice will do."""
        given = history(DETAILS, invoice_issued(tracking_number="BR1"))

        assert len(when(report_courier_update(checkpoint()), given)) == 1

    def test_no_tracking_number(self) -> None:
        """A package without a tracking number has no courier updates."""
        with pytest.raises(TransitionNotAllowedError, match="tracking number"):
            when(report_courier_update(checkpoint()), [DETAILS, invoice_issued()])

    def test_no_invoice(self) -> None:
        """Nor has one without an invoice."""
        with pytest.raises(InvoiceNotFoundError):
            when(report_courier_update(checkpoint()), [DETAILS])

    @pytest.mark.parametrize(
        "command",
        [
            ReportCourierUpdate(invoice_number="1", is_delivered=True),
            ReportCourierUpdate(
                invoice_number="1",
                is_delivered=False,
                delivered_at=minutes(30),
                checkpoints=(checkpoint(),),
            ),
            ReportCourierUpdate(invoice_number="1", is_delivered=False),
            report_courier_update(delivered_at=NOON),
        ],
        ids=["no date", "date alone", "nothing", "before dispatch"],
    )
    def test_contradiction(self, command: OrderCommand) -> None:
        """An update that contradicts itself or the dispatch is refused."""
        with pytest.raises(InvalidCourierUpdateError):
            when(command, self.given)

    @pytest.mark.parametrize(
        "update",
        [
            courier_update_received(checkpoint("a"), checkpoint("b", after=30)),
            courier_update_received(
                checkpoint("b", after=30), checkpoint("a"), delivered_at=minutes(40)
            ),
            courier_update_received(checkpoint("a"), delivered_at=minutes(40)),
        ],
    )
    def test_first_news_at_once(self, update: CourierUpdateReceived) -> None:
        """What a carrier first tells at once is two updates, the earliest news first."""
        command = report_courier_update(
            *update.checkpoints, delivered_at=update.delivered_at
        )

        facts = when(command, self.given)

        assert facts == [courier_update_received(checkpoint("a")), update]
        assert when(command, [*self.given, *facts]) == []

    def test_further_news_at_once(self) -> None:
        """What it tells later is one update."""
        given = history(*self.given, courier_update_received(checkpoint("a")))
        command = report_courier_update(
            checkpoint("a"), checkpoint("b"), checkpoint("c")
        )

        assert len(when(command, given)) == 1

    def test_delivery_to_come(self) -> None:
        """A delivery of later than now is one of now, and told once."""
        command = report_courier_update(checkpoint(), delivered_at=minutes(90))

        facts = when(command, [*self.given, courier_update_received(checkpoint())])

        assert facts == [
            courier_update_received(checkpoint(), delivered_at=minutes(60))
        ]
        later = fold([*self.given, *facts])
        assert decide(command, later, at=minutes(70)) == []

    def test_delivery_and_dispatch_to_come(self) -> None:
        """Where all clocks are ahead, a delivery is not before its dispatch."""
        command = report_courier_update(delivered_at=minutes(20))
        order = fold(self.given)

        assert decide(command, order, at=NOON) == [
            courier_update_received(delivered_at=minutes(10))
        ]

    def test_after_delivery(self) -> None:
        """A delivered package does not become undelivered."""
        given = history(*self.given, courier_update_received(delivered_at=minutes(30)))

        with pytest.raises(TransitionNotAllowedError, match="delivered"):
            when(report_courier_update(checkpoint()), given)


class TestRequestCancellation:
    def test_first(self) -> None:
        """The cancellation of an order is requested."""
        assert when(request_cancellation(), [DETAILS]) == [cancellation_requested()]

    def test_again(self) -> None:
        """It is requested once."""
        given = history(DETAILS, cancellation_requested())

        assert when(request_cancellation(), given) == []

    @pytest.mark.parametrize("status", ["invoiced", "canceled", "replaced"])
    def test_too_late(self, status: str) -> None:
        """An order that is invoiced, cancelled or replaced is not cancelled."""
        with pytest.raises(TransitionNotAllowedError):
            when(request_cancellation(), [status_reported(status)])

    def test_partly_invoiced(self) -> None:
        """Nor is one that is invoiced in part."""
        with pytest.raises(TransitionNotAllowedError, match="Input"):
            when(request_cancellation(), [DETAILS, invoice_issued()])

    def test_after_refusal(self) -> None:
        """A cancellation that VTEX refused is requested anew."""
        given = history(DETAILS, cancellation_requested(), call_refused("cancel"))

        assert when(request_cancellation(), given) == [cancellation_requested()]

    def test_confirmation(self) -> None:
        """An order that waits for a second request gets one, and no third."""
        waiting = status_reported("cancellation-requested", last_change=minutes(1))
        given = history(DETAILS, cancellation_requested(), waiting)

        (confirmed,) = when(request_cancellation(), given)

        assert confirmed == cancellation_requested()
        assert when(request_cancellation(), [*given, confirmed]) == []

    def test_confirmation_of_the_shopper_s_wish(self) -> None:
        """So does one whose cancellation somebody else asked for."""
        waiting = status_reported("cancellation-requested", last_change=minutes(1))
        given = history(DETAILS, waiting)

        facts = when(request_cancellation(), given)

        assert len(facts) == 1
        assert when(request_cancellation(), [*given, *facts]) == []

    def test_denied_confirmation(self) -> None:
        """After a denial everything begins anew."""
        given = history(
            DETAILS,
            status_reported("cancellation-requested", last_change=minutes(1)),
            cancellation_requested(),
            status_reported("handling", last_change=minutes(2)),
            cancellation_requested(),
            status_reported("cancellation-requested", last_change=minutes(3)),
        )

        assert len(when(request_cancellation(), given)) == 1


class TestErasePersonalData:
    def test_first(self) -> None:
        """It is told once the data is deleted, whatever the order's status."""
        given = history(status_reported("canceled"))

        assert when(ErasePersonalData(), given) == [personal_data_erased()]

    def test_again(self) -> None:
        """It is told once, whatever happened since."""
        given = history(status_reported(), personal_data_erased(), details_fetched())

        assert when(ErasePersonalData(), given) == []
