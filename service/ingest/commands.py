"""Carries out a command once, however often it is sent."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson
from pydantic import BaseModel

from service.domain.commands import OrderCommand
from service.errors import (
    ConflictError,
    IdempotencyKeyReusedError,
    InvalidInvoiceError,
    RejectedError,
    ServiceError,
)
from service.eventlog.ports import Clock, EventLog
from service.eventlog.records import Metadata, RecordedEvent, StreamKey
from service.failpoints import reached
from service.handler import CommandHandler
from service.ingest.tracking import Wishes

SOURCE: Final = "api"

REASON: Final = "invoice refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A command as somebody sent it: what, on which order, by whom, under which key."""

    stream: StreamKey
    command: OrderCommand
    operation: str
    body: BaseModel
    idempotency_key: str | None = None
    actor: str | None = None

    @property
    def fingerprint(self) -> str:
        """Tell this request from others, by its content alone."""
        content = f"{self.operation}\n{self.body.model_dump_json()}"
        return hashlib.sha256(content.encode()).hexdigest()

    @property
    def chain(self) -> str | None:
        """What the facts of all requests with this Idempotency-Key are found by."""
        if self.idempotency_key is None:
            return None
        return f"command:{hashlib.sha256(self.idempotency_key.encode()).hexdigest()}"


class Outcome(BaseModel):
    """Where the order stands once the command is durable."""

    account: str
    order_id: str
    version: int


class Commands:
    """Takes commands to the handler, and recognises those it took before."""

    def __init__(
        self, handler: CommandHandler, *, log: EventLog, wishes: Wishes, clock: Clock
    ) -> None:
        self._handler = handler
        self._log = log
        self._wishes = wishes
        self._clock = clock

    async def carry_out(self, sent: Sent) -> tuple[Outcome, bool]:
        """Carry out *sent*; return its outcome, and whether anything followed from it.

        Raises:
            RejectedError: The order, or the Idempotency-Key, does not allow it.
            ConflictError: Somebody else was quicker.
        """
        now = self._clock.now()
        key = sent.chain or f"command:{sent.fingerprint}:{now.isoformat()}"
        try:
            appended = await self._handler.handle(
                sent.stream,
                sent.command,
                key=key,
                at=now,
                metadata=Metadata(
                    correlation_id=f"{key}:{sent.fingerprint}",
                    source=SOURCE,
                    actor=sent.actor,
                ),
            )
            reached("command.carried-out")
        except (RejectedError, ConflictError) as error:
            earlier = self._earlier(sent, await self._log.read_stream(sent.stream))
            if earlier is None:
                await self._doubt(sent, error, now=now)
                raise
            return _outcome(sent, earlier.version), True
        if appended is not None and appended.new:
            return _outcome(sent, appended.version), True
        recorded = await self._log.read_stream(sent.stream)
        earlier = self._earlier(sent, recorded)
        version = (earlier or recorded[-1]).version
        return _outcome(sent, version), earlier is not None

    async def _doubt(self, sent: Sent, error: ServiceError, *, now: datetime) -> None:
        # VTEX tells nobody that an order was changed: what we know may be old.
        if isinstance(error, InvalidInvoiceError):
            await self._wishes.want(sent.stream, at=now, reason=REASON)

    def _earlier(
        self, sent: Sent, recorded: Sequence[RecordedEvent]
    ) -> RecordedEvent | None:
        """Return the last that followed when *sent* came before, under the same key."""
        earlier = None
        for event in recorded if sent.chain else ():
            metadata = orjson.loads(event.metadata)
            correlation = metadata["correlation_id"]
            if not correlation.startswith(f"{sent.chain}:"):
                continue
            if correlation != f"{sent.chain}:{sent.fingerprint}":
                raise IdempotencyKeyReusedError
            # What came of the calls belongs to the same chain.
            if metadata["source"] == SOURCE:
                earlier = event
        return earlier


def _outcome(sent: Sent, version: int) -> Outcome:
    return Outcome(
        account=sent.stream.account, order_id=sent.stream.order_id, version=version
    )
