"""A VTEX that answers by script, and its client: name this module in `pytest_plugins`."""

from collections.abc import AsyncIterator

import pytest_asyncio

from service.orders_api.client import OrdersApi
from vtex import ScriptedVtex, account_at, orders_api, scripted_vtex


@pytest_asyncio.fixture
async def vtex() -> AsyncIterator[ScriptedVtex]:
    async with scripted_vtex() as running:
        yield running


@pytest_asyncio.fixture
async def api(vtex: ScriptedVtex) -> AsyncIterator[OrdersApi]:
    async with orders_api(account_at(vtex.url)) as client:
        yield client
