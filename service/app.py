"""The process: settings in, running roles out, waiting for whatever is away."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from uuid import UUID

import structlog
from aiohttp import web

from service.clock import SystemClock
from service.config import Role, Settings
from service.db import open_pool, unmigrated
from service.errors import (
    DatabaseUnavailableError,
    InvalidSettingsError,
    UnavailableError,
)
from service.eventlog.ports import Clock
from service.eventlog.shared_clock import SharedClock
from service.eventlog.store import create_partitions, make_months, open_log
from service.eventlog.wake import Wake
from service.failpoints import reached
from service.handler import CommandHandler
from service.house import House, Running
from service.orders_api.client import OrdersApi
from service.orders_api.shared_turns import shared_gate
from service.orders_api.transport import open_session
from service.read.openapi import openapi_endpoint
from service.read.probes import probe_endpoints
from service.roles import ROLES
from service.spans import SpanMemory
from service.web import MAX_BODY, manners, routes

HTTP_GRACE = 1.0
"""Seconds that requests in flight get when the service stops."""

MONTHS_EVERY = 6 * 3600
"""Seconds between two looks whether the log has its tables for the months ahead."""

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

_log = structlog.get_logger()


async def serve(
    settings: Settings,
    roles: Collection[Role],
    *,
    spans: SpanMemory | None = None,
    clock: Clock | None = None,
    parts: Sequence[Callable[[House], Running]] = (),
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Run *roles* until cancelled, waiting for whatever is away; *ready* is told once.

    *parts* are what runs beside them.
    The time is the system's unless a *clock* is given.

    Raises:
        InvalidSettingsError: A setting is missing or does not fit the log.
    """
    async with _house(settings, spans, clock or SystemClock()) as house:
        running = [ROLES[role](house) for role in dict.fromkeys(roles)]
        running += [part(house) for part in parts]
        async with _listening(settings, running), asyncio.TaskGroup() as tasks:
            tasks.create_task(house.wake.run())
            await _prepare(house)
            await house.shared_clock.start()
            tasks.create_task(house.shared_clock.run())
            tasks.create_task(_keep_months(house))
            for part in running:
                for loop in part.loops:
                    tasks.create_task(loop())
            reached("start.running")
            ready()


@asynccontextmanager
async def _house(
    settings: Settings, spans: SpanMemory | None, clock: Clock
) -> AsyncIterator[House]:
    if settings.postgres_dsn is None:
        raise InvalidSettingsError(
            "Set ORDER_TRACKING_POSTGRES_DSN, or run `order-tracking demo`, "
            "which starts servers of its own."
        )
    dsn = settings.postgres_dsn.get_secret_value()
    wake = Wake(dsn)
    async with (
        open_pool(dsn, size=settings.pool_size) as pool,
        open_log(
            pool, partitions=settings.partitions, lanes=settings.append_lanes, wake=wake
        ) as log,
        open_session() as session,
    ):
        apis = {
            account.name: OrdersApi(
                account,
                session,
                gate=shared_gate(
                    pool, account.name, per_minute=settings.requests_per_minute
                ),
            )
            for account in settings.accounts
        }
        yield House(
            settings=settings,
            pool=pool,
            log=log,
            handler=CommandHandler(log),
            wake=wake,
            clock=clock,
            shared_clock=SharedClock(pool),
            member=UUID(bytes=secrets.token_bytes(16)),
            apis=apis,
            tracking_apis={
                account.name: OrdersApi(
                    account.with_key(account.tracking_feed),
                    session,
                    gate=apis[account.name].gate,
                )
                for account in settings.accounts
                if account.tracking_feed is not None
            },
            spans=spans,
        )


@asynccontextmanager
async def _listening(
    settings: Settings, running: Sequence[Running]
) -> AsyncIterator[None]:
    if not settings.api_keys and settings.http_host not in _LOOPBACK:
        raise InvalidSettingsError(
            f"Without ORDER_TRACKING_API_KEYS the API listens on loopback only, not on "
            f"{settings.http_host}; list keys as docs/reference/configuration.md shows."
        )
    app = web.Application(middlewares=[manners], client_max_size=MAX_BODY)
    endpoints = [endpoint for part in running for endpoint in part.endpoints]
    endpoints += probe_endpoints([check for part in running for check in part.checks])
    endpoints.append(openapi_endpoint(endpoints, version=version("order-tracking")))
    app.add_routes(routes(endpoints, settings.api_keys))
    for part in running:
        app.on_shutdown.extend(part.on_shutdown)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=HTTP_GRACE)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.http_host, settings.http_port)
        try:
            await site.start()
        except OSError as error:
            raise InvalidSettingsError(
                f"Port {settings.http_port} of {settings.http_host} cannot be listened "
                f"on ({error.strerror}); set ORDER_TRACKING_HTTP_PORT to another."
            ) from error
        reached("start.listening")
        yield
    finally:
        await runner.cleanup()


async def _prepare(house: House) -> None:
    """Wait until the database is there with the newest schema."""
    while True:
        try:
            if (missing := await unmigrated(house.pool)) is not None:
                raise DatabaseUnavailableError(f"Not migrated: {missing}.")
            await create_partitions(house.pool, house.settings.partitions)
            await make_months(house.pool)
        except UnavailableError as error:
            _log.warning("waiting", error=str(error))
            await asyncio.sleep(1)
        else:
            return


async def _keep_months(house: House) -> None:
    while True:
        try:
            await make_months(house.pool)
        except UnavailableError as error:
            _log.warning("months wait", error=str(error))
        await asyncio.sleep(MONTHS_EVERY)
