"""Claims calls and makes them side by side, for as long as the service runs."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog

from service.errors import UnavailableError
from service.eventlog.ports import Clock
from service.react.caller import Caller
from service.react.calls import ClaimedCall
from service.react.ports import OrdersApi
from service.react.queue import CallQueue, Depth, Share
from service.telemetry import meter

LOOK_AGAIN: Final = 1.0
"""Seconds after which calls are looked for even if nobody woke us."""

MEASURE_EVERY: Final = 10.0

_log = structlog.get_logger()
_waiting = meter.create_gauge(
    "react.calls.waiting", unit="{call}", description="Calls that are not settled."
)
_oldest = meter.create_gauge(
    "react.calls.oldest", unit="s", description="Age of the oldest unsettled call."
)
_in_flight = meter.create_gauge(
    "react.calls.in_flight", unit="{call}", description="Calls being made."
)
_breaker = meter.create_gauge(
    "react.breaker.open",
    unit="1",
    description="1 while an account's breaker is not closed.",
)
_held = meter.create_gauge(
    "react.account.held", unit="1", description="1 while nothing is sent to an account."
)


class CallWorkers:
    """Makes up to *workers* calls at a time, and lets no account hold all of them.

    *wake* is set by whoever puts calls into the queue.
    """

    def __init__(
        self,
        *,
        queue: CallQueue,
        caller: Caller,
        apis: Mapping[str, OrdersApi],
        clock: Clock,
        workers: int,
        wake: asyncio.Event,
    ) -> None:
        self._queue = queue
        self._caller = caller
        self._apis = apis
        self._clock = clock
        self._workers = workers
        self._each = workers if len(apis) == 1 else max(1, workers * 3 // 4)
        self._wake = wake
        self._busy: Counter[str] = Counter()
        self._stopping = False

    async def run(self) -> None:
        """Make calls until cancelled, or until `stop` and the last one is made."""
        async with asyncio.TaskGroup() as tasks:
            measuring = tasks.create_task(self._measure_on())
            while not self._stopping:
                self._wake.clear()
                for call in await self._claim():
                    self._busy[call.stream.account] += 1
                    tasks.create_task(self._make(call))
                # Either all workers have a call now, or no call is due.
                await self._rest()
            measuring.cancel()

    def stop(self) -> None:
        """Claim no more calls; those in flight are finished."""
        self._stopping = True
        self._wake.set()

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AGAIN):
                await self._wake.wait()

    async def _claim(self) -> list[ClaimedCall]:
        free = self._workers - self._busy.total()
        shares = [share for share in map(self._share, self._apis) if share.room]
        if not free or not shares:
            return []
        try:
            return await self._queue.claim(shares, at_most=free, now=self._clock.now())
        except UnavailableError as error:
            _log.warning("claim failed", error=str(error))
            return []

    def _share(self, account: str) -> Share:
        busy = self._busy[account]
        # Other rooms use the account as well, and VTEX may have told them to wait.
        held = self._apis[account].gate.held_for > 0
        return Share(
            account=account, in_flight=busy, room=0 if held else self._each - busy
        )

    async def _make(self, call: ClaimedCall) -> None:
        try:
            await self._caller.make(call)
        except UnavailableError as error:
            _log.warning("call left", call_id=str(call.call_id), error=str(error))
        except Exception:  # noqa: BLE001 - one call's fault must not stop the others
            # Its lease ends by itself, and who takes it up looks at the order first.
            _log.exception("call broke", call_id=str(call.call_id), kind=call.kind)
        finally:
            self._busy[call.stream.account] -= 1
            self._wake.set()

    async def _measure_on(self) -> None:
        while True:
            try:
                for depth in await self._queue.depths():
                    _report(depth, self._clock.now())
            except UnavailableError as error:
                _log.warning("measuring failed", error=str(error))
            await asyncio.sleep(MEASURE_EVERY)


def _report(depth: Depth, now: datetime) -> None:
    labels = {"account": depth.account}
    age = now - depth.oldest if depth.oldest else timedelta()
    paused = depth.paused_until is not None and depth.paused_until > now
    _waiting.set(depth.waiting, labels)
    _oldest.set(age.total_seconds(), labels)
    _in_flight.set(depth.in_flight, labels)
    _breaker.set(depth.breaker != "closed", labels)
    _held.set(paused, labels)
