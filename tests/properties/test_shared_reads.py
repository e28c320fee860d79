"""However callers come and go: nobody gets an old answer, and none asks twice for it."""

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from service.orders_api.sharing import SharedReads

Step = Literal["ask", "leave", "send", "answer", "fail", "run"]

STEPS: st.SearchStrategy[list[tuple[Step, int]]] = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "leave", "send", "answer", "fail", "run"]),
        st.integers(0, 5),
    ),
    max_size=40,
)


class Question:
    """One request: when it went out, and its answer to come."""

    def __init__(self, going_out: Callable[[], None]) -> None:
        self.going_out = going_out
        self.sent_at: int | None = None
        self.answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()


class World:
    """Callers that all want the same, and the requests that were made for them."""

    def __init__(self) -> None:
        self._reads = SharedReads[int]()
        self._moments = count()
        self.questions: list[Question] = []
        self.callers: list[tuple[int, asyncio.Task[int]]] = []
        self.left: set[asyncio.Task[int]] = set()

    async def take(self, step: Step, which: int) -> None:
        open_ = [q for q in self.questions if not q.answer.done()]
        chosen = open_[which % len(open_)] if open_ else None
        match step:
            case "ask":
                asking = self._reads.get("1-01", send=self._send)
                caller = next(self._moments), asyncio.ensure_future(asking)
                self.callers.append(caller)
            case "leave" if self.callers:
                leaving = self.callers[which % len(self.callers)][1]
                self.left.add(leaving)
                leaving.cancel()
            case "send" if chosen and chosen.sent_at is None:
                chosen.sent_at = next(self._moments)
                chosen.going_out()
            case "answer" if chosen and chosen.sent_at is not None:
                chosen.answer.set_result(chosen.sent_at)
            case "fail" if chosen:
                chosen.answer.set_exception(LookupError)
            case _:
                pass
        if step == "run":
            await self.settle()

    async def settle(self) -> None:
        for _ in range(6):
            await asyncio.sleep(0)

    async def finish(self) -> None:
        """Answer everything, and let all callers end."""
        await self.settle()
        for question in self.questions:
            if not question.answer.done():
                question.sent_at = question.sent_at or next(self._moments)
                question.answer.set_result(question.sent_at)
        await self.settle()

    @property
    def unsent(self) -> int:
        return sum(q.sent_at is None and not q.answer.done() for q in self.questions)

    async def _send(self, going_out: Callable[[], None]) -> int:
        question = Question(going_out)
        self.questions.append(question)
        try:
            return await question.answer
        finally:
            question.answer.cancel()


class TestSharedReads:
    @given(STEPS)
    def test_answers_are_young_and_requests_few(
        self, steps: list[tuple[Step, int]]
    ) -> None:
        """Who stays gets an answer that was sent after his question; one is unsent."""

        async def play() -> World:
            world = World()
            for step, which in steps:
                await world.take(step, which)
                assert world.unsent <= 1
            await world.finish()
            return world

        world = asyncio.run(play())
        for asked_at, caller in world.callers:
            assert caller.done()
            assert not caller.cancelled() or caller in world.left
            if not caller.cancelled() and caller.exception() is None:
                assert caller.result() > asked_at
