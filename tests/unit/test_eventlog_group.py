"""Which appends a lane puts into one call."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from events import AT, stream
from eventually import eventually
from service.eventlog.group import EncodedEvent, Lane, Pending


def pending(name: str) -> Pending:
    event = EncodedEvent(
        type="HandlingRequested",
        schema_version=1,
        key=name,
        data="{}",
        metadata="{}",
        occurred_at=AT,
    )
    return Pending(stream=stream(name), partition=0, expected=None, events=[event])


async def written(*queued: Pending) -> list[list[str]]:
    """Return the calls that a lane makes of what is queued, by the order's name."""
    calls: list[list[str]] = []
    waited = [p for p in queued if not p.verdict.done()]

    async def write(group: Sequence[Pending]) -> None:
        calls.append([p.stream.order_id for p in group])
        for p in group:
            p.verdict.cancel()

    async def all_told() -> bool:
        return all(p.verdict.done() for p in waited)

    lane = Lane(write)
    for append in queued:
        lane.put(append)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(lane.run())
        await eventually(all_told)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    return calls


class TestLane:
    async def test_coalesces_what_waits(self) -> None:
        """Appends to different orders go into one call."""
        assert await written(pending("a"), pending("b")) == [["a", "b"]]

    async def test_takes_an_order_once_a_call(self) -> None:
        """The second append to an order waits for the next call, others go on."""
        calls = await written(pending("a"), pending("a"), pending("b"))

        assert calls == [["a", "b"], ["a"]]

    async def test_leaves_out_what_nobody_waits_for(self) -> None:
        """An append whose caller gave up is not written, so that none pile up."""
        given_up = pending("a")
        given_up.verdict.cancel()

        assert await written(given_up, pending("b")) == [["b"]]
