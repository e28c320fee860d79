"""The feed before Feed v3: one for each account, of every status, without filters."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from typing_extensions import override

from service.sandbox.feed_queue import FeedItem, FeedQueue
from service.sandbox.keeping import Document, Kept
from service.sandbox.oms import StatusChange

_HIDDEN_FOR: Final = timedelta(minutes=4)
_RETENTION: Final = timedelta(days=4)


class OldFeeds(Kept):
    """The old feed of each account.

    It fills from its first read on: nobody configures it, and hardly anybody reads it.
    """

    part = "feeds-v2"

    def __init__(self, *, seed: int) -> None:
        self._seed = seed
        self._queues: dict[str, FeedQueue] = {}

    def hear(self, change: StatusChange) -> None:
        """Queue *change*."""
        queue = self._queues.get(change.account)
        if queue is not None:
            queue.put(change)

    def reads_documents(self, account: str) -> bool:  # it has no filter
        return False

    def see(self, change: StatusChange, document: object) -> None:
        """Pass over what is no change of status."""

    def read(self, account: str, lot: int, *, now: datetime) -> list[FeedItem]:
        """Hand out up to *lot* changes and hide them for a while."""
        return self._queue(account).read(lot, now=now, hidden_for=_HIDDEN_FOR)

    def commit(self, account: str, handles: Iterable[str], *, now: datetime) -> None:
        """Remove what was read under *handles*; unknown and expired ones do nothing."""
        self._queue(account).commit(handles, now=now)

    @override
    def changes(self) -> Mapping[str, Document | None]:
        found: dict[str, Document | None] = {}
        for account, queue in self._queues.items():
            found |= queue.changes(account)
        return found

    @override
    def restore(self, documents: Mapping[str, Document]) -> None:
        found: dict[str, list[Document]] = {}
        for key, document in documents.items():
            found.setdefault(key.rpartition("/")[0], []).append(document)
        for account, messages in found.items():
            self._queue(account).restore(messages)

    def _queue(self, account: str) -> FeedQueue:
        queue = self._queues.get(account)
        if queue is None:
            queue = FeedQueue(f"v2/{account}", seed=self._seed, retention=_RETENTION)
            self._queues[account] = queue
        return queue
