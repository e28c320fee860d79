"""Telling readers that there is something new, without a price for the writers."""

import asyncio

import asyncpg
import structlog

from service.db import translated
from service.errors import DatabaseUnavailableError
from service.failpoints import reached

CHANNEL = "eventlog"
PAUSE = 0.005
"""Seconds between two notifications: what comes closer together is told once."""

_log = structlog.get_logger()


class Wake:
    """Wakes the readers of this process, and those of others through NOTIFY.

    NOTIFY takes a lock of the whole cluster at commit, so it never stands in an
    append's transaction: one connection of its own sends it, coalesced. A reader that
    is not told still finds everything when it looks again.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._appended = asyncio.Event()
        self._waiting: set[asyncio.Event] = set()

    def appended(self) -> None:
        """Tell everybody that events were appended."""
        self._appended.set()
        self.heard()

    def heard(self, *_: object) -> None:
        """Wake the readers of this process."""
        for event in self._waiting:
            event.set()

    async def wait(self, *, at_most: float) -> None:
        """Wait until something was appended, or for *at_most* seconds."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            async with asyncio.timeout(at_most):
                await event.wait()
        except TimeoutError:
            return
        finally:
            self._waiting.discard(event)

    async def run(self) -> None:
        """Send and hear notifications until cancelled, through lost connections."""
        while True:
            try:
                with translated():
                    await self._notify_and_listen()
            except DatabaseUnavailableError as error:
                # Readers look once a second by themselves meanwhile.
                _log.warning("wake lost its connection", error=str(error))
                await asyncio.sleep(1)

    async def _notify_and_listen(self) -> None:
        connection = await asyncpg.connect(self._dsn)
        try:
            await connection.add_listener(CHANNEL, self.heard)
            while True:
                await self._appended.wait()
                self._appended.clear()
                reached("notify.before")
                await connection.execute(f"NOTIFY {CHANNEL}")
                reached("notify.after")
                await asyncio.sleep(PAUSE)
        finally:
            connection.terminate()
