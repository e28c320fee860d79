"""What the parts of one process share, and what each of them adds to it."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from aiohttp import web

from service.config import Settings
from service.db import Pool
from service.eventlog.ports import Clock, Consumer
from service.eventlog.shared_clock import SharedClock
from service.eventlog.store import PostgresEventLog
from service.eventlog.subscription import Subscription
from service.eventlog.wake import Wake
from service.handler import CommandHandler
from service.orders_api.client import OrdersApi
from service.private.keys import KeyRing
from service.private.store import CustomerStore
from service.read.probes import Check
from service.spans import SpanMemory
from service.web import Endpoint

Loop = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the roles of one process share."""

    settings: Settings
    pool: Pool
    log: PostgresEventLog
    handler: CommandHandler
    """For all roles, since it remembers orders."""
    wake: Wake
    clock: Clock
    """The machine's."""
    shared_clock: SharedClock
    """For what is due and who has it, where several processes must agree."""
    member: UUID
    apis: dict[str, OrdersApi]
    spans: SpanMemory | None
    tracking_apis: dict[str, OrdersApi] = field(default_factory=dict)
    """Of the accounts with a second feed: with its key, and the first one's limits."""

    @property
    def customers(self) -> CustomerStore:
        keys = KeyRing(self.settings.master_keys)
        return CustomerStore(self.pool, keys=keys, clock=self.clock)

    def follow(
        self,
        consumer: Consumer,
        slots: Sequence[Sequence[int]] | None = None,
        *,
        batch_size: int = 500,
    ) -> Subscription:
        """Subscribe *consumer*, with each partition leased by itself unless told."""
        return Subscription(
            consumer,
            log=self.log,
            pool=self.pool,
            wake=self.wake,
            clock=self.clock,
            member=self.member,
            slots=slots or [[part] for part in range(self.settings.partitions)],
            batch_size=batch_size,
        )


@dataclass(slots=True, kw_only=True)
class Running:
    """What a role adds to the process: endpoints, loops, checks and last acts."""

    endpoints: list[Endpoint] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    on_shutdown: list[Callable[[web.Application], Awaitable[None]]] = field(
        default_factory=list
    )
