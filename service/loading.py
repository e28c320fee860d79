"""Orders out of the log, remembered from one command to the next."""

from collections import OrderedDict
from typing import Final, NamedTuple

from service.domain.order import Order, evolve
from service.eventlog.codec import decode
from service.eventlog.ports import EventLog
from service.eventlog.records import StreamKey

MOST_REMEMBERED: Final = 10_000
"""Orders that are remembered; others are folded from their first event."""


class _Loaded(NamedTuple):
    order: Order
    last: str
    """Id of the last event that is in there."""


class OrderLoader:
    """Folds orders; what is remembered of one is read and folded once only."""

    def __init__(
        self, log: EventLog, *, most_remembered: int = MOST_REMEMBERED
    ) -> None:
        self._log = log
        self._most_remembered = most_remembered
        self._loaded: OrderedDict[StreamKey, _Loaded] = OrderedDict()

    async def load(self, stream: StreamKey) -> Order:
        """Return the order as the log has it now, of version 0 where it has none.

        Raises:
            UnreadableEventError: This version does not know a type or its schema.
        """
        known = self._loaded.pop(stream, None)
        # With the last known event: an order that was archived meanwhile begins anew.
        after = known.order.version - 1 if known else 0
        recorded = await self._log.read_stream(stream, after=after)
        if known and (not recorded or recorded[0].id != known.last):
            known, recorded = None, await self._log.read_stream(stream)
        order = known.order if known else Order()
        for event in recorded[1:] if known else recorded:
            order = evolve(order, decode(event))
        if recorded:
            self._loaded[stream] = _Loaded(order, recorded[-1].id)
            if len(self._loaded) > self._most_remembered:
                self._loaded.popitem(last=False)
        return order
