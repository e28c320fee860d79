"""One request for all who ask for the same before it is sent."""

import asyncio
from collections.abc import Callable

import pytest

from service.orders_api.sharing import SharedReads


class Line:
    """Questions that are sent and answered when the test says so."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[str]] = []
        self._going_out: list[Callable[[], None]] = []
        self.given_up = 0

    async def send(self, going_out: Callable[[], None]) -> str:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.asked.append(answer)
        self._going_out.append(going_out)
        try:
            return await answer
        except asyncio.CancelledError:
            self.given_up += 1
            raise

    def let_out(self) -> None:
        self._going_out[-1]()


class Callers:
    """Those who ask for one thing."""

    def __init__(self, line: Line) -> None:
        self._reads = SharedReads[str]()
        self._line = line

    async def ask(self, *keys: str) -> asyncio.Task[str]:
        task = asyncio.ensure_future(self._reads.get(*keys, send=self._line.send))
        await settled()
        return task


async def settled() -> None:
    """Let everybody run until all wait."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def callers(line: Line) -> Callers:
    return Callers(line)


class TestGet:
    async def test_all_who_wait_share_one_request(
        self, line: Line, callers: Callers
    ) -> None:
        """Who asks before the request is sent gets its answer."""
        waiting = [await callers.ask("1-01") for _ in range(5)]
        line.asked[0].set_result("order")

        assert [await each for each in waiting] == ["order"] * 5
        assert len(line.asked) == 1

    async def test_what_was_sent_is_not_joined(
        self, line: Line, callers: Callers
    ) -> None:
        """An answer under way may be older than a question, so that is asked anew."""
        first = await callers.ask("1-01")
        line.let_out()
        second = await callers.ask("1-01")
        line.asked[0].set_result("old")
        line.asked[1].set_result("new")

        assert (await first, await second) == ("old", "new")

    async def test_others_are_asked_for_apart(
        self, line: Line, callers: Callers
    ) -> None:
        """Who asks for something else has a request of his own."""
        one, other = await callers.ask("1-01"), await callers.ask("2-01")
        line.asked[0].set_result("one")
        line.asked[1].set_result("other")

        assert (await one, await other) == ("one", "other")

    async def test_several_keys(self, line: Line, callers: Callers) -> None:
        """Who may join under several keys asks under the last, for others to join."""
        first = await callers.ask("urgent", "1-01")
        second, urgent = await callers.ask("1-01"), await callers.ask("urgent")
        third = await callers.ask("urgent", "2-01")
        line.asked[0].set_result("order")
        line.asked[1].set_result("urgent")

        assert (await first, await second) == ("order", "order")
        assert (await urgent, await third) == ("urgent", "urgent")
        assert len(line.asked) == 2

    async def test_the_first_may_leave(self, line: Line, callers: Callers) -> None:
        """A caller that is cancelled takes nothing from those who wait with it."""
        first, second = await callers.ask("1-01"), await callers.ask("1-01")
        first.cancel()
        await settled()
        line.asked[0].set_result("order")

        assert await second == "order"
        assert first.cancelled()
        assert len(line.asked) == 1

    async def test_the_last_ends_it(self, line: Line, callers: Callers) -> None:
        """A request for which nobody waits any more is given up, and not joined."""
        for caller in [await callers.ask("1-01"), await callers.ask("1-01")]:
            caller.cancel()
        late = await callers.ask("1-01")
        line.asked[1].set_result("order")

        assert await late == "order"
        assert line.given_up == 1

    async def test_an_error_reaches_all(self, line: Line, callers: Callers) -> None:
        """All who wait get the error, and the next one asks again."""
        waiting = [await callers.ask("1-01"), await callers.ask("1-01")]
        line.asked[0].set_exception(LookupError("gone"))
        for each in waiting:
            with pytest.raises(LookupError):
                await each

        again = await callers.ask("1-01")
        line.asked[1].set_result("order")

        assert await again == "order"
