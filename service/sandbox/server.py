"""The sandbox at a port: what the command line, the demo and the tests start."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp
from aiohttp import web

from service.clock import SystemClock
from service.errors import InvalidSettingsError, UnavailableError
from service.sandbox.accounts import SANDBOX_STORE, Credentials, guard
from service.sandbox.answers import wording
from service.sandbox.assembly import Assembly, assemble
from service.sandbox.clock import Clock, ManualClock, ScaledClock
from service.sandbox.desk import Desk, OmsDesk
from service.sandbox.fault_book import FaultBook
from service.sandbox.fault_http import faulty
from service.sandbox.index import LAG
from service.sandbox.keeper import MEMORY, Keeper, keeping, kept_in
from service.sandbox.merchant import Merchant
from service.sandbox.oms import Oms
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
    faults: FaultBook

    async def advance(self, seconds: float) -> None:
        """Move the manual clock it was started with, and everything with it."""
        if not isinstance(self.clock, ManualClock):
            raise TypeError("this sandbox follows the system's clock")
        await self.world.advance(self.clock, seconds)


def application(made: Assembly, keeper: Keeper) -> web.Application:
    """Serve the operations of all parts."""
    endpoints = made.endpoints()
    faults = faulty(endpoints, made.faults, clock=made.clock)
    manners = [wording, keeping(keeper), guard(made.keyring), faults]
    app = web.Application(middlewares=manners)
    app.add_routes([endpoint.route() for endpoint in endpoints])
    return app


@asynccontextmanager
async def sandbox(
    *,
    seed: int,
    orders_per_minute: float,
    speed: float = 1.0,
    time_scale: float = 1.0,
    desk: str = "self",
    api_key: str | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    credentials: Sequence[Credentials] = (SANDBOX_STORE,),
    clock: Clock | None = None,
    state: str = MEMORY,
    index_lag: float = LAG.total_seconds(),
) -> AsyncIterator[Sandbox]:
    """Run a sandbox; *port* 0 takes a free one.

    *desk* says to whom the merchant turns: `self` (the sandbox's own OMS), the URL of
    an order-tracking service (with *api_key*), or `none` (there is no merchant).
    A manual *clock* is moved by `Sandbox.advance`, and by POST /sandbox/clock, alone;
    any other runs *time_scale* times as fast.
    *state* is where everything is kept: `memory`, or the DSN of a PostgreSQL.
    Lists of orders are *index_lag* seconds behind the orders.

    Raises:
        InvalidSettingsError: Correct the named argument.
        UnavailableError: The port is taken, or the database does not answer.
    """
    if speed <= 0 or orders_per_minute < 0:
        raise InvalidSettingsError("speed must be above 0, orders a minute not below")
    if time_scale <= 0:
        raise InvalidSettingsError("time scale must be above 0")
    if index_lag < 0:
        raise InvalidSettingsError("index lag must not be below 0")
    if not isinstance(clock, ManualClock):
        clock = ScaledClock(clock or SystemClock(), scale=time_scale)
    made = assemble(
        credentials,
        seed=seed,
        clock=clock,
        speed=speed,
        orders_per_minute=orders_per_minute,
        index_lag=index_lag,
    )
    oms, world = made.oms, made.world
    async with AsyncExitStack() as stack:
        if desk != "none":
            world.merchant = Merchant(
                oms,
                await _desk(desk, oms, stack=stack, api_key=api_key),
                clock=clock,
                seed=seed,
                speed=speed,
                starts_handling=desk == "self",
            )
        merchants = [world.merchant] if world.merchant else []
        kept = kept_in(state, [*made.kept, *merchants])
        keeper = await stack.enter_async_context(kept)
        url = await _listen(application(made, keeper), host, port, stack=stack)
        await _run_beside(keeper.run(), stack=stack)
        await _run_beside(made.sender.run(), stack=stack)
        if not isinstance(clock, ManualClock):
            await _run_beside(world.run(clock), stack=stack)
        yield Sandbox(
            url=url,
            credentials=credentials,
            oms=oms,
            clock=clock,
            world=world,
            faults=made.faults,
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


async def _run_beside(
    work: Coroutine[None, None, None], *, stack: AsyncExitStack
) -> None:
    group = asyncio.TaskGroup()
    await group.__aenter__()
    # The group waits for the work, not for whoever uses the sandbox: an exception of
    # theirs stays as it is instead of arriving inside an exception group.
    stack.push_async_callback(group.__aexit__, None, None, None)
    task = group.create_task(work)
    stack.callback(task.cancel)


async def run(
    *,
    host: str,
    port: int,
    orders_per_minute: float,
    seed: int,
    announce: Callable[[str], None],
    speed: float = 1.0,
    time_scale: float = 1.0,
    desk: str = "self",
    api_key: str | None = None,
    state: str = MEMORY,
    index_lag: float = LAG.total_seconds(),
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
        time_scale=time_scale,
        desk=desk,
        api_key=api_key,
        host=host,
        port=port,
        state=state,
        index_lag=index_lag,
    ) as running:
        announce(f"sandbox at {running.url}, seed {seed}")
        for known in running.credentials:
            announce(
                f"account {known.account}: appKey {known.app_key}, "
                f"appToken {known.app_token}"
            )
        await stop.wait()
