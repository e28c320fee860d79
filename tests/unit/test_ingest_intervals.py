"""When orders are read again."""

from datetime import datetime, timedelta

import pytest

from builders import NOON, courier_status, document, item, logistics, minutes, package
from service.domain.document import Cancellation, OrderDocument
from service.ingest.intervals import RETRIES, Due, next_reading, retry, spread


def aged(status: str | None, age: timedelta, **changes: object) -> OrderDocument:
    """Return an order that came into *status* so long ago."""
    order = document(status, last_change=NOON - age)
    return order.model_copy(update={"origin": "Fulfillment"} | changes)


def wait(order: OrderDocument, *, now: datetime = NOON) -> tuple[str, float] | None:
    """Return the reason of the next reading, and the minutes until then unspread."""
    due = next_reading(order, now=now)
    if due is None:
        return None
    share = spread(timedelta(days=1), order.order_id) / timedelta(days=1)
    return due.reason, round((due.at - now) / share / timedelta(minutes=1), 2)


class TestNextReading:
    @pytest.mark.parametrize(
        ("age", "expected"),
        [
            (timedelta(0), ("undelivered", 4 * 60)),
            (timedelta(days=1), ("undelivered", 6 * 60)),
            (timedelta(days=4), ("undelivered", 12 * 60)),
            (timedelta(days=11), ("undelivered", 24 * 60)),
            (timedelta(days=46), None),
            (timedelta(hours=-1), ("undelivered", 4 * 60)),
        ],
    )
    def test_of_an_invoiced_order(
        self, age: timedelta, expected: tuple[str, float] | None
    ) -> None:
        """While it is under way it is read ever less often, and in the end no more."""
        assert wait(aged("invoiced", age)) == expected

    def test_age_counts_from_the_invoice(self) -> None:
        """A change of its tracking does not make an order young again."""
        invoiced = aged(
            "invoiced", timedelta(0), invoiced_date=NOON - timedelta(days=5)
        )

        assert wait(invoiced) == ("undelivered", 12 * 60)

    def test_delivered_is_the_end(self) -> None:
        """Nothing more is expected of an order whose packages all arrived."""
        arrived = document(
            "invoiced",
            items=(item(),),
            logistics=(logistics(),),
            packages=(package(status=courier_status("x", finished=True)),),
        )

        assert wait(arrived) is None

    @pytest.mark.parametrize(
        ("age", "expected"),
        [
            (timedelta(0), ("cancellation unexplained", 0.17)),
            (timedelta(minutes=5), ("cancellation unexplained", 1)),
            (timedelta(hours=1), ("cancellation unexplained", 30)),
            (timedelta(hours=3), None),
        ],
    )
    def test_of_a_cancellation_without_reason(
        self, age: timedelta, expected: tuple[str, float] | None
    ) -> None:
        """VTEX tells the reason some seconds after the status, or never."""
        assert wait(aged("canceled", age)) == expected

    def test_explained_cancellation_is_the_end(self) -> None:
        """A cancelled order of which the reason is known is read no more."""
        told = Cancellation(reason="Out of stock")

        assert wait(aged("canceled", timedelta(0), cancellation=told)) is None

    @pytest.mark.parametrize("status", [None, "a-status-of-tomorrow"])
    def test_of_an_odd_status(self, status: str | None) -> None:
        """No status, or one never heard of, is looked at again soon."""
        assert wait(aged(status, timedelta(0))) == ("odd status", 1)
        assert wait(aged(status, timedelta(hours=2))) == ("odd status", 60)
        assert wait(aged(status, timedelta(days=31))) is None

    def test_of_an_order_that_should_go_on(self) -> None:
        """When it should have left its status, whether VTEX said so or not, it is read."""
        aged_so = [aged("start-handling", timedelta(minutes=age)) for age in (0, 20)]

        assert [next_reading(order, now=NOON) for order in aged_so] == [
            Due(minutes(30), "overdue"),
            Due(minutes(10), "overdue"),
        ]
        assert wait(aged("start-handling", timedelta(hours=1))) == ("overdue", 12 * 60)
        assert wait(aged("start-handling", timedelta(days=61))) is None

    @pytest.mark.parametrize("status", ["replaced", "payment-denied"])
    def test_of_what_is_over(self, status: str) -> None:
        """Nothing more is expected of an order that ended."""
        assert wait(aged(status, timedelta(0))) is None

    def test_without_a_date(self) -> None:
        """An order that VTEX gives no date for counts as fresh."""
        undated = document("start-handling", last_change=None)

        assert next_reading(undated, now=NOON) == Due(minutes(30), "overdue")


class TestSpread:
    def test_orders_do_not_come_all_at_once(self) -> None:
        """Intervals of different orders differ, by a fifth at most."""
        day = timedelta(days=1)
        found = {spread(day, f"{number}-01") for number in range(100)}

        assert len(found) > 90
        assert all(day <= each <= 1.2 * day for each in found)


class TestRetry:
    def test_is_given_up(self) -> None:
        """Readings that keep failing come ever later, and end."""
        waits = [retry(failures) for failures in range(1, len(RETRIES) + 2)]

        assert waits == [*RETRIES, None]
        assert list(RETRIES) == sorted(RETRIES)
