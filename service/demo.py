"""Everything on one machine with nothing at hand: servers, a sandbox, all roles."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from platformdirs import user_data_path
from pydantic import HttpUrl, SecretStr

from service.app import serve
from service.config import ROLES, Account, Settings
from service.embedded.kafka import kafka
from service.embedded.postgres import postgres
from service.migration import migrate
from service.sandbox.server import Sandbox, sandbox
from service.spans import SpanMemory

Announce = Callable[[str], None]


async def demo(
    settings: Settings,
    *,
    spans: SpanMemory,
    orders_per_minute: float,
    seed: int,
    announce: Announce,
) -> None:
    """Run the whole service against a sandbox with traffic, until cancelled.

    Servers whose addresses the settings give are used; the others are started here
    and end with this process.
    """
    folder = settings.data_folder or user_data_path("order-tracking")
    async with AsyncExitStack() as stack:
        dsn, servers = await _servers(settings, folder, stack=stack, announce=announce)
        announce("bringing the database to the newest schema")
        await asyncio.to_thread(migrate, dsn)
        url = f"http://{settings.http_host}:{settings.http_port}"
        store = await stack.enter_async_context(
            sandbox(seed=seed, orders_per_minute=orders_per_minute, desk=url)
        )
        complete = settings.model_copy(
            update={
                "postgres_dsn": SecretStr(dsn),
                "kafka_bootstrap_servers": servers,
                "accounts": (*settings.accounts, *_accounts(store)),
                "service_url": url,
            }
        )
        hints = _hints(url, servers, store, topic_prefix=settings.kafka_topic_prefix)
        await serve(complete, ROLES, spans=spans, ready=lambda: announce(hints))


async def _servers(
    settings: Settings, folder: Path, *, stack: AsyncExitStack, announce: Announce
) -> tuple[str, str]:
    if settings.postgres_dsn is not None:
        dsn = settings.postgres_dsn.get_secret_value()
    else:
        announce(f"starting PostgreSQL in {folder / 'postgres'}")
        dsn = await stack.enter_async_context(postgres(folder / "postgres"))
    if settings.kafka_bootstrap_servers is not None:
        return dsn, settings.kafka_bootstrap_servers
    announce(f"starting Kafka in {folder / 'kafka'}")
    return dsn, await stack.enter_async_context(kafka(folder / "kafka"))


def _accounts(store: Sandbox) -> list[Account]:
    return [
        Account(
            name=known.account,
            base_url=HttpUrl(store.url),
            app_key=known.app_key,
            app_token=SecretStr(known.app_token),
        )
        for known in store.credentials
    ]


def _hints(url: str, servers: str, store: Sandbox, *, topic_prefix: str) -> str:
    account = store.credentials[0].account
    return f"""
Orders move at {url}/ now. Try:

  curl '{url}/v1/orders?limit=3'
  curl '{url}/v1/orders?stage=5&limit=1'
  curl {url}/v1/orders/{account}/ORDER_ID            an order, with its parcels
  curl {url}/v1/orders/{account}/ORDER_ID/timeline   what happened to it
  curl {url}/v1/orders/{account}/ORDER_ID/calls      what VTEX was told
  curl {url}/v1/orders/{account}/ORDER_ID/trace      its whole way through the service
  curl '{url}/readyz?verbose'
  curl '{store.url}/sandbox/ledger?limit=5'   what the sandbox itself saw

Kafka is at {servers}, topic {topic_prefix}.order.events.v1.
Ctrl-C stops everything."""
