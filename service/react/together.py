"""What many callers write at the same time, written for all of them at once."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from service.errors import UnavailableError

PACE: Final = 0.03
"""Seconds between the starts of two writes, at least."""

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Waiting(Generic[T]):
    item: T
    verdict: "asyncio.Future[bool]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Together(Generic[T]):
    """Hands what its callers bring to *write*, which gives a verdict on each.

    What comes alone is written at once; otherwise, while one batch is written or was just
    now, the next gathers. So the writes of a second have an upper limit, whatever the
    number of callers. An item that cannot be written fails its own caller only.
    """

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[list[bool]]]) -> None:
        self._write = write
        self._turn = asyncio.Lock()
        self._gathering: list[_Waiting[T]] = []
        self._next_at = 0.0

    async def put(self, item: T) -> bool:
        """Return the verdict on *item*, once it is written.

        Raises:
            UnavailableError: The database is away; the item may be written or not.
        """
        waiting = _Waiting(item)
        self._gathering.append(waiting)
        if len(self._gathering) == 1:
            await self._lead(self._gathering)
        return await waiting.verdict

    async def _lead(self, batch: list[_Waiting[T]]) -> None:
        # Whoever comes first writes for all who come before its turn.
        try:
            async with self._turn:
                await asyncio.sleep(self._next_at - time.monotonic())
                self._next_at = time.monotonic() + PACE
                self._gathering = []
                await self._write_all(batch)
        finally:
            if self._gathering is batch:
                self._gathering = []
            for waiting in batch:
                waiting.verdict.cancel()

    async def _write_all(self, batch: Sequence[_Waiting[T]]) -> None:
        try:
            verdicts = await self._write([waiting.item for waiting in batch])
        except UnavailableError as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - told to the caller at fault
            if len(batch) == 1:
                _fail(batch, error)
                return
            for waiting in batch:
                await self._write_all([waiting])
        else:
            for waiting, verdict in zip(batch, verdicts, strict=True):
                if not waiting.verdict.done():
                    waiting.verdict.set_result(verdict)


def _fail(batch: Sequence[_Waiting[T]], error: Exception) -> None:
    for waiting in batch:
        if not waiting.verdict.done():  # else its caller gave up
            waiting.verdict.set_exception(error)
