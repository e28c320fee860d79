"""Listing orders: what VTEX's limits forbid, and how a window is listed whole."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from service.errors import InvalidListingError
from service.orders_api.filters import OrderFilters, Window
from service.orders_api.listing import LAST_PAGE, ListOperations, OrderPage, OrderSlice

START = datetime(2026, 3, 1, tzinfo=UTC)
END = START + timedelta(days=1)
TICK = timedelta(milliseconds=1)


class Shop(ListOperations):
    """Lists orders created so many milliseconds after the start, as VTEX does."""

    def __init__(self, created: Sequence[int]) -> None:
        self.created = {f"{n}-01": START + n * TICK for n in created}
        self.asked: list[OrderFilters] = []

    def have(self, *, at: timedelta, orders: int) -> None:
        self.created |= {f"{at}/{n}": START + at for n in range(orders)}

    @override
    async def list_orders(
        self, filters: OrderFilters, *, page: int, per_page: int = 100
    ) -> OrderPage:
        assert page <= LAST_PAGE
        assert filters.order_by == "creationDate,asc"
        assert filters.creation is not None
        self.asked.append(filters)
        start, end = filters.creation
        found = [
            {"orderId": order_id}
            for order_id, at in sorted(self.created.items(), key=lambda item: item[1])
            if start <= at <= end
        ]
        return OrderPage(
            orders=found[(page - 1) * per_page : page * per_page],
            total=len(found),
            pages=-(-len(found) // per_page),
            page=page,
        )


async def walked(
    shop: Shop, *, window: Window = (START, END), per_page: int = 100
) -> list[Any]:
    filters = OrderFilters(creation=window)
    walk = shop.every_order(filters, per_page=per_page)
    return [order["orderId"] async for order in walk]


async def sliced(shop: Shop) -> list[OrderSlice]:
    return [each async for each in shop.slices(OrderFilters(creation=(START, END)))]


class TestEveryOrder:
    async def test_small_window_is_listed_page_by_page(self) -> None:
        """What fits into VTEX's pages is asked for once a page."""
        shop = Shop(range(250))

        assert await walked(shop) == list(shop.created)
        assert len(shop.asked) == 3

    async def test_window_is_halved(self) -> None:
        """A window of more than 3,000 orders is listed by its halves, each order once."""
        shop = Shop([n * 20_000 for n in range(4_000)])

        assert await walked(shop) == list(shop.created)
        windows = list(dict.fromkeys(asked.creation for asked in shop.asked))
        assert windows == [
            (START, END),
            (START, START + timedelta(hours=12)),
            (START + timedelta(hours=12), END),
        ]

    @given(
        st.lists(st.integers(0, 40), max_size=90).filter(
            lambda created: all(
                created.count(n) + created.count(n + 1) <= 30 for n in created
            )
        )
    )
    async def test_every_order_comes_once(self, created: list[int]) -> None:
        """However orders gather, each is yielded once, the oldest first."""
        shop = Shop([])
        for number, at in enumerate(created):
            shop.created[f"{number}-01"] = START + at * TICK
        oldest_first = sorted(shop.created, key=lambda order: shop.created[order])

        found = await walked(shop, window=(START, START + 41 * TICK), per_page=1)

        assert sorted(found) == sorted(oldest_first)
        assert [shop.created[order] for order in found] == sorted(shop.created.values())

    async def test_window_that_grows(self) -> None:
        """A window that grows beyond VTEX's limit while it is listed is listed whole."""

        class Growing(Shop):
            @override
            async def list_orders(
                self, filters: OrderFilters, *, page: int, per_page: int = 100
            ) -> OrderPage:
                if len(self.asked) == 20:
                    self.have(at=timedelta(hours=23), orders=500)
                return await super().list_orders(filters, page=page, per_page=per_page)

        shop = Growing([n * 20_000 for n in range(2_900)])

        assert sorted(await walked(shop)) == sorted(shop.created)

    async def test_no_window(self) -> None:
        """Without a window there is nothing to halve."""
        with pytest.raises(InvalidListingError, match="Which window"):
            await anext(Shop([]).every_order(OrderFilters()))

    async def test_too_many_at_once(self) -> None:
        """More orders in a millisecond than VTEX lists are told, not left out."""
        shop = Shop([])
        shop.have(at=timedelta(hours=3), orders=3_001)

        with pytest.raises(InvalidListingError, match=r"03:00:00.* halved"):
            await walked(shop)

    async def test_too_many_for_a_window_of_one_moment(self) -> None:
        """A window of less than two milliseconds is not halved for ever."""
        shop = Shop([])
        shop.have(at=timedelta(0), orders=3_001)

        with pytest.raises(InvalidListingError, match="halved"):
            await walked(shop, window=(START, START + 1.5 * TICK))


class TestSlices:
    async def test_nothing_there(self) -> None:
        """An empty window is one slice without orders."""
        found = await sliced(Shop([]))

        assert [(each.until, each.orders, each.is_whole) for each in found] == [
            (END, [], True)
        ]

    async def test_crowd(self) -> None:
        """However many orders gather, each is in a slice, the oldest slice first."""
        shop = Shop([3_600_000 + n * 300 for n in range(9_000)])
        shop.have(at=timedelta(hours=23), orders=1)

        found = await sliced(shop)

        listed = {order["orderId"] for each in found for order in each.orders}
        ends = [each.until for each in found]
        assert listed == shop.created.keys()
        assert ends == sorted(ends)
        assert ends[-1] == END

    async def test_crowd_of_one_moment(self) -> None:
        """Of more orders than VTEX lists of one moment it gives those that it lists."""
        shop = Shop([])
        shop.have(at=timedelta(hours=3), orders=3_500)

        found = await sliced(shop)

        crowded = [each for each in found if not each.is_whole]
        assert {len(each.orders) for each in crowded} == {3_000}
        assert found[-1].until == END


class TestListOrders:
    @pytest.mark.parametrize(
        ("page", "per_page"), [(31, 1), (0, 15), (1, 101), (1, 0), (31, 100)]
    )
    async def test_pages_end_at_thirty(self, page: int, per_page: int) -> None:
        """A page that VTEX does not give is told with what to do, and not asked for."""
        with pytest.raises(InvalidListingError, match="slice by creation date"):
            await ListOperations().list_orders(
                OrderFilters(), page=page, per_page=per_page
            )


class TestQuery:
    def test_nothing_is_asked_for_by_itself(self) -> None:
        """Filters that were not given are not sent."""
        assert OrderFilters().query() == {}

    def test_seven_statuses(self) -> None:
        """VTEX filters by seven statuses; more are refused."""
        assert OrderFilters(status=list("1234567")).query() == {
            "f_status": "1,2,3,4,5,6,7"
        }
        with pytest.raises(InvalidListingError, match="7 statuses at most, not by 8"):
            OrderFilters(status=list("12345678")).query()

    def test_windows_are_in_utc_and_milliseconds(self) -> None:
        """Moments of any zone are spelt in UTC, what is below a millisecond cut off."""
        west = timezone(timedelta(hours=-3))
        at = datetime(2026, 3, 1, 21, 0, 0, 123_999, tzinfo=west)

        assert OrderFilters(creation=(at, at)).query() == {
            "f_creationDate": "creationDate:"
            "[2026-03-02T00:00:00.123Z TO 2026-03-02T00:00:00.123Z]"
        }

    def test_windows_need_a_time_zone(self) -> None:
        """A moment of nobody knows which zone is refused."""
        at = datetime(2026, 3, 1)  # noqa: DTZ001 - that is the point

        with pytest.raises(InvalidListingError, match="time zone"):
            OrderFilters(invoiced=(at, at)).query()
