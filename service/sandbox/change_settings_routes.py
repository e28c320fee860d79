"""The operations that set how an account changes its orders, and their sellers."""

from http import HTTPStatus

import orjson
from aiohttp import web

from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer, read_json
from service.sandbox.change_bodies import SellerWindow
from service.sandbox.change_routes import AccountQuery
from service.sandbox.change_settings import ChangeSettings, ModificationSettings
from service.sandbox.endpoint import Endpoint
from service.sandbox.shapes import JsonObject

_SETTINGS = "/api/order-system/orders/changes/settings"
_WINDOW = "/api/checkout/pvt/configuration/window-to-change-seller"


class ChangeSettingsRoutes:
    """Read and set both; each account has its own."""

    def __init__(self, settings: ChangeSettings) -> None:
        self._settings = settings

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path=_SETTINGS,
                handler=self._get,
                summary="Get order change settings",
                tag="Order modifications",
                vtex="Get Order modifications settings",
                rule="The account's own; changes by API are enabled until it says no.",
                query=AccountQuery,
                answer=JsonObject,
            ),
            Endpoint(
                method="PUT",
                path=_SETTINGS,
                handler=self._put,
                summary="Update order change settings",
                tag="Order modifications",
                vtex="Update Order modifications settings",
                rule="What is left out stays; of the pipeline, only the compensation "
                "of shipping has an effect.",
                query=AccountQuery,
                body=ModificationSettings,
                answer=JsonObject,
            ),
            Endpoint(
                method="GET",
                path=_WINDOW,
                handler=self._window,
                summary="Get window to change seller",
                tag="Change seller",
                vtex="Get window to change seller",
                rule="In days; two until the account sets another.",
                answer=int,
            ),
            Endpoint(
                method="POST",
                path=_WINDOW,
                handler=self._set_window,
                summary="Update window to change seller",
                tag="Change seller",
                vtex="Update window to change seller",
                rule="For sales that begin to wait from now on; 0 lets none wait.",
                body=SellerWindow,
                status=HTTPStatus.CREATED,
            ),
        ]

    async def _get(self, request: web.Request) -> web.Response:
        """Tell how the account changes its orders."""
        settings = self._settings.modifications(request[CALLER].account)
        return answer(settings.document())

    async def _put(self, request: web.Request) -> web.Response:
        """Set how the account changes its orders."""
        given = await read_json(ModificationSettings, request)
        changed = self._settings.update(request[CALLER].account, given)
        return answer(changed.document())

    async def _window(self, request: web.Request) -> web.Response:
        """Tell how long a sale waits for another seller."""
        days = self._settings.days_to_change_seller(request[CALLER].account)
        return web.Response(body=orjson.dumps(days), content_type="application/json")

    async def _set_window(self, request: web.Request) -> web.Response:
        """Set how long a sale waits for another seller."""
        window = await read_json(SellerWindow, request)
        account = request[CALLER].account
        self._settings.set_days_to_change_seller(account, window.waiting_time)
        return web.Response(status=HTTPStatus.CREATED)
