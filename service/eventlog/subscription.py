"""The one loop of publish, project and react: hold leases, read, hand out, recover."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog

from service.db import Pool
from service.errors import (
    ConflictError,
    FencedError,
    LogCorruptedError,
    RejectedError,
    UnavailableError,
    UnreadableError,
)
from service.eventlog.ahead import ReadAhead
from service.eventlog.gaps import Gap, GapChecker
from service.eventlog.leases import HEARTBEAT, Leases
from service.eventlog.parking import PAUSE, Parking
from service.eventlog.ports import Clock, Consumer
from service.eventlog.progress import LONGEST_PAUSE, Progress
from service.eventlog.records import Batch, RecordedEvent
from service.eventlog.store import PostgresEventLog
from service.eventlog.wake import Wake
from service.failpoints import reached

LOOK_AGAIN = 1.0
"""Seconds after which a reader looks for events even if nobody woke it."""

_log = structlog.get_logger()


class Subscription:
    """Follows the log for one consumer, together with those of other processes.

    *slots* are the shares in which partitions are leased, each a set of partitions.
    Each partition is read in order by one process at a time; one that lost its lease
    without knowing it is refused when it saves its positions.
    """

    def __init__(
        self,
        consumer: Consumer,
        *,
        log: PostgresEventLog,
        pool: Pool,
        wake: Wake,
        clock: Clock,
        member: UUID,
        slots: Sequence[Sequence[int]],
        batch_size: int = 500,
        pause: float = PAUSE,
    ) -> None:
        self.consumer = consumer
        self.progress = Progress(consumer.name)
        self._log = log
        self._reading = ReadAhead(log)
        self._wake = wake
        self._clock = clock
        self._slots = slots
        self._batch_size = batch_size
        self._leases = Leases(
            pool, consumer=consumer.name, member=member, slots=len(slots)
        )
        self._parking = Parking(pool, consumer, log=log, pause=pause)
        self._requested = False
        self._share: dict[int, int] = {}
        self._surplus: set[int] = set()
        self._tokens: dict[int, int] | None = None
        self._positions: dict[int, int] = {}
        self._labels = {"consumer": consumer.name}

    async def run(self) -> None:
        """Follow the log until cancelled, or until there is something unreadable."""
        self.progress.starts()
        try:
            async with asyncio.TaskGroup() as tasks:
                beating = tasks.create_task(self._beat())
                await self._follow()
                beating.cancel()
        finally:
            await self._leases.leave()

    async def _beat(self) -> None:
        while True:
            try:
                await self._renew()
                await self._look_for_requests()
                await self._measure()
            except UnavailableError as error:
                _log.warning("heartbeat failed", error=str(error), **self._labels)
            await asyncio.sleep(HEARTBEAT)

    async def _renew(self) -> None:
        holding = await self._leases.hold()
        kept = dict(sorted(holding.tokens.items())[: holding.fair_share])
        self._surplus = set(holding.tokens) - set(kept)
        if kept != self._share or self._surplus:
            self._share = kept
            self._wake.heard()

    async def _look_for_requests(self) -> None:
        if await self._parking.has_requests(list(self._positions)):
            self._requested = True
            self._wake.heard()

    async def _measure(self) -> None:
        heads = await self._log.heads()
        behind = sum(
            heads.get(partition, 0) - position
            for partition, position in self._positions.items()
        )
        self.progress.is_behind(behind)

    async def _follow(self) -> None:
        pause = 0.1
        while True:
            try:
                handled = await self.step()
                self.progress.runs()
                pause = 0.1
                if not handled:
                    self.progress.handles(oldest=None, now=self._clock.now())
                    await self._wake.wait(at_most=LOOK_AGAIN)
            except FencedError as error:
                _log.warning("fenced", error=str(error), **self._labels)
                self._tokens = None
                await asyncio.sleep(pause)
            except (ConflictError, UnavailableError) as error:
                self.progress.waits_for(error)
                self._tokens = None
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except (UnreadableError, RejectedError) as error:
                self.progress.stops_at(error)
                return

    async def step(self) -> int:
        """Do what there is to do at once; return how much that was."""
        await self._adopt()
        carried_out = 0
        if self._requested:
            carried_out = await self._parking.carry_out_requests(
                self._positions, self._tokens or {}
            )
            self._requested = carried_out > 0
        return carried_out + await self._handle_next()

    async def _adopt(self) -> None:
        """Between two batches, take over what was leased and let go of what was not."""
        if self._tokens is None:
            await self._renew()
        if self._surplus:
            await self._leases.release(self._surplus)
            self._surplus = set()
        share = dict(self._share)
        if share == self._tokens:
            return
        partitions = [part for slot in share for part in self._slots[slot]]
        reached("subscription.adopting")
        await self._parking.load(partitions)
        positions = await self.consumer.resume(partitions)
        reached("subscription.adopted")
        _check_within(await self._log.heads(), positions)
        self._positions = dict(positions)
        self._tokens = share
        await self._confirm()
        _log.info("partitions adopted", partitions=partitions, **self._labels)

    async def _confirm(self) -> None:
        # What a consumer keeps elsewhere may be further than its checkpoint, and without
        # another event of the partition nothing else would ever bring that up.
        if self._positions:
            await self.consumer.handle(
                Batch(
                    consumer=self.consumer.name,
                    events=[],
                    positions=self._positions,
                    tokens=self._tokens or {},
                )
            )

    async def _handle_next(self) -> int:
        if not self._positions:
            return 0
        each = max(1, self._batch_size // len(self._positions))
        events = await self._reading.read(dict(self._positions), each=each)
        if not events:
            return 0
        positions = await contiguous(events, self._positions, self._log)
        reached("subscription.read")
        self.progress.handles(oldest=events[0].recorded_at, now=self._clock.now())
        handling = self._hand_out(events, positions)
        if len(events) < self._batch_size // 2:
            await handling
        else:  # there is more, so it is not idle until this is handled
            after = {**self._positions, **positions}
            await self._reading.during(handling, positions=after, each=each)
        reached("subscription.handled")
        self._positions.update(positions)
        return len(events)

    async def _hand_out(
        self, events: Sequence[RecordedEvent], positions: Mapping[int, int]
    ) -> None:
        batch = Batch(
            consumer=self.consumer.name,
            events=self._parking.without_parked(events),
            positions=positions,
            tokens=self._tokens or {},
        )
        try:
            await self.consumer.handle(batch)
        except (ConflictError, FencedError, UnavailableError, UnreadableError):
            raise
        except Exception as error:
            if not self.consumer.parks_streams:
                raise UnavailableError(
                    f"{self.consumer.name} failed: {type(error).__name__}"
                ) from error
            _log.warning("batch failed", exc_info=error, **self._labels)
            await self.consumer.resume(list(self._positions))
            await self._parking.handle_one_by_one(batch)


def _check_within(heads: Mapping[int, int], positions: Mapping[int, int]) -> None:
    for partition, position in positions.items():
        if position > (head := heads.get(partition, 0)):
            raise LogCorruptedError(
                f"Position {position} of partition {partition} was handled, but the log "
                f"ends at {head}: it was restored from an older backup. Restore a newer "
                "one; `order-tracking audit` tells what the topic has beyond the log."
            )


async def contiguous(
    events: Sequence[RecordedEvent], after: Mapping[int, int], log: GapChecker
) -> dict[int, int]:
    """Return the position each partition reaches with *events*.

    Only archived positions may be missing; *log* is asked where any are.

    Raises:
        LogCorruptedError: Another is missing, which a sound log never shows.
        ConflictError: Archived events came back meanwhile; read again.
    """
    reached = dict(after)
    gaps = []
    for event in events:
        before = reached[event.partition]
        if event.position != before + 1:
            gaps.append(Gap(event.partition, before, event.position))
        reached[event.partition] = event.position
    if gaps:
        await log.check_gaps(gaps)
    return {
        partition: reached[partition] for partition in {e.partition for e in events}
    }
