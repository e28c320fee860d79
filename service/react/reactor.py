"""Follows the log: what happened leads to commands, and to calls in the queue."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import orjson
from opentelemetry.trace import Span

from service.db import Pool, connection, transaction
from service.domain.facts import OrderFact
from service.errors import ungrouped
from service.eventlog.checkpoints import load_positions, save_positions
from service.eventlog.codec import decode
from service.eventlog.ports import Clock, EventLog
from service.eventlog.records import Batch, Metadata, RecordedEvent
from service.failpoints import reached
from service.handler import CommandHandler
from service.react.calls import NewCall
from service.react.policies import (
    LEADS_TO_CALL,
    LEADS_TO_COMMAND,
    NEEDS_HISTORY,
    call_for,
    command_for,
)
from service.react.queue import enqueue
from service.telemetry import context_of, current_traceparent, order_attributes, tracer

COMMANDS_AT_ONCE: Final = 32
"""Commands handled side by side: the log takes them in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    correlation_id: str
    traceparent: str | None


class Reactor:
    """A `Consumer` that turns facts into commands and calls, each once.

    Commands go first, under keys derived from their causes; then the batch's calls and
    its positions become durable in one transaction. So a batch that is handed out
    again changes nothing. *start_handling* names the accounts whose orders are handled
    as soon as they are ready; *wake* is set when there are new calls.
    """

    name = "reactor"
    parks_streams = True

    def __init__(
        self,
        pool: Pool,
        *,
        log: EventLog,
        handler: CommandHandler,
        clock: Clock,
        start_handling: Collection[str],
        wake: asyncio.Event,
    ) -> None:
        self._pool = pool
        self._log = log
        self._handler = handler
        self._clock = clock
        self._start_handling = frozenset(start_handling)
        self._wake = wake

    async def resume(self, partitions: Sequence[int]) -> Mapping[int, int]:
        """See `Consumer.resume`."""
        async with connection(self._pool) as lent:
            return await load_positions(lent, self.name, partitions)

    async def handle(self, batch: Batch) -> None:
        """See `Consumer.handle`."""
        await self._command(batch.events)
        reached("reaction.commanded")
        calls = await self._planned(batch.events)
        async with transaction(self._pool, "reaction") as lent:
            if calls:
                await enqueue(lent, calls, now=self._clock.now())
                reached("reaction.enqueued")
            await save_positions(lent, batch)
        if calls:
            self._wake.set()

    async def _command(self, events: Sequence[RecordedEvent]) -> None:
        leading = [
            event
            for event in events
            if event.type in LEADS_TO_COMMAND
            and event.stream.account in self._start_handling
        ]
        for first in range(0, len(leading), COMMANDS_AT_ONCE):
            # The subscription tells errors apart by their class.
            with ungrouped():
                async with asyncio.TaskGroup() as tasks:
                    for event in leading[first : first + COMMANDS_AT_ONCE]:
                        tasks.create_task(self._command_one(event))

    async def _command_one(self, event: RecordedEvent) -> None:
        command = command_for(decode(event))
        if command is None:
            return
        origin = _origin(event)
        with _span(event, origin):
            metadata = Metadata(
                correlation_id=origin.correlation_id,
                causation_id=event.id,
                source="reactor",
            )
            await self._handler.handle(
                event.stream,
                command,
                key=f"command:reactor:{event.id}",
                at=self._clock.now(),
                metadata=metadata,
            )

    async def _planned(self, events: Sequence[RecordedEvent]) -> list[NewCall]:
        leading = [event for event in events if event.type in LEADS_TO_CALL]
        streams = {event.stream for event in leading if event.type in NEEDS_HISTORY}
        recorded = await self._log.read_streams(list(streams)) if streams else {}
        histories = {
            stream: [decode(event) for event in history]
            for stream, history in recorded.items()
        }
        return [
            call
            for event in leading
            if (call := _plan(event, histories.get(event.stream, ()))) is not None
        ]


def _plan(event: RecordedEvent, history: Sequence[OrderFact]) -> NewCall | None:
    origin = _origin(event)
    with _span(event, origin):
        planned = call_for(decode(event), before=history[: event.version - 1])
        if planned is None:
            return None
        return NewCall(
            planned=planned,
            stream=event.stream,
            stream_id=event.stream_id,
            cause_version=event.version,
            correlation_id=origin.correlation_id,
            traceparent=current_traceparent(),
        )


def _origin(event: RecordedEvent) -> _Origin:
    metadata = orjson.loads(event.metadata)
    return _Origin(
        correlation_id=metadata["correlation_id"],
        traceparent=metadata.get("traceparent"),
    )


def _span(event: RecordedEvent, origin: _Origin) -> AbstractContextManager[Span]:
    return tracer.start_as_current_span(
        "react order",
        context=context_of(origin.traceparent),
        attributes=order_attributes(*event.stream),
    )
