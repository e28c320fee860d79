"""Load, decide, append: how a command becomes facts."""

from datetime import datetime

from service.domain.commands import OrderCommand
from service.domain.decisions import decide
from service.errors import ConcurrencyError
from service.eventlog.ports import EventLog
from service.eventlog.records import Append, Appended, Metadata, NewEvent, StreamKey
from service.failpoints import reached
from service.loading import OrderLoader

ATTEMPTS = 5
"""Decisions taken anew when others write to the same order at the same time."""


class CommandHandler:
    """The one way in which a command reaches the log."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._orders = OrderLoader(log)

    async def handle(
        self,
        stream: StreamKey,
        command: OrderCommand,
        *,
        key: str,
        at: datetime,
        metadata: Metadata,
    ) -> Appended | None:
        """Decide *command* and append what follows; None when nothing does.

        The same *key* again writes nothing: where it is decided alike, the first
        result is returned.

        Raises:
            RejectedError: The order does not allow it.
            ConcurrencyError: Others kept writing to the order; try again.
        """
        for attempt in range(1, ATTEMPTS + 1):
            order = await self._orders.load(stream)
            facts = decide(command, order, at=at)
            if not facts:
                return None
            reached("command.decided")
            append = Append(
                stream=stream,
                events=[
                    NewEvent(
                        fact=fact,
                        key=f"{key}:{number}" if number else key,
                        occurred_at=at,
                        metadata=metadata,
                    )
                    for number, fact in enumerate(facts)
                ],
                expected=order.version,
            )
            try:
                return await self._log.append(append)
            except ConcurrencyError:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError  # pragma: no cover - the loop returns or raises
