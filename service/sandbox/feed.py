"""The order feed: for each appKey a queue of the changes that it asked for."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from typing_extensions import override

from service.sandbox.clock import Clock
from service.sandbox.faults import Faults
from service.sandbox.feed_config import FeedConfig
from service.sandbox.feed_queue import FeedItem, FeedQueue
from service.sandbox.keeping import Document
from service.sandbox.oms import StatusChange
from service.sandbox.refusals import FeedUnknownError
from service.sandbox.subscribers import Subscriber, Subscribers

_LATE: Final = timedelta(seconds=10)


class Feed(Subscriber[FeedConfig]):
    """The feed of one appKey; lost if nothing comes in for as long as it holds things."""

    def __init__(
        self,
        app_key: str,
        config: FeedConfig,
        *,
        account: str,
        faults: Faults,
        now: datetime,
        seed: int,
    ) -> None:
        super().__init__(app_key, config, account=account, faults=faults, now=now)
        self.queue = FeedQueue(app_key, seed=seed, retention=config.retention)

    @property
    @override
    def patience(self) -> timedelta:
        return self.config.retention

    @override
    def configure(self, config: FeedConfig, *, now: datetime) -> None:
        super().configure(config, now=now)
        self.queue.retention = config.retention

    @override
    def hold(self, change: StatusChange) -> None:
        if self.strikes("feed-reorder", change):
            self.queue.put_late(change, until=change.at + _LATE)
        else:
            copies = 2 if self.strikes("feed-duplicate", change) else 1
            self.queue.put(change, copies=copies)

    @override
    def clear(self) -> None:
        self.queue.clear()

    @override
    def held_changes(self, prefix: str) -> dict[str, Document | None]:
        return self.queue.changes(prefix)

    @override
    def restore(self, document: Document, held: Iterable[Document]) -> None:
        self.queue.restore(held)

    def read(self, lot: int, *, now: datetime) -> list[FeedItem]:
        """Hand out up to *lot* changes and hide them for the visibility timeout."""
        hidden_for = self.config.visibility_timeout
        return self.queue.read(lot, now=now, hidden_for=hidden_for)

    def commit(self, handles: Iterable[str], *, now: datetime) -> None:
        """Remove what was read under *handles*; unknown and expired ones do nothing."""
        self.queue.commit(handles, now=now)


class Feeds(Subscribers[Feed, FeedConfig]):
    """The feed of each appKey."""

    part = "feeds"
    unknown = FeedUnknownError
    configuration = FeedConfig

    def __init__(
        self,
        account_of: Mapping[str, str],
        *,
        clock: Clock,
        seed: int,
        faults: Faults | None = None,
    ) -> None:
        super().__init__(account_of, clock=clock, faults=faults)
        self._seed = seed

    @override
    def make(self, app_key: str, config: FeedConfig, *, now: datetime) -> Feed:
        return Feed(
            app_key,
            config,
            account=self._account_of[app_key],
            faults=self._faults,
            now=now,
            seed=self._seed,
        )
