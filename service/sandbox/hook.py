"""One hook: what it asks for, what it still has to deliver, and how that went."""

from asyncio import Queue
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Final

from pydantic import TypeAdapter
from typing_extensions import override

from service.sandbox.faults import Faults
from service.sandbox.hook_config import HookConfig
from service.sandbox.keeping import Document
from service.sandbox.marks import Marks
from service.sandbox.oms import StatusChange
from service.sandbox.subscribers import Subscriber

_SILENCE: Final = timedelta(days=3)
_LATE: Final = timedelta(seconds=10)

_FIRST_PAUSE: Final = 1.0
_RATIO: Final = 1.11
_MOST_TRIES: Final = 100
"""In this progression the last try comes after about four days."""


@dataclass(slots=True, kw_only=True)
class Delivery:
    """A change on its way to the hook's address; *due_at* None: as soon as possible."""

    number: int
    change: StatusChange
    tries: int = 0
    due_at: datetime | None = None


_DELIVERY: Final = TypeAdapter(Delivery)


@dataclass(slots=True, kw_only=True)
class Tally:
    """How the deliveries of a hook went."""

    delivered: int = 0
    failed: int = 0
    given_up: int = 0


_TALLY: Final = TypeAdapter(Tally)


class Hook(Subscriber[HookConfig]):
    """The hook of one appKey; lost if it has nothing to tell for three days."""

    def __init__(
        self,
        app_key: str,
        config: HookConfig,
        *,
        account: str,
        faults: Faults,
        now: datetime,
    ) -> None:
        super().__init__(app_key, config, account=account, faults=faults, now=now)
        self.tally = Tally()
        self._last = 0
        self._pending: dict[int, Delivery] = {}
        self._ready: Queue[Delivery] = Queue()
        self._later: list[tuple[datetime, int]] = []
        self._marks: Marks[int] = Marks()

    @property
    def waiting(self) -> int:
        """How many changes nobody has answered with 200."""
        return len(self._pending)

    @property
    @override
    def patience(self) -> timedelta:
        return _SILENCE

    @override
    def hears_of(self, change: StatusChange) -> bool:
        return super().hears_of(change) or self.strikes("hook-outside-filter", change)

    @override
    def hold(self, change: StatusChange) -> None:
        late = self.strikes("hook-reorder", change)
        copies = 2 if self.strikes("hook-duplicate", change) else 1
        for _ in range(copies):
            self._add(
                Delivery(
                    number=self._last + 1,
                    change=change,
                    due_at=change.at + _LATE if late else None,
                )
            )

    @override
    def clear(self) -> None:
        for delivery in list(self._pending.values()):
            self._remove(delivery)

    @override
    def document(self) -> dict[str, object]:
        return super().document() | {"tally": asdict(self.tally)}

    @override
    def held_changes(self, prefix: str) -> dict[str, Document | None]:
        found: dict[str, Document | None] = {}
        for number in self._marks.take(self._pending):
            delivery = self._pending.get(number)
            found[f"{prefix}/{number}"] = (
                _DELIVERY.dump_python(delivery, mode="json") if delivery else None
            )
        return found

    @override
    def restore(self, document: Document, held: Iterable[Document]) -> None:
        self.tally = _TALLY.validate_python(document["tally"])
        read = (_DELIVERY.validate_python(delivery) for delivery in held)
        for delivery in sorted(read, key=lambda delivery: delivery.number):
            self._add(delivery)
        self._marks.begin()

    async def next(self) -> Delivery:
        """Return what is to be delivered now; waits for it."""
        return await self._ready.get()

    def wake(self, now: datetime) -> None:
        """Let what has become due be delivered."""
        while self._later and self._later[0][0] <= now:
            delivery = self._pending.get(heappop(self._later)[1])
            if delivery is not None:
                self._ready.put_nowait(delivery)

    def succeeded(self, delivery: Delivery) -> None:
        """Note that *delivery* was answered with 200."""
        self.tally.delivered += 1
        self._remove(delivery)

    def failed(self, delivery: Delivery, *, now: datetime) -> None:
        """Note that *delivery* was not taken; it is tried again later and later."""
        self.tally.failed += 1
        pause = _FIRST_PAUSE * _RATIO**delivery.tries
        delivery.tries += 1
        if delivery.tries >= _MOST_TRIES:
            self.tally.given_up += 1
            self._remove(delivery)
            return
        delivery.due_at = now + timedelta(seconds=pause)
        heappush(self._later, (delivery.due_at, delivery.number))
        self._marks.note(delivery.number)

    def _add(self, delivery: Delivery) -> None:
        self._last = max(self._last, delivery.number)
        self._pending[delivery.number] = delivery
        self._marks.note(delivery.number)
        if delivery.due_at is None:
            self._ready.put_nowait(delivery)
        else:
            heappush(self._later, (delivery.due_at, delivery.number))

    def _remove(self, delivery: Delivery) -> None:
        self._pending.pop(delivery.number, None)
        self._marks.note(delivery.number)
