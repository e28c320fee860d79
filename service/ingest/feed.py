"""Takes the items of an account's feed into the log, and only then commits them."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Coroutine, Mapping, Sequence
from typing import Final, NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context

from service.errors import UnavailableError, UnreadableNotificationError
from service.failpoints import reached
from service.ingest.intake import Intake
from service.ingest.notifications import Notification
from service.orders_api.client import OrdersApi
from service.telemetry import order_attributes, tracer

LOT: Final = 10
"""Items that VTEX gives at most at a time."""


class _Work(NamedTuple):
    storing: Coroutine[None, None, None]
    handles: Sequence[str]


class Feed:
    """The feed of one account.

    At least once: an item is committed when its fact is in the log or it is in
    quarantine. What comes again, from the feed or the hook, folds onto the same fact.
    """

    def __init__(self, api: OrdersApi, intake: Intake) -> None:
        self._api = api
        self._intake = intake

    async def take_lot(self) -> int:
        """Store one lot and commit it; return how many items VTEX gave.

        Raises:
            ServiceError: What was not stored or not committed comes again.
        """
        with tracer.start_as_current_span("poll feed") as span:
            items = await self._api.retrieve_feed(LOT)
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
                await self._api.commit_feed(handles)
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
            attributes=order_attributes(
                self._intake.account, notifications[0].order_id
            ),
        ):
            await self._intake.take(notifications, source="feed")

    async def _set_aside(self, item: object, reason: str) -> None:
        await self._intake.set_aside(without_handle(item), source="feed", reason=reason)


async def _tried(storing: Coroutine[None, None, None]) -> UnavailableError | None:
    try:
        await storing
    except UnavailableError as error:
        return error
    return None


def handles_of(item: object) -> Sequence[str]:
    """Return what commits *item*, where that can be found."""
    handle = item.get("handle") if isinstance(item, Mapping) else None
    return [handle] if isinstance(handle, str) and handle else []


def without_handle(item: object) -> bytes:
    """Return *item* as JSON, without the secret that commits it."""
    if isinstance(item, Mapping):
        item = {name: item[name] for name in item if name.lower() != "handle"}
    return json.dumps(item).encode()
