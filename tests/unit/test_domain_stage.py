"""Parcels, and the stages that My Account derives from them."""

import json
from pathlib import Path

import pytest

from builders import NOON, courier_status, document, item, logistics, minutes, package
from service.domain.document import (
    CourierStatus,
    OrderDocument,
    PartialCheckpoint,
    normalise,
)
from service.domain.parcels import parcels
from service.domain.stage import (
    TRIGGER_NAMES,
    Stage,
    channel_of,
    ready_at,
    stage_of,
    triggers,
)

PICKUP = "pickup-in-point"
FIXTURES = Path(__file__).parents[1] / "fixtures" / "my-account-stages.jsonl"
MOVING = courier_status("Objeto postado")
FINISHED = courier_status(finished=True)


def number_of(order: OrderDocument) -> int | None:
    stage = stage_of(order, NOON)
    return stage.number if stage else None


class TestStorefront:
    @pytest.mark.parametrize("line", FIXTURES.read_text().splitlines())
    def test_agrees(self, line: str) -> None:
        """Each recorded order is in the stage that VTEX's storefront shows."""
        expected = json.loads(line)

        stage = stage_of(normalise(expected["order"]), NOON)

        assert stage is not None
        assert stage.number == expected["stage"]
        assert list(triggers(stage)) == expected["triggers"]


class TestParcels:
    def test_nothing_invoiced(self) -> None:
        """Items that travel the same way are one parcel without a package."""
        order = document(
            items=(item("1"), item("2")), logistics=(logistics(0), logistics(1))
        )

        (parcel,) = parcels(order)

        assert parcel.package is None
        assert [i.item_index for i in parcel.items] == [0, 1]

    @pytest.mark.parametrize(
        "other",
        [
            logistics(1, channel=PICKUP),
            logistics(1, sla="Express"),
            logistics(1, shipping_estimate="9bd"),
        ],
    )
    def test_ways_apart(self, other: object) -> None:
        """Another SLA, channel or shipping estimate is another parcel."""
        order = document(
            items=(item("1"), item("2")),
            logistics=(logistics(0), other),  # type: ignore[arg-type] # parametrised
        )

        assert len(parcels(order)) == 2

    def test_sellers_apart(self) -> None:
        """Another seller is another parcel."""
        order = document(
            items=(item("1"), item("2", seller="2")),
            logistics=(logistics(0), logistics(1)),
        )

        assert len(parcels(order)) == 2

    def test_quantity_over_packages(self) -> None:
        """What several packages hold of an item counts together."""
        order = document(
            items=(item(quantity=3),),
            packages=(package("1", items=((0, 1),)), package("2", items=((0, 1),))),
        )

        *packed, left = parcels(order)

        assert [p.package is not None for p in packed] == [True, True]
        assert left.package is None
        assert left.items[0].quantity == 1

    def test_package_holds_too_much(self) -> None:
        """A package with more than was ordered leaves nothing to invoice."""
        order = document(packages=(package(items=((0, 5),)),))

        assert len(parcels(order)) == 1

    def test_item_without_quantity(self) -> None:
        """An item whose quantity is unknown is left until a package holds it."""
        unknown = item(quantity=0)

        assert len(parcels(document(items=(unknown,)))) == 1
        assert parcels(document(items=(unknown,)))[0].package is None
        assert len(parcels(document(items=(unknown,), packages=(package(),)))) == 1

    def test_return_covers_nothing(self) -> None:
        """A return is a parcel, and its items are still to be invoiced."""
        order = document(packages=(package(type="Input"),))

        assert [p.package is None for p in parcels(order)] == [False, True]

    def test_foreign_items(self) -> None:
        """Items that the order does not have are left out of a package."""
        order = document(packages=(package(items=((0, 1), (9, 1), (-1, 1))),))

        assert [i.item_index for i in parcels(order)[0].items] == [0]

    def test_item_without_logistics(self) -> None:
        """An item without logistics is a parcel whose way is unknown."""
        (parcel,) = parcels(document(logistics=()))

        assert parcel.channel is None
        assert parcel.estimate is None

    def test_order_without_items(self) -> None:
        """An order without items has no parcels."""
        assert parcels(document(items=(), logistics=())) == ()

    def test_later_estimate(self) -> None:
        """A following item's later estimate replaces the first item's."""
        order = document(
            items=(item("1"), item("2"), item("3")),
            logistics=(
                logistics(0, estimate=minutes(1)),
                logistics(1, estimate=minutes(5)),
                logistics(2, estimate=minutes(3)),
            ),
        )

        assert parcels(order)[0].estimate == minutes(5)

    def test_first_item_without_estimate(self) -> None:
        """A parcel whose first item has no estimate has none."""
        order = document(
            items=(item("1"), item("2")),
            logistics=(logistics(0), logistics(1, estimate=minutes(5))),
        )

        assert parcels(order)[0].estimate is None


class TestStageOf:
    @pytest.mark.parametrize(
        "status", ["canceled", "replaced", "start-handling", "of-tomorrow"]
    )
    def test_status_without_stage(self, status: str) -> None:
        """A status outside the table gives no stage."""
        assert stage_of(document(status), NOON) is None

    def test_no_workflow(self) -> None:
        """An order without a workflow has everything to do."""
        stage = stage_of(document(None), NOON)

        assert stage == Stage(number=1, phase="to-do", pickup=False)
        assert triggers(stage)[0] == "order.progress.confirmOrder"

    def test_partly_invoiced(self) -> None:
        """An item that is not invoiced yet keeps the order in stage 4."""
        order = document(
            "invoiced",
            items=(item(quantity=2),),
            packages=(package(status=FINISHED),),
        )

        assert number_of(order) == 4

    def test_carrier_has_all(self) -> None:
        """Every package with news of its carrier means stage 5."""
        order = document("invoiced", packages=(package(status=MOVING),))

        assert stage_of(order, NOON) == Stage(number=5, phase="doing", pickup=False)

    @pytest.mark.parametrize("status", [None, CourierStatus(status="ok")])
    def test_carrier_silent(self, status: CourierStatus | None) -> None:
        """A package without news of its carrier keeps the order in stage 4."""
        order = document(
            "invoiced",
            items=(item(quantity=2),),
            packages=(package("1", status=MOVING), package("2", status=status)),
        )

        assert number_of(order) == 4

    def test_news_without_content(self) -> None:
        """News of the carrier count even when they say nothing."""
        status = CourierStatus(data=(PartialCheckpoint(),))

        assert number_of(document("invoiced", packages=(package(status=status),))) == 5

    def test_all_finished(self) -> None:
        """An order whose packages are all finished is delivered."""
        order = document("invoiced", packages=(package(status=FINISHED),))

        assert stage_of(order, NOON) == Stage(number=5, phase="done", pickup=False)

    def test_return_need_not_finish(self) -> None:
        """A return that is under way does not make a delivered order undelivered."""
        order = document(
            "invoiced",
            packages=(package("1", status=FINISHED), package("2", type="Input")),
        )

        assert stage_of(order, NOON) == Stage(number=5, phase="done", pickup=False)

    def test_package_without_items(self) -> None:
        """A package that holds none of the order's items is no parcel."""
        order = document(
            "invoiced", packages=(package("1", status=FINISHED), package("2", items=()))
        )

        assert stage_of(order, NOON) == Stage(number=5, phase="done", pickup=False)

    def test_invoiced_without_items(self) -> None:
        """An invoiced order without any parcel stays in stage 4."""
        assert number_of(document("invoiced", items=(), logistics=())) == 4

    def test_finished_before_invoiced(self) -> None:
        """A finished package moves no order that is not invoiced."""
        assert (
            number_of(document("handling", packages=(package(status=FINISHED),))) == 3
        )

    @pytest.mark.parametrize(("minute", "number"), [(None, 5), (-1, 5), (0, 5), (1, 4)])
    def test_pickup(self, minute: float | None, number: int) -> None:
        """A pickup order is ready when its estimate is empty or past."""
        estimate = None if minute is None else minutes(minute)
        order = document(
            "invoiced", logistics=(logistics(channel=PICKUP, estimate=estimate),)
        )

        stage = stage_of(order, NOON)

        assert stage == Stage(number=number, phase="doing", pickup=True)

    def test_pickup_with_news(self) -> None:
        """News of a carrier do not make a pickup order ready."""
        order = document(
            "invoiced",
            logistics=(logistics(channel=PICKUP, estimate=minutes(1)),),
            packages=(package(status=MOVING),),
        )

        assert number_of(order) == 4

    def test_picked_up(self) -> None:
        """A pickup order whose package is finished was picked up."""
        order = document(
            "invoiced",
            logistics=(logistics(channel=PICKUP, estimate=minutes(1)),),
            packages=(package(status=FINISHED),),
        )

        stage = stage_of(order, NOON)

        assert stage == Stage(number=5, phase="done", pickup=True)
        assert triggers(stage)[3:] == (
            "order.progress.deliveredToPickup",
            "order.state.pickedUp",
        )

    def test_mixed_order(self) -> None:
        """A mixed order counts as delivery."""
        order = document(
            "invoiced",
            items=(item("1"), item("2")),
            logistics=(logistics(0, channel=PICKUP), logistics(1)),
        )

        assert stage_of(order, NOON) == Stage(number=4, phase="doing", pickup=False)


class TestReadyAt:
    def test_latest_estimate(self) -> None:
        """A pickup order gets ready with the last of its parcels."""
        order = document(
            "invoiced",
            items=(item("1"), item("2")),
            logistics=(
                logistics(0, channel=PICKUP, estimate=minutes(5)),
                logistics(1, channel=PICKUP, sla="Slow", estimate=minutes(9)),
            ),
        )

        assert ready_at(order) == minutes(9)

    def test_agrees_with_stage(self) -> None:
        """The order is in stage 4 just before, and in stage 5 at that moment."""
        order = document(
            "invoiced", logistics=(logistics(channel=PICKUP, estimate=minutes(5)),)
        )
        ready = ready_at(order)
        before, then = stage_of(order, minutes(4.99)), stage_of(order, minutes(5))

        assert ready == minutes(5)
        assert before is not None
        assert before.number == 4
        assert then is not None
        assert then.number == 5

    @pytest.mark.parametrize(
        "order",
        [
            document("invoiced", logistics=(logistics(estimate=minutes(5)),)),
            document("handling", logistics=(logistics(channel=PICKUP),)),
            document("invoiced", logistics=(logistics(channel=PICKUP),)),
            document(
                "invoiced",
                logistics=(logistics(channel=PICKUP, estimate=minutes(5)),),
                packages=(package(status=FINISHED),),
            ),
        ],
        ids=["delivery", "not invoiced", "no estimate", "picked up"],
    )
    def test_time_moves_nothing(self, order: OrderDocument) -> None:
        """Time moves no other order."""
        assert ready_at(order) is None


class TestNames:
    def test_every_trigger_has_a_name(self) -> None:
        """Each of the 21 triggers has its English name."""
        assert len(TRIGGER_NAMES) == 21
        assert TRIGGER_NAMES["order.progress.shippingHandled"] == "Package handled"
        assert TRIGGER_NAMES["order.state.ready-for-pickup"] == "Ready for pickup"

    def test_channels(self) -> None:
        """An order tells how its parcels travel."""
        mixed = document(
            items=(item("1"), item("2")),
            logistics=(logistics(0, channel=PICKUP), logistics(1)),
        )

        assert channel_of(document()) == "delivery"
        assert channel_of(document(logistics=(logistics(channel=PICKUP),))) == "pickup"
        assert channel_of(mixed) == "mixed"
