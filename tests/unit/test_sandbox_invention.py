"""Invented orders: what the seed decides, what a wish does, how many of each there are."""

import re
from collections import Counter
from datetime import timedelta

import pytest
from pydantic import ValidationError

from service.sandbox.clock import ManualClock
from service.sandbox.invention import Wish, invent_order
from service.sandbox.orders import Order

AT = ManualClock().now()


def invent(number: int = 0, *, seed: int = 7, **wish: object) -> Order:
    return invent_order(
        "acme", number, Wish.model_validate(wish), seed=seed, speed=1.0, at=AT
    )


class TestInventOrder:
    def test_has_an_id_like_vtex(self) -> None:
        """Thirteen digits and a suffix, and the group is the digits."""
        order = invent()

        assert re.fullmatch(r"\d{13}-01", order.order_id)
        assert order.order_id == f"{order.group}-01"

    def test_is_decided_by_the_seed(self) -> None:
        """The same seed and number give the same order, another seed another one."""
        assert invent(3) == invent(3)
        assert invent(3).order_id != invent(3, seed=8).order_id

    def test_gives_every_order_its_own_id(self) -> None:
        """No two orders of an account share an id or a sequence."""
        orders = [invent(number) for number in range(500)]

        assert len({order.order_id for order in orders}) == 500
        assert len({order.sequence for order in orders}) == 500

    def test_invents_some_of_everything(self) -> None:
        """Among many orders there is every channel, fate, and number of sellers."""
        orders = [invent(number) for number in range(500)]
        channels = Counter(
            frozenset(item.logistics.channel for item in order.items)
            for order in orders
        )
        fates = Counter(
            order.fate.cancelled_by for order in orders if order.fate.cancelled_in
        )
        sellers = Counter(len({i.seller for i in order.items}) for order in orders)

        assert channels[frozenset({"delivery"})] > 200
        assert channels[frozenset({"pickup-in-point"})] > 80
        assert channels[frozenset({"delivery", "pickup-in-point"})] > 10
        assert 5 < fates["payment"] < 50
        assert 5 < fates["shopper"] < 50
        assert sellers.keys() == {1, 2}

    def test_makes_pickups_ready_at_different_times(self) -> None:
        """Some pickups have no estimate, some a near one, some a far one."""
        estimates = [
            invent(number, channel="pickup-in-point").items[0].logistics.estimate_at
            for number in range(100)
        ]
        far = AT + timedelta(hours=12)

        assert any(at is None for at in estimates)
        assert any(
            at is not None and at < AT + timedelta(minutes=2) for at in estimates
        )
        assert any(at is not None and at > far for at in estimates)

    def test_follows_a_wish(self) -> None:
        """What is wished for is what is placed."""
        order = invent(
            channel="pickup-in-point", items=3, sellers=2, pickup_in=5, fate="completed"
        )

        assert len(order.items) == 3
        assert {item.seller for item in order.items} == {"1", "sandboxpartner"}
        assert {item.logistics.channel for item in order.items} == {"pickup-in-point"}
        assert order.items[0].logistics.estimate_at == AT + timedelta(seconds=5)
        assert order.fate.cancelled_in is None

    @pytest.mark.parametrize(
        "wish", [{"items": 0}, {"items": 99}, {"channel": "pigeon"}, {"colour": "red"}]
    )
    def test_refuses_odd_wishes(self, wish: dict[str, object]) -> None:
        """A wish that cannot be fulfilled is refused, not passed over."""
        with pytest.raises(ValidationError):
            Wish.model_validate(wish)
