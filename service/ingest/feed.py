"""Takes the items of an account's feed into the log, and only then commits them."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, Self

from opentelemetry import trace
from opentelemetry.context import Context

from service.domain.facts import StatusSource
from service.errors import UnavailableError, UnreadableNotificationError
from service.failpoints import reached
from service.ingest.notifications import Notification
from service.orders_api.client import OrdersApi
from service.telemetry import order_attributes, tracer

LOT: Final = 10
"""Items that VTEX gives at most at a time."""


_TOKENS: Final = ("handle", "commitToken")
"""What commits an item: of the feed, and of the old one."""


class Taker(Protocol):
    """Makes durable what a feed brings."""

    account: str

    async def take(
        self, notifications: Sequence[Notification], *, source: StatusSource
    ) -> None:
        """Take *notifications*, all of one order.

        Raises:
            UnavailableError: They may be lost; do not acknowledge them.
        """
        ...

    async def set_aside(self, raw: bytes, *, source: StatusSource, reason: str) -> None:
        """Keep what cannot be read.

        Raises:
            UnavailableError: It may be lost; do not acknowledge it.
        """
        ...


class _Work(NamedTuple):
    storing: Coroutine[None, None, None]
    handles: Sequence[str]


class Feed:
    """One feed of an account.

    At least once: an item is committed when *taker* has it, or it is in quarantine.
    What comes again, from the feed or the hook, folds onto the same fact.
    """

    def __init__(
        self,
        taker: Taker,
        *,
        retrieve: Callable[[int], Awaitable[Sequence[object]]],
        commit: Callable[[Sequence[str]], Awaitable[None]],
    ) -> None:
        self._taker = taker
        self._retrieve = retrieve
        self._commit = commit

    @classmethod
    def of(cls, api: OrdersApi, taker: Taker) -> Self:
        """Return the feed of *api*'s appKey."""
        return cls(taker, retrieve=api.retrieve_feed, commit=api.commit_feed)

    @classmethod
    def v2_of(cls, api: OrdersApi, taker: Taker) -> Self:
        """Return the old feed, for those who still have it."""
        return cls(taker, retrieve=api.retrieve_feed_v2, commit=api.commit_feed_v2)

    @property
    def account(self) -> str:
        return self._taker.account

    async def take_lot(self) -> int:
        """Store one lot and commit it; return how many items VTEX gave.

        Raises:
            ServiceError: What was not stored or not committed comes again.
        """
        with tracer.start_as_current_span("poll feed") as span:
            items = await self._retrieve(LOT)
            reached("feed.taken")
            span.set_attribute("order_tracking.items", len(items))
            works = self._works(items, trace.Link(span.get_span_context()))
            async with asyncio.TaskGroup() as group:
                tries = [group.create_task(_tried(work.storing)) for work in works]
            failures = [attempt.result() for attempt in tries]
            reached("feed.stored")
            handles = [
                handle
                for work, failure in zip(works, failures, strict=True)
                if failure is None
                for handle in work.handles
            ]
            if handles:
                await self._commit(list(dict.fromkeys(handles)))
                reached("feed.committed")
        for failure in filter(None, failures):
            raise failure
        return len(items)

    def _works(self, items: Sequence[object], poll: trace.Link) -> Sequence[_Work]:
        works: list[_Work] = []
        by_order: defaultdict[str, list[Notification]] = defaultdict(list)
        handles: defaultdict[str, list[str]] = defaultdict(list)
        for item in items:
            try:
                notification = Notification.read(item)
            except UnreadableNotificationError as error:
                works.append(_Work(self._set_aside(item, str(error)), handles_of(item)))
            else:
                by_order[notification.order_id].append(notification)
                handles[notification.order_id] += handles_of(item)
        for order_id, notifications in by_order.items():
            works.append(_Work(self._take(notifications, poll), handles[order_id]))
        return works

    async def _take(
        self, notifications: Sequence[Notification], poll: trace.Link
    ) -> None:
        # A trace of its own: what follows is this order's story, not the poll's.
        with tracer.start_as_current_span(
            "ingest notification",
            context=Context(),
            links=[poll],
            attributes=order_attributes(self._taker.account, notifications[0].order_id),
        ):
            await self._taker.take(notifications, source="feed")

    async def _set_aside(self, item: object, reason: str) -> None:
        await self._taker.set_aside(without_handle(item), source="feed", reason=reason)


async def _tried(storing: Coroutine[None, None, None]) -> UnavailableError | None:
    try:
        await storing
    except UnavailableError as error:
        return error
    return None


def handles_of(item: object) -> Sequence[str]:
    """Return what commits *item*, where that can be found."""
    found = [item.get(name) for name in _TOKENS] if isinstance(item, Mapping) else []
    return [handle for handle in found if isinstance(handle, str) and handle][:1]


def without_handle(item: object) -> bytes:
    """Return *item* as JSON, without the secret that commits it."""
    if isinstance(item, Mapping):
        secret = {name.lower() for name in _TOKENS}
        item = {name: item[name] for name in item if name.lower() not in secret}
    return json.dumps(item).encode()
