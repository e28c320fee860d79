"""The order hook under /api/orders/hook, and how its deliveries go."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel

from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer, json_body
from service.sandbox.endpoint import Endpoint
from service.sandbox.hook_config import HookConfig, Target
from service.sandbox.hooks import Hooks
from service.sandbox.oms import Oms
from service.sandbox.refusals import InvalidBodyError

_PATH = "/api/orders/hook/config"


class _Standing(BaseModel):
    appKey: str  # noqa: N815  # spelt as in VTEX's documents
    account: str
    url: str
    waiting: int
    delivered: int
    failed: int
    givenUp: int  # noqa: N815


class _Standings(BaseModel):
    hooks: list[_Standing]


class HookRoutes:
    """Configure the hook of the appKey that asks; *ping* tries an address."""

    def __init__(
        self, oms: Oms, hooks: Hooks, *, ping: Callable[[Target], Awaitable[bool]]
    ) -> None:
        self._oms = oms
        self._hooks = hooks
        self._ping = ping

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path=_PATH,
                handler=self._describe,
                summary="Get hook configuration",
                tag="Order hook",
                vtex="Get hook configuration",
                rule="The appKey's own configuration.",
                answer=HookConfig,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path=_PATH,
                handler=self._configure,
                summary="Configure hook",
                tag="Order hook",
                vtex="Create or update hook configuration",
                rule="One hook for each appKey, if its address answers a ping with 200 "
                "within five seconds; `http` is taken too.",
                body=HookConfig,
                errors=(409,),
            ),
            Endpoint(
                method="DELETE",
                path=_PATH,
                handler=self._drop,
                summary="Delete hook configuration",
                tag="Order hook",
                vtex="Delete hook configuration",
                rule="The hook goes, with all that it has not delivered.",
                errors=(404,),
            ),
            Endpoint(
                method="GET",
                path="/sandbox/hooks",
                handler=self._standings,
                summary="Read hooks",
                tag="Sandbox",
                rule="What each hook has delivered, and what it still has to.",
                answer=_Standings,
            ),
        ]

    async def _describe(self, request: web.Request) -> web.Response:
        """Tell how the hook is configured."""
        hook = self._hooks.of(self._app_key(request))
        return answer(hook.config.document())

    async def _configure(self, request: web.Request) -> web.Response:
        """Configure the hook."""
        app_key = self._app_key(request)
        config = HookConfig.read(await json_body(request))
        if not await self._ping(config.hook):
            raise InvalidBodyError({"hook.url": "Unable to check address"})
        self._hooks.configure(app_key, config)
        return web.Response(status=HTTPStatus.OK)

    async def _drop(self, request: web.Request) -> web.Response:
        """Remove the hook."""
        self._hooks.drop(self._app_key(request))
        return web.Response(status=HTTPStatus.OK)

    async def _standings(self, request: web.Request) -> web.Response:
        """Tell how the deliveries go."""
        self._oms.advance()
        hooks = [
            {
                "appKey": hook.app_key,
                "account": hook.account,
                "url": hook.config.hook.url,
                "waiting": hook.waiting,
                "delivered": hook.tally.delivered,
                "failed": hook.tally.failed,
                "givenUp": hook.tally.given_up,
            }
            for hook in self._hooks.present()
        ]
        return answer({"hooks": hooks})

    def _app_key(self, request: web.Request) -> str:
        self._oms.advance()
        return request[CALLER].name
