"""Expressions in JSONata: what they hold for, and what they are not let do."""

import pytest

from service.sandbox.clock import ManualClock
from service.sandbox.document import order_document
from service.sandbox.expressions import Expression
from service.sandbox.oms import Oms
from service.sandbox.refusals import ExpressionError

_DELIVERED = 'courierStatus.deliveredDate != "" or courierStatus.finished = true'


def document() -> dict[str, object]:
    oms = Oms(accounts=["acme"], seed=7, clock=ManualClock())
    return order_document(oms.place_order())


class TestHolds:
    @pytest.mark.parametrize(
        ("text", "held"),
        [
            ("value > 100", True),
            ('status = "canceled"', False),
            ("isAllDelivered = true", False),
            ("$count(items[price >= 0]) > 0", True),
            ("$count(changesAttachment.changesData.itemsAdded) > 0", False),
            ("$count(items[name ~> /.*nothing like it.*/i]) > 0", False),
            ("$count(packageAttachment.packages[" + _DELIVERED + "]) > 0", False),
        ],
    )
    def test_asks_an_order_document(self, text: str, *, held: bool) -> None:
        """What VTEX's guide shows works on the sandbox's documents."""
        assert Expression.read(text).holds(document()) is held

    @pytest.mark.parametrize(
        ("text", "held"),
        [("items.name", True), ("nothing", False), ("[]", False), ('"x"', True)],
    )
    def test_takes_any_value_for_an_answer(self, text: str, *, held: bool) -> None:
        """A value that is neither true nor false counts as JSONata says."""
        assert Expression.read(text).holds(document()) is held

    def test_is_asked_again_and_again(self) -> None:
        """One compiled expression answers for each document anew."""
        expression = Expression.read("value > 100")
        answers = [expression.holds({"value": value}) for value in (99, 101, 100)]

        assert answers == [False, True, False]

    @pytest.mark.parametrize(
        "text",
        [
            "($f := function() { $f() }; $f())",
            "($f := function($x) { 1 + $f($x) }; $f(1))",
            "$map([1..1000000], function($x) { $x })",
            "[1..99999999]",
            '$number("x")',
            "$nothing()",
            "$toMillis(1, 2, 3)",
        ],
    )
    def test_fails_within_bounds(self, text: str) -> None:
        """What runs too long, too deep or into an error is stopped and said so."""
        with pytest.raises(ExpressionError):
            Expression.read(text).holds(document())


class TestRead:
    @pytest.mark.parametrize(
        "text",
        ["", "value >", 'status = "x', "(" * 50, "/[/", "value ! 3", "/(a+)+$/"],
    )
    def test_refuses_what_is_not_an_expression(self, text: str) -> None:
        """A mistake is found when it is written, not when an order changes."""
        with pytest.raises(ExpressionError):
            Expression.read(text)

    def test_compares_by_its_text(self) -> None:
        """The same text is the same expression."""
        assert Expression.read("value > 1") == Expression.read("value > 1")
