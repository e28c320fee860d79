"""The read model of one order."""

from collections.abc import Sequence
from datetime import datetime

from builders import (
    NOON,
    call_parked,
    call_refused,
    checkpoint,
    courier_status,
    courier_update_received,
    details_fetched,
    document,
    handling_requested,
    invoice_issued,
    item,
    logistics,
    minutes,
    package,
    status_reported,
    tracking_number_assigned,
)
from service.domain.document import OrderDocument
from service.domain.facts import OrderFact
from service.domain.stage import Stage
from service.domain.tracking import TRACKING, Tracking, effective, evolve_tracking


def shown(*facts: OrderFact, at: datetime = NOON) -> Tracking:
    """Return what is shown after *facts*, all recorded at *at*."""
    tracking: Tracking | None = None
    for version, fact in enumerate(facts, 1):
        tracking = evolve_tracking(tracking, fact, version=version, at=at)
    assert tracking is not None
    return tracking


def number_of(tracking: Tracking) -> int | None:
    return tracking.stage.number if tracking.stage else None


def pickup(*, estimate: datetime, status: str = "invoiced") -> OrderDocument:
    return document(
        status, logistics=(logistics(channel="pickup-in-point", estimate=estimate),)
    )


class TestStatus:
    def test_first(self) -> None:
        """The first status shows, with its stage and triggers."""
        tracking = shown(status_reported("payment-pending"))

        assert tracking.status == "payment-pending"
        assert tracking.stage == Stage(number=2, phase="doing", pickup=False)
        assert tracking.triggers[1] == "order.progress.approvingPayment"
        assert tracking.created_at == NOON
        assert tracking.version == 1

    def test_late(self) -> None:
        """A late notification moves nothing back, but fills in when it was."""
        tracking = shown(
            status_reported("handling", last_change=minutes(5)),
            status_reported("payment-pending", last_change=minutes(1)),
        )

        assert tracking.status == "handling"
        assert number_of(tracking) == 3
        assert tracking.reached_at == (None, minutes(1), minutes(5), None, None)

    def test_earliest_time_counts(self) -> None:
        """A stage was reached when it was first reached, whenever we hear of it."""
        tracking = shown(
            status_reported("handling", last_change=minutes(5)),
            status_reported("payment-approved", last_change=minutes(2)),
            status_reported("handling", last_change=minutes(9)),
        )

        assert tracking.reached_at[2] == minutes(2)

    def test_back_in_the_flow(self) -> None:
        """An order that VTEX takes back shows the status, and the stage it reached."""
        tracking = shown(
            status_reported("handling", last_change=minutes(1)),
            status_reported("payment-pending", last_change=minutes(2)),
        )

        assert tracking.status == "payment-pending"
        assert number_of(tracking) == 3
        assert tracking.reached_at[2] == minutes(1)

    def test_start_handling(self) -> None:
        """Start-handling is a part of stage 3."""
        assert number_of(shown(status_reported("start-handling"))) == 3

    def test_unknown_status(self) -> None:
        """A status that nobody knows shows as it is and changes no stage."""
        tracking = shown(
            status_reported("handling", last_change=minutes(1)),
            status_reported("of-tomorrow", last_change=minutes(2)),
        )

        assert tracking.status == "of-tomorrow"
        assert number_of(tracking) == 3
        assert tracking.overlay is None

    def test_no_workflow(self) -> None:
        """An order without a workflow is incomplete, with everything to do."""
        tracking = shown(status_reported(None))

        assert tracking.status is None
        assert tracking.overlay == "incomplete"
        assert tracking.stage == Stage(number=1, phase="to-do", pickup=False)
        assert tracking.reached_at[0] is None

    def test_canceling(self) -> None:
        """A cancellation under way lies over the stage, and goes when it is denied."""
        asked = status_reported("request-cancel", last_change=minutes(1))
        denied = status_reported("payment-approved", last_change=minutes(2))

        assert shown(asked).overlay == "canceling"
        assert shown(asked, denied).overlay is None

    def test_canceled(self) -> None:
        """A cancelled order stays cancelled."""
        tracking = shown(
            status_reported("handling", last_change=minutes(1)),
            status_reported("canceled", last_change=minutes(2)),
            status_reported("cancel", last_change=minutes(3)),
            details_fetched(document("handling", last_change=minutes(4))),
        )

        assert tracking.status == "canceled"
        assert tracking.overlay == "canceled"
        assert number_of(tracking) == 3


class TestDetails:
    def test_fields(self) -> None:
        """The document's totals and relations show."""
        tracking = shown(details_fetched())

        assert tracking.order_group == "1000000000001"
        assert tracking.origin == "Fulfillment"
        assert tracking.value == 1000
        assert tracking.totals[0].id == "Items"
        assert tracking.channel == "delivery"
        assert tracking.created_at == minutes(-60)

    def test_dates_of_the_document(self) -> None:
        """Stages that we did not see have the dates that VTEX tells."""
        invoiced = document("invoiced").model_copy(
            update={"authorized_date": minutes(-50), "invoiced_date": minutes(-5)}
        )

        assert shown(details_fetched(invoiced)).reached_at == (
            minutes(-60),
            None,
            minutes(-50),
            minutes(-5),
            None,
        )

    def test_older_document(self) -> None:
        """A document older than the one shown changes nothing."""
        tracking = shown(
            details_fetched(document(value=2000, last_change=minutes(2))),
            details_fetched(document(value=1000, last_change=minutes(1))),
        )

        assert tracking.value == 2000

    def test_workflow_in_error(self) -> None:
        """An error of the workflow shows until VTEX tells that it is over."""
        broken = details_fetched(document(workflow_is_in_error=True))
        repaired = details_fetched(document(last_change=minutes(1)))
        repeated = status_reported("handling", last_change=NOON)
        late = status_reported("payment-pending", last_change=minutes(-9))

        assert shown(broken).overlay == "in-error"
        assert shown(broken, repeated, late).overlay == "in-error"
        assert shown(broken, repaired).overlay is None

    def test_stage_survives(self) -> None:
        """A cancelled delivery still shows how far it got."""
        delivered = document(
            "invoiced", packages=(package(status=courier_status(finished=True)),)
        )
        canceled = document("canceled", last_change=minutes(5))

        tracking = shown(details_fetched(delivered), details_fetched(canceled))

        assert tracking.stage == Stage(number=5, phase="done", pickup=False)

    def test_channel_known_later(self) -> None:
        """The triggers of pickup show as soon as the document tells of it."""
        tracking = shown(
            status_reported("handling"),
            details_fetched(pickup(estimate=minutes(5), status="handling")),
        )

        assert tracking.triggers[4] == "order.progress.pickup"


class TestEstimate:
    def test_revision(self) -> None:
        """An estimate that is given up is kept, with when we learned of it."""
        first = document(logistics=(logistics(estimate=minutes(100)),))
        second = document(
            logistics=(logistics(estimate=minutes(200)),), last_change=minutes(1)
        )

        (parcel,) = shown(details_fetched(first), details_fetched(second)).parcels

        assert parcel.estimate == minutes(200)
        assert [(r.estimate, r.until) for r in parcel.revisions] == [
            (minutes(100), NOON)
        ]

    def test_kept_when_packed(self) -> None:
        """A parcel keeps its revisions when it gets its package."""
        facts = [
            details_fetched(
                document(
                    logistics=(logistics(estimate=minutes(day)),),
                    packages=packages,
                    last_change=minutes(place),
                )
            )
            for place, (day, packages) in enumerate(
                [(100, ()), (200, ()), (200, (package(),))]
            )
        ]

        (parcel,) = shown(*facts).parcels

        assert parcel.invoice_number == "1"
        assert len(parcel.revisions) == 1

    def test_same_document(self) -> None:
        """A document that comes again revises nothing, however odd it is."""
        odd = details_fetched(
            document(
                items=(item("1"), item("2")),
                logistics=(
                    logistics(0, estimate=minutes(1)),
                    logistics(1, estimate=minutes(2)),
                ),
                packages=(package(items=((0, 1),)), package(items=((1, 1),))),
            )
        )

        assert shown(odd, odd).parcels == shown(odd).parcels


class TestOwnFacts:
    two = details_fetched(document(items=(item("100", quantity=2),)))

    def test_invoice(self) -> None:
        """An invoice of ours shows at once, and takes its items from what was left."""
        left, packed = shown(self.two, invoice_issued()).parcels

        assert left.invoice_number is None
        assert left.items[0].quantity == 1
        assert packed.invoice_number == "1"
        assert packed.items[0].name == "Mug 100"
        assert packed.channel == "delivery"

    def test_invoice_not_shown_yet(self) -> None:
        """It stays while VTEX does not show it yet."""
        again = details_fetched(
            document(items=(item("100", quantity=2),), last_change=minutes(1))
        )

        parcels = shown(self.two, invoice_issued(), again).parcels

        assert [p.invoice_number for p in parcels] == [None, "1"]
        assert parcels[0].items[0].quantity == 1

    def test_invoice_confirmed(self) -> None:
        """VTEX's package takes the place of our invoice."""
        confirmed = details_fetched(
            document(
                items=(item("100", quantity=2),),
                packages=(package(),),
                last_change=minutes(1),
            )
        )

        parcels = shown(self.two, invoice_issued(), confirmed).parcels

        assert [p.invoice_number for p in parcels] == ["1", None]
        assert parcels[0].issued_version is None

    def test_invoice_refused(self) -> None:
        """An invoice that VTEX refused shows no longer; its items are left again."""
        tracking = shown(
            self.two, invoice_issued(), call_refused("invoice", cause_version=2)
        )

        assert [p.invoice_number for p in tracking.parcels] == [None, None]
        assert sum(p.items[0].quantity for p in tracking.parcels) == 2

    def test_return_refused(self) -> None:
        """A return that VTEX refused is gone."""
        tracking = shown(
            self.two,
            invoice_issued("R1", invoice_type="Input"),
            call_refused("invoice", cause_version=2),
        )

        assert [p.invoice_number for p in tracking.parcels] == [None]

    def test_tracking_number(self) -> None:
        """A tracking number shows at once, and stays while VTEX has none."""
        again = details_fetched(document(packages=(package(),), last_change=minutes(1)))

        tracking = shown(
            details_fetched(document(packages=(package(),))),
            tracking_number_assigned("BR1"),
            again,
        )

        assert tracking.parcels[0].tracking_number == "BR1"

    def test_courier_update(self) -> None:
        """A courier update shows at once."""
        tracking = shown(
            details_fetched(document(packages=(package(),))),
            courier_update_received(checkpoint("Out for delivery")),
        )

        assert tracking.courier_state == "out_for_delivery"
        assert tracking.parcels[0].progress.text == "Out for delivery"

    def test_late_courier_news(self) -> None:
        """VTEX's older news do not take back what the carrier told us."""
        late = document(
            packages=(package(status=courier_status("Objeto postado")),),
            last_change=minutes(1),
        )

        tracking = shown(
            details_fetched(document(packages=(package(),))),
            courier_update_received(delivered_at=minutes(30)),
            details_fetched(late),
        )

        assert tracking.courier_state == "delivered"
        assert tracking.parcels[0].progress.delivered_at == minutes(30)

    def test_return_does_not_speak_for_the_order(self) -> None:
        """The courier state of a return is not that of the order."""
        status = courier_status(finished=True)
        packages = (package("1", status=status), package("R1", type="Input"))

        assert shown(details_fetched(document(packages=packages))).courier_state == (
            "delivered"
        )

    def test_other_facts(self) -> None:
        """Other facts change the version alone."""
        before = shown(self.two)

        after = evolve_tracking(before, handling_requested(), version=2, at=minutes(9))
        after = evolve_tracking(after, call_parked(), version=3, at=minutes(9))

        assert after.version == 3
        assert after.updated_at == before.updated_at
        assert after.parcels == before.parcels


class TestEffective:
    waiting = shown(details_fetched(pickup(estimate=minutes(30))))

    def test_before(self) -> None:
        """A pickup order waits for its estimate."""
        assert self.waiting.ripens_at == minutes(30)
        assert effective(self.waiting, minutes(29)) == self.waiting

    def test_then(self) -> None:
        """At its estimate it is ready, without anything having happened."""
        ready = effective(self.waiting, minutes(30))

        assert ready.stage == Stage(number=5, phase="doing", pickup=True)
        assert ready.triggers[4] == "order.state.ready-for-pickup"
        assert ready.reached_at[4] == minutes(30)
        assert ready.ripens_at is None
        assert ready.version == self.waiting.version

    def test_the_next_fact_keeps_it(self) -> None:
        """A fact that comes later finds the order ready."""
        after = evolve_tracking(self.waiting, call_parked(), version=2, at=minutes(40))

        assert number_of(after) == 5
        assert after.reached_at[4] == minutes(30)

    def test_canceled(self) -> None:
        """A cancelled order does not get ready any more."""
        canceled = evolve_tracking(
            self.waiting, status_reported("canceled"), version=2, at=minutes(1)
        )

        assert number_of(effective(canceled, minutes(99))) == 4

    def test_recorded_after_the_estimate(self) -> None:
        """An estimate that was past when the document came needs no ripening."""
        tracking = shown(details_fetched(pickup(estimate=minutes(-5))))

        assert number_of(tracking) == 5
        assert tracking.ripens_at is None
        assert tracking.reached_at[4] == minutes(-5)


class TestJson:
    facts: Sequence[OrderFact] = (
        details_fetched(pickup(estimate=minutes(30))),
        invoice_issued(),
        tracking_number_assigned(),
        courier_update_received(checkpoint()),
    )

    def test_there_and_back(self) -> None:
        """What is shown survives as JSON."""
        tracking = shown(*self.facts)

        assert TRACKING.validate_json(TRACKING.dump_json(tracking)) == tracking
