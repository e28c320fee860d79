"""Delivers what the hooks have to tell, beside the world that they tell of."""

import asyncio
from http import HTTPStatus
from typing import Final

import aiohttp
import orjson
import structlog

from service.sandbox.clock import Clock, zulu
from service.sandbox.hook import Delivery, Hook
from service.sandbox.hook_config import Target
from service.sandbox.hooks import Hooks

_AT_ONCE: Final = 32
"""Requests in flight to one hook: a slow receiver holds up no other's."""
_TICK: Final = 0.05
"""Seconds between two looks for new hooks and for retries that have become due."""
_LIMIT: Final = aiohttp.ClientTimeout(total=5)
_JSON: Final = {"Content-Type": "application/json"}

_log = structlog.get_logger()


async def answers_ping(target: Target) -> bool:
    """Say whether *target* answers a ping with 200 in time."""
    async with aiohttp.ClientSession(timeout=_LIMIT) as session:
        return await _answered(session, target, {"hookConfig": "ping"})


class HookSender:
    """A pool of requests for each hook, over connections that stay open."""

    def __init__(self, hooks: Hooks, *, clock: Clock) -> None:
        self._hooks = hooks
        self._clock = clock

    async def run(self) -> None:
        """Deliver until cancelled."""
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=0)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=_LIMIT) as session,
            asyncio.TaskGroup() as group,
        ):
            pools: dict[Hook, asyncio.Task[None]] = {}
            while True:
                present = self._hooks.present()
                for hook in present:
                    hook.wake(self._clock.now())
                    if hook not in pools:
                        pools[hook] = group.create_task(self._serve(hook, session))
                for hook in pools.keys() - set(present):
                    pools.pop(hook).cancel()
                await asyncio.sleep(_TICK)

    async def _serve(self, hook: Hook, session: aiohttp.ClientSession) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(self._work(hook, session))

    async def _work(self, hook: Hook, session: aiohttp.ClientSession) -> None:
        while True:
            delivery = await hook.next()
            if await _answered(session, hook.config.hook, _payload(hook, delivery)):
                hook.succeeded(delivery)
            else:
                hook.failed(delivery, now=self._clock.now())


def _payload(hook: Hook, delivery: Delivery) -> dict[str, object]:
    change = delivery.change
    at = zulu(change.at)
    return {
        "Domain": change.domain,
        "OrderId": change.order_id,
        "State": change.state,
        "LastState": change.last_state,
        "LastChange": at,
        "CurrentChange": at,
        "Origin": {"Account": hook.account, "Key": hook.app_key},
    }


async def _answered(
    session: aiohttp.ClientSession, target: Target, content: dict[str, object]
) -> bool:
    try:
        async with session.post(
            target.url, data=orjson.dumps(content), headers={**target.headers, **_JSON}
        ) as response:
            return response.status == HTTPStatus.OK
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        _log.debug("hook not taken", error=type(error).__name__)
        return False
