"""Which orders are closed, so that their month may leave the log."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from builders import (
    cancellation_requested,
    courier_status,
    details_fetched,
    document,
    invoice_issued,
    item,
    minutes,
    package,
    status_reported,
)
from service.domain.facts import OrderFact
from service.domain.tracking import Tracking, evolve_tracking
from service.eventlog.closing import is_closed, is_finished

DELIVERED = package(status=courier_status("Objeto entregue", finished=True))
RETURNED = package(status=courier_status("Objeto devolvido ao remetente"))


def folded(*facts: OrderFact) -> Tracking:
    tracking = None
    for version, fact in enumerate(facts, start=1):
        tracking = evolve_tracking(tracking, fact, version=version, at=minutes(version))
    assert tracking is not None
    return tracking


class TestFinished:
    @pytest.mark.parametrize(
        ("facts", "is_it"),
        [
            ([status_reported("canceled")], True),
            ([status_reported("payment-denied")], True),
            ([status_reported("replaced")], True),
            ([details_fetched(document("invoiced", packages=(DELIVERED,)))], True),
            ([status_reported("handling")], False),
            ([status_reported("handling"), cancellation_requested()], False),
            ([details_fetched(document("invoiced"))], False),
            ([details_fetched(document("invoiced", packages=(RETURNED,)))], False),
            (
                [
                    details_fetched(
                        document(
                            "invoiced",
                            items=(item(quantity=2),),
                            packages=(DELIVERED,),
                        )
                    )
                ],
                False,
            ),
            (
                [
                    details_fetched(document("invoiced", packages=(DELIVERED,))),
                    invoice_issued("2"),
                ],
                False,
            ),
        ],
    )
    def test_is_told_by_the_fold(
        self, facts: Sequence[OrderFact], *, is_it: bool
    ) -> None:
        """An order is finished when it is called off, or all of it is delivered."""
        assert is_finished(folded(*facts)) is is_it


class TestClosed:
    @pytest.mark.parametrize(
        ("status", "days", "is_it"),
        [
            ("canceled", 29, False),
            ("canceled", 30, True),
            ("handling", 364, False),
            ("handling", 365, True),
        ],
    )
    def test_needs_silence(self, status: str, days: int, *, is_it: bool) -> None:
        """A finished order has to be quiet for a month, any other for a year."""
        now = minutes(0) + timedelta(days=days)

        closed = is_closed(folded(status_reported(status)), last_at=minutes(0), now=now)

        assert closed is is_it
