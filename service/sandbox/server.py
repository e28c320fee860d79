"""The sandbox at a port: what the command line, the demo and the tests start."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp import web

from service.clock import SystemClock
from service.errors import InvalidSettingsError, UnavailableError
from service.sandbox.accounts import SANDBOX_STORE, Credentials, Keyring, guard
from service.sandbox.answers import wording
from service.sandbox.clock import Clock, ManualClock
from service.sandbox.control_routes import ControlRoutes
from service.sandbox.desk import Desk, OmsDesk
from service.sandbox.feed import Feeds
from service.sandbox.feed_routes import FeedRoutes
from service.sandbox.merchant import Merchant
from service.sandbox.oms import Oms
from service.sandbox.orders_routes import OrdersRoutes
from service.sandbox.service_desk import ServiceDesk
from service.sandbox.world import World

_GRACE: Final = 1.0
"""Seconds that requests in flight get when the sandbox stops."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """A running sandbox."""

    url: str
    credentials: Sequence[Credentials]
    oms: Oms
    clock: Clock
    world: World

    async def advance(self, seconds: float) -> None:
        """Move the manual clock it was started with, and everything with it."""
        if not isinstance(self.clock, ManualClock):
            raise TypeError("this sandbox follows the system's clock")
        await self.world.advance(self.clock, seconds)


def application(
    oms: Oms, feeds: Feeds, keyring: Keyring, *, clock: Clock
) -> web.Application:
    """Serve the Orders API, and the sandbox's own routes, from *oms*."""
    app = web.Application(middlewares=[wording, guard(keyring)])
    app.add_routes(OrdersRoutes(oms).routes())
    app.add_routes(FeedRoutes(oms, feeds, clock=clock).routes())
    app.add_routes(ControlRoutes(oms).routes())
    return app


@asynccontextmanager
async def sandbox(
    *,
    seed: int,
    orders_per_minute: float,
    speed: float = 1.0,
    desk: str = "self",
    api_key: str | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    credentials: Sequence[Credentials] = (SANDBOX_STORE,),
    clock: Clock | None = None,
) -> AsyncIterator[Sandbox]:
    """Run a sandbox; *port* 0 takes a free one.

    *desk* says to whom the merchant turns: `self` (the sandbox's own OMS), the URL of
    an order-tracking service (with *api_key*), or `none` (there is no merchant).
    A manual *clock* is moved by `Sandbox.advance` alone.

    Raises:
        InvalidSettingsError: Correct the named argument.
        UnavailableError: The port is taken.
    """
    if speed <= 0 or orders_per_minute < 0:
        raise InvalidSettingsError("speed must be above 0, orders a minute not below")
    clock = clock or SystemClock()
    keyring = Keyring(credentials)
    oms = Oms(
        accounts=list(dict.fromkeys(known.account for known in credentials)),
        seed=seed,
        clock=clock,
        speed=speed,
        orders_per_minute=orders_per_minute,
    )
    feeds = Feeds(keyring.account_of, clock=clock, seed=seed)
    oms.listen(feeds.hear)
    async with AsyncExitStack() as stack:
        merchant = None
        if desk != "none":
            merchant = Merchant(
                oms,
                await _desk(desk, oms, stack=stack, api_key=api_key),
                clock=clock,
                seed=seed,
                speed=speed,
                starts_handling=desk == "self",
            )
        world = World(oms=oms, merchant=merchant)
        app = application(oms, feeds, keyring, clock=clock)
        url = await _listen(app, host, port, stack=stack)
        if not isinstance(clock, ManualClock):
            await _run_beside(world, stack=stack)
        yield Sandbox(
            url=url, credentials=credentials, oms=oms, clock=clock, world=world
        )


async def _desk(
    desk: str, oms: Oms, *, stack: AsyncExitStack, api_key: str | None
) -> Desk:
    if desk == "self":
        return OmsDesk(oms)
    if not desk.startswith(("http://", "https://")):
        raise InvalidSettingsError(f"desk is self, none or a URL, not {desk}")
    session = await stack.enter_async_context(aiohttp.ClientSession())
    return ServiceDesk(session, desk, api_key=api_key)


async def _listen(
    app: web.Application, host: str, port: int, *, stack: AsyncExitStack
) -> str:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_GRACE)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise UnavailableError(f"Cannot listen on {host}:{port}: {error}") from error
    return f"http://{host}:{runner.addresses[0][1]}"


async def _run_beside(world: World, *, stack: AsyncExitStack) -> None:
    group = asyncio.TaskGroup()
    await group.__aenter__()
    # The group waits for the world, not for whoever uses the sandbox: an exception of
    # theirs stays as it is instead of arriving inside an exception group.
    stack.push_async_callback(group.__aexit__, None, None, None)
    task = group.create_task(world.run())
    stack.callback(task.cancel)


async def run(
    *,
    host: str,
    port: int,
    orders_per_minute: float,
    seed: int,
    announce: Callable[[str], None],
    speed: float = 1.0,
    desk: str = "self",
    api_key: str | None = None,
) -> None:
    """Run a sandbox until SIGINT or SIGTERM; *announce* says how to reach it."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(wanted, stop.set)
    async with sandbox(
        seed=seed,
        orders_per_minute=orders_per_minute,
        speed=speed,
        desk=desk,
        api_key=api_key,
        host=host,
        port=port,
    ) as running:
        announce(f"sandbox at {running.url}, seed {seed}")
        for known in running.credentials:
            announce(
                f"account {known.account}: appKey {known.app_key}, "
                f"appToken {known.app_token}"
            )
        await stop.wait()
