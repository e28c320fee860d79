"""Load, decide, append."""

import pytest
from typing_extensions import override

from builders import details_fetched
from events import AT, append_of, new_event, stream
from memory_log import MemoryEventLog
from service.domain.commands import RequestCancellation
from service.errors import ConcurrencyError, OrderNotFoundError
from service.eventlog.records import Append, Appended, Metadata
from service.handler import ATTEMPTS, CommandHandler

CANCEL = RequestCancellation(reason="changed my mind", requested_by_user=True)


class BusyLog(MemoryEventLog):
    """A log in which somebody else is quicker, so and so often."""

    def __init__(self, *, interruptions: int) -> None:
        super().__init__()
        self.interruptions = interruptions

    @override
    async def append(self, append: Append) -> Appended:
        if append.expected is not None and self.interruptions:
            self.interruptions -= 1
            await super().append(append_of(f"other-{self.interruptions}"))
        return await super().append(append)


async def cancel(log: MemoryEventLog, key: str = "cancel-1") -> Appended | None:
    return await CommandHandler(log).handle(
        stream(),
        CANCEL,
        key=key,
        at=AT,
        metadata=Metadata(correlation_id="c", source="test"),
    )


async def order_in(log: MemoryEventLog) -> None:
    fetched = new_event("details", fact=details_fetched())
    await log.append(Append(stream=stream(), events=[fetched]))


class TestHandle:
    async def test_appends_what_was_decided(self) -> None:
        """The facts that a command leads to are in the log when it returns."""
        log = MemoryEventLog()
        await order_in(log)

        appended = await cancel(log)

        assert appended is not None
        assert log.events[-1].type == "CancellationRequested"

    async def test_nothing_follows_twice(self) -> None:
        """A command that is already carried out leads to nothing."""
        log = MemoryEventLog()
        await order_in(log)
        await cancel(log)

        assert await cancel(log, key="cancel-2") is None
        assert len(log.events) == 2

    async def test_an_unknown_order_is_refused(self) -> None:
        """A command for an order nobody told of is refused and leaves nothing."""
        log = MemoryEventLog()

        with pytest.raises(OrderNotFoundError):
            await cancel(log)
        assert log.events == []

    async def test_decides_again_when_others_were_quicker(self) -> None:
        """A writer that comes between is no reason to give up."""
        log = BusyLog(interruptions=ATTEMPTS - 1)
        await order_in(log)

        appended = await cancel(log)

        assert appended is not None
        assert appended.version == 2 + ATTEMPTS - 1

    async def test_gives_up_when_others_keep_writing(self) -> None:
        """After some decisions the caller is told to come again."""
        log = BusyLog(interruptions=ATTEMPTS)
        await order_in(log)

        with pytest.raises(ConcurrencyError):
            await cancel(log)
