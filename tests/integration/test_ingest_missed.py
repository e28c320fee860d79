"""Orders of the sandbox that nobody told of are found, and what changed of others."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr

from ingest_kit import statuses
from private_kit import customer_store
from service.db import Pool
from service.domain.facts import OrderDetailsFetched
from service.eventlog.codec import decode
from service.eventlog.records import StreamKey
from service.eventlog.store import PostgresEventLog
from service.ingest.quarantine import PostgresQuarantine
from service.ingest.reading import OrderReader
from service.ingest.reconciler import Reconciler
from service.ingest.reconciliations import Reconciliations
from service.ingest.rereader import Rereader
from service.ingest.rereads import Rereads
from service.orders_api.client import OrdersApi
from service.sandbox.accounts import SANDBOX_STORE
from service.sandbox.clock import ManualClock
from service.sandbox.server import Sandbox, sandbox
from vtex import account_at, orders_api

pytestmark = pytest.mark.postgres

NAME = SANDBOX_STORE.account


class Later:
    """The sandbox's time, some way on."""

    def __init__(self, running: Sandbox) -> None:
        self._running = running
        self.ahead = timedelta()

    def now(self) -> datetime:
        return self._running.clock.now() + self.ahead


@asynccontextmanager
async def api_of(running: Sandbox) -> AsyncIterator[OrdersApi]:
    account = account_at(
        running.url,
        name=NAME,
        app_key=SANDBOX_STORE.app_key,
        app_token=SecretStr(SANDBOX_STORE.app_token),
    )
    async with orders_api(account) as api:
        yield api


class TestMissed:
    async def test_every_order_is_found(
        self, pool: Pool, log: PostgresEventLog
    ) -> None:
        """Without feed and hook the log comes to hold each order as it stands."""
        async with (
            sandbox(seed=5, orders_per_minute=0.2, clock=ManualClock()) as running,
            api_of(running) as api,
        ):
            clock, rereads = Later(running), Rereads(pool)
            reader = OrderReader(
                {NAME: api},
                log=log,
                quarantine=PostgresQuarantine(pool, clock=clock),
                customers=customer_store(pool, clock),
                clock=clock,
            )
            reconciler = Reconciler(
                {NAME: api},
                log=log,
                rereads=rereads,
                progress=Reconciliations(pool),
                clock=clock,
                every=timedelta(hours=1),
                look_back=timedelta(days=2),
            )
            rereader = Rereader(reader, rereads, apis={NAME: api}, clock=clock)
            for _ in range(6):
                await running.advance(600)
            clock.ahead = timedelta(minutes=10)
            tally = await reconciler.take_turn(NAME)
            while await rereader.take_due(NAME):
                pass

            orders = {order.order_id: order for order in running.oms.orders(NAME)}
            streams = [StreamKey(NAME, order_id) for order_id in orders]
            recorded = await log.read_streams(streams)

        assert tally is not None
        assert tally.missing == len(orders) > 5
        for stream, events in recorded.items():
            assert statuses(events), stream
            documents = [
                fact.document
                for fact in map(decode, events)
                if isinstance(fact, OrderDetailsFetched)
            ]
            assert [each.order_id for each in documents] == [stream.order_id]
