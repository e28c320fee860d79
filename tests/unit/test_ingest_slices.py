"""Listing the orders of a time, a slice at a time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from builders import NOON, minutes
from service.ingest.slices import MOST, slices
from service.orders_api.listing import LARGEST_PAGE, OrderFilters, OrderPage


class ListedOrders:
    """Lists orders, by their times of creation, as VTEX does: 3000 and no more."""

    account = "acme"

    def __init__(self, created: Sequence[datetime]) -> None:
        self.created = created
        self.asked = 0

    async def list_orders(
        self, filters: OrderFilters, *, page: int, per_page: int = LARGEST_PAGE
    ) -> OrderPage:
        self.asked += 1
        assert filters.creation is not None
        assert page * per_page <= MOST
        start, end = filters.creation
        rows = [
            {"orderId": str(number)}
            for number, at in enumerate(self.created)
            if start <= at <= end
        ]
        return OrderPage(
            orders=rows[(page - 1) * per_page : page * per_page],
            total=len(rows),
            pages=-(-len(rows) // per_page),
            page=page,
        )


async def listed(api: ListedOrders, hours: float) -> tuple[list[datetime], set[str]]:
    """Return the ends of the slices since noon, and the orders in them."""
    window = NOON, NOON + timedelta(hours=hours)
    pieces = [piece async for piece in slices(api, window)]
    orders = {str(row["orderId"]) for piece in pieces for row in piece.rows}
    return [piece.until for piece in pieces], orders


class TestSlices:
    async def test_what_fits_is_one_slice(self) -> None:
        """Orders that VTEX lists whole are listed once, page by page."""
        api = ListedOrders([minutes(number) for number in range(250)])

        ends, orders = await listed(api, 24)

        assert ends == [minutes(24 * 60)]
        assert len(orders) == 250
        assert api.asked == 3

    async def test_nothing_there(self) -> None:
        """An empty time is one slice without orders."""
        api = ListedOrders([])

        assert await listed(api, 1) == ([minutes(60)], set())

    async def test_more_than_vtex_lists_is_split(self) -> None:
        """However many orders there are, each is in a slice, the oldest slice first."""
        crowd = [minutes(60 + number / 200) for number in range(9000)]
        api = ListedOrders([*crowd, minutes(23 * 60)])

        ends, orders = await listed(api, 24)

        assert len(orders) == 9001
        assert ends == sorted(ends)
        assert ends[-1] == minutes(24 * 60)

    async def test_crowd_of_one_moment(self) -> None:
        """Of more orders than VTEX lists of one moment it gives what it lists."""
        api = ListedOrders([minutes(30)] * (MOST + 500))

        _, orders = await listed(api, 1)

        assert len(orders) == MOST
