"""What feeds and hooks have in common: one for each appKey, until it falls silent."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from typing_extensions import override

from service.sandbox.clock import Clock
from service.sandbox.faults import Faults, NoFaults
from service.sandbox.filters import Configuration, Sieve
from service.sandbox.keeping import Document, Kept
from service.sandbox.marks import Marks, below
from service.sandbox.oms import StatusChange
from service.sandbox.refusals import RefusedError

_C = TypeVar("_C", bound=Configuration)


class Subscriber(ABC, Generic[_C]):
    """Asks for changes by its configuration, and holds them until they are taken."""

    def __init__(
        self, app_key: str, config: _C, *, account: str, faults: Faults, now: datetime
    ) -> None:
        self.app_key = app_key
        self.account = account
        self.config = config
        self.sieve = Sieve(config.filter, faults=faults)
        self._faults = faults
        self._idle_since = now

    @property
    @abstractmethod
    def patience(self) -> timedelta:
        """How long it may have nothing to tell before VTEX removes it."""

    @abstractmethod
    def hold(self, change: StatusChange) -> None:
        """Hold *change* until it is taken."""

    @abstractmethod
    def clear(self) -> None:
        """Forget all that is held."""

    @abstractmethod
    def held_changes(self, prefix: str) -> dict[str, Document | None]:
        """Return what of all that is held has changed, under *prefix* and a number."""

    @abstractmethod
    def restore(self, document: Document, held: Iterable[Document]) -> None:
        """Take back what was kept."""

    def configure(self, config: _C, *, now: datetime) -> None:
        """Go by another configuration; what is held stays."""
        self.config = config
        self.sieve.change(config.filter)
        self._idle_since = now

    def abandoned(self, now: datetime) -> bool:
        """Say whether it has had nothing to tell for too long."""
        return now - self._idle_since >= self.patience

    def hears_of(self, change: StatusChange) -> bool:
        """Say whether it asks for the status that *change* is into."""
        return self.sieve.takes_status(change)

    def put(self, change: StatusChange) -> None:
        """Take *change* in, as of the time it happened."""
        self._idle_since = max(self._idle_since, change.at)
        self.hold(change)

    def document(self) -> dict[str, object]:
        """Return what is kept of it besides what it holds."""
        return {
            "config": self.config.model_dump(mode="json", by_alias=True),
            "idleSince": self._idle_since.isoformat(),
        }

    def strikes(self, fault: str, change: StatusChange) -> bool:
        return self._faults.strikes(
            fault, account=change.account, order_id=change.order_id
        )


_S = TypeVar("_S", bound=Subscriber[Any])


class Subscribers(Kept, ABC, Generic[_S, _C]):
    """One subscriber for each appKey; it hears of what happens once it is configured."""

    unknown: type[RefusedError]
    """What to say of an appKey that has none."""
    configuration: type[_C]

    def __init__(
        self,
        account_of: Mapping[str, str],
        *,
        clock: Clock,
        faults: Faults | None = None,
    ) -> None:
        self._account_of = account_of
        self._clock = clock
        self._faults = faults or NoFaults()
        self._present: dict[str, _S] = {}
        self._dropped: list[_S] = []
        self._marks: Marks[str] = Marks()

    @abstractmethod
    def make(self, app_key: str, config: _C, *, now: datetime) -> _S:
        """Return a new subscriber."""

    def present(self) -> list[_S]:
        """Return those that were not removed."""
        for subscriber in list(self._present.values()):
            self._is_gone(subscriber, self._clock.now())
        return list(self._present.values())

    def hear(self, change: StatusChange) -> None:
        """Tell of *change* whoever asks for its status."""
        for subscriber in self._of(change):
            if subscriber.hears_of(change):
                self._put(subscriber, change)

    def reads_documents(self, account: str) -> bool:
        """Say whether somebody of *account* goes by expression."""
        return any(
            subscriber.account == account and subscriber.sieve.reads_documents
            for subscriber in self._present.values()
        )

    def see(self, change: StatusChange, document: object) -> None:
        """Tell of *change* whoever asks for orders such as *document*."""
        for subscriber in self._of(change):
            if subscriber.sieve.takes_order(change, document):
                self._put(subscriber, change)

    def configure(self, app_key: str, config: _C) -> None:
        """Create the one of *app_key*; one that exists keeps what it holds."""
        now = self._clock.now()
        known = self._present.get(app_key)
        if known is None or self._is_gone(known, now):
            self._present[app_key] = self.make(app_key, config, now=now)
        else:
            known.configure(config, now=now)
        self._marks.note(app_key)

    def drop(self, app_key: str) -> None:
        """Remove the one of *app_key* with all that it holds.

        Raises:
            RefusedError: It has none.
        """
        self._forget(self.of(app_key))

    def of(self, app_key: str) -> _S:
        """Return the one of *app_key*.

        Raises:
            RefusedError: None was configured, or it was silent for too long.
        """
        known = self._present.get(app_key)
        if known is None or self._is_gone(known, self._clock.now()):
            raise self.unknown
        return known

    @override
    def changes(self) -> Mapping[str, Document | None]:
        found: dict[str, Document | None] = {}
        for subscriber in (*self._dropped, *self._present.values()):
            found |= subscriber.held_changes(f"held/{subscriber.app_key}")
            found |= subscriber.sieve.changes(f"fired/{subscriber.app_key}")
        self._dropped.clear()
        for app_key in self._marks.take(self._present):
            known = self._present.get(app_key)
            found[f"own/{app_key}"] = known.document() if known else None
        return found

    @override
    def restore(self, documents: Mapping[str, Document]) -> None:
        for app_key, document in below("own/", documents).items():
            # Whoever has left the sandbox takes theirs along.
            if app_key in self._account_of:
                config = self.configuration.model_validate(document["config"])
                idle_since = datetime.fromisoformat(str(document["idleSince"]))
                made = self.make(app_key, config, now=idle_since)
                made.restore(document, below(f"held/{app_key}/", documents).values())
                made.sieve.restore(below(f"fired/{app_key}/", documents))
                self._present[app_key] = made
        self._marks.begin()

    def _put(self, subscriber: _S, change: StatusChange) -> None:
        subscriber.put(change)
        self._marks.note(subscriber.app_key)

    def _of(self, change: StatusChange) -> list[_S]:
        asking = [s for s in self._present.values() if s.account == change.account]
        return [s for s in asking if not self._is_gone(s, change.at)]

    def _is_gone(self, subscriber: _S, now: datetime) -> bool:
        """Remove *subscriber* if it was silent for too long; say whether it was."""
        gone = subscriber.abandoned(now)
        if gone:
            self._forget(subscriber)
        return gone

    def _forget(self, subscriber: _S) -> None:
        del self._present[subscriber.app_key]
        subscriber.clear()
        subscriber.sieve.clear()
        self._dropped.append(subscriber)
        self._marks.note(subscriber.app_key)
