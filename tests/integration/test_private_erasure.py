"""Erasing personal data by the service, by REST and by command."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from builders import status_reported
from conftest import PARTITIONS, ManualClock
from events import new_event
from ingest_kit import FailingLog
from private_kit import customer_store, marked_order, master_key
from service.__main__ import main
from service.clock import SystemClock
from service.config import ApiKey
from service.db import Pool, open_pool
from service.errors import DatabaseUnavailableError, OrderNotFoundError
from service.eventlog.records import Append, StreamKey
from service.eventlog.store import open_log
from service.eventlog.wake import Wake
from service.ingest.erasure import Eraser
from service.ingest.http import erasure_endpoint
from service.ingest.quarantine import PostgresQuarantine, Unreadable
from service.private.keys import KeyRing
from service.private.store import CustomerStore
from service.web import manners, routes

pytestmark = pytest.mark.postgres

Client = TestClient[web.Request, web.Application]
ORDER = StreamKey("acme", "1-01")
PATH = "/v1/orders/acme/1-01/customer"
KEY = ApiKey(
    name="shop",
    # Of "open sesame".
    sha256="41ef4bb0b23661e66301aac36066912dac037827b4ae63a7b1165a5aa93ed4eb",
)


def heard_of(stream: StreamKey = ORDER) -> Append:
    return Append(stream=stream, events=[new_event("given", status_reported())])


@pytest_asyncio.fixture
async def log() -> FailingLog:
    log = FailingLog()
    await log.append(heard_of())
    return log


@pytest.fixture
def customers(pool: Pool, clock: ManualClock) -> CustomerStore:
    return customer_store(pool, clock, "k1")


@pytest.fixture
def quarantine(pool: Pool, clock: ManualClock) -> PostgresQuarantine:
    return PostgresQuarantine(pool, clock=clock)


@pytest.fixture
def eraser(
    log: FailingLog,
    customers: CustomerStore,
    quarantine: PostgresQuarantine,
    clock: ManualClock,
) -> Eraser:
    return Eraser(log, customers=customers, quarantine=quarantine, clock=clock)


@pytest_asyncio.fixture
async def client(eraser: Eraser) -> AsyncIterator[Client]:
    app = web.Application(middlewares=[manners])
    app.add_routes(routes([erasure_endpoint(eraser)], [KEY]))
    async with TestClient(TestServer(app)) as running:
        yield running


def told(log: FailingLog) -> list[str]:
    return [event.type for event in log.events]


async def left(pool: Pool) -> bool:
    """Say whether any customer data is left."""
    found: bool = await pool.fetchval(
        "SELECT EXISTS (SELECT FROM private.customer_data WHERE ciphertext IS NOT NULL)"
    )
    return found


class TestErase:
    async def test_data_goes_and_the_log_says_so(
        self, eraser: Eraser, customers: CustomerStore, log: FailingLog, pool: Pool
    ) -> None:
        """The data is deleted, and one fact without any content tells it."""
        await customers.keep(ORDER, marked_order())

        erased = await eraser.erase(ORDER, source="test", actor="shop")

        assert erased == (2, True)
        assert not await left(pool)
        assert told(log) == ["OrderStatusReported", "PersonalDataErased"]
        assert log.events[1].data == "{}"
        assert orjson.loads(log.events[1].metadata)["actor"] == "shop"

    async def test_twice(
        self, eraser: Eraser, log: FailingLog, clock: ManualClock
    ) -> None:
        """A repetition changes nothing, even when both come at once."""
        await eraser.erase(ORDER, source="test")
        clock.advance(days=1)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(3):
                tasks.create_task(eraser.erase(ORDER, source="test"))

        assert await eraser.erase(ORDER, source="test") == (2, False)
        assert told(log) == ["OrderStatusReported", "PersonalDataErased"]

    async def test_nothing_was_kept(self, eraser: Eraser, log: FailingLog) -> None:
        """An order without customer data is erased all the same."""
        assert await eraser.erase(ORDER, source="test") == (2, True)

    async def test_archived_order(
        self, eraser: Eraser, customers: CustomerStore, log: FailingLog, pool: Pool
    ) -> None:
        """Of an order whose facts left the log the data goes, and no fact comes."""
        archived = StreamKey("acme", "9-01")
        await customers.keep(archived, marked_order())

        for _ in range(2):
            assert await eraser.erase(archived, source="test") == (0, True)

        assert not await left(pool)
        assert told(log) == ["OrderStatusReported"]

    async def test_unknown_order(
        self, eraser: Eraser, log: FailingLog, pool: Pool
    ) -> None:
        """An order nobody heard of is an error, and leaves no trace."""
        with pytest.raises(OrderNotFoundError, match="'9-01' of account 'acme'"):
            await eraser.erase(StreamKey("acme", "9-01"), source="test")

        assert await pool.fetchval("SELECT count(*) FROM private.customer_data") == 0
        assert told(log) == ["OrderStatusReported"]

    async def test_broken_off(
        self, eraser: Eraser, customers: CustomerStore, log: FailingLog, pool: Pool
    ) -> None:
        """Where it ends before the fact, the data is gone already; repeated, it ends."""
        await customers.keep(ORDER, marked_order())
        log.away.add(ORDER.order_id)
        with pytest.raises(DatabaseUnavailableError):
            await eraser.erase(ORDER, source="test")
        assert not await left(pool)
        assert told(log) == ["OrderStatusReported"]

        log.away.clear()
        assert await eraser.erase(ORDER, source="test") == (2, True)

    async def test_quarantine_is_cleared(
        self, eraser: Eraser, quarantine: PostgresQuarantine, pool: Pool
    ) -> None:
        """What was set aside of the order goes; what is of others stays."""
        for each in (
            unreadable("by id", order_id="1-01", raw=None),
            unreadable("by content", raw=b'{"OrderId":"1-01","x":"Ana"}'),
            unreadable("cut off", raw=b'\xff{"OrderId": "1-01", "State'),
            unreadable("other order", raw=b'{"OrderId": "11-01"}'),
            unreadable("other id", order_id="2-01", raw=None),
            unreadable("other account", account="other", order_id="1-01", raw=None),
        ):
            await quarantine.keep(each)

        await eraser.erase(ORDER, source="test")

        rows = await pool.fetch("SELECT reason FROM ingest.quarantine ORDER BY reason")
        assert [row["reason"] for row in rows] == [
            "other account",
            "other id",
            "other order",
        ]


class TestEndpoint:
    async def test_answers_when_it_is_done(
        self, client: Client, log: FailingLog
    ) -> None:
        """The answer tells the order's version, again and again; the key's name stays."""
        for _ in range(2):
            async with client.delete(PATH, headers=authorized()) as response:
                assert response.status == 200
                assert await response.json() == {
                    "account": "acme",
                    "order_id": "1-01",
                    "version": 2,
                }
        assert orjson.loads(log.events[1].metadata)["actor"] == "shop"

    @pytest.mark.parametrize("path", ["/v1/orders/acme/%00/customer", PATH + "/"])
    async def test_no_such_order(self, client: Client, path: str) -> None:
        """What names no order is not found."""
        async with client.delete(path, headers=authorized()) as response:
            assert response.status == 404

    async def test_unknown_order(self, client: Client) -> None:
        """An order nobody heard of is told as everywhere else."""
        path = "/v1/orders/other/1-01/customer"
        async with client.delete(path, headers=authorized()) as response:
            assert response.status == 404
            assert (await response.json())["code"] == "order-not-found"

    async def test_without_a_key(self, client: Client, log: FailingLog) -> None:
        """Nobody erases anything without an API key."""
        async with client.delete(PATH) as response:
            assert response.status == 401
        assert told(log) == ["OrderStatusReported"]


class TestCommands:
    def test_erase(
        self,
        dsn: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """It erases an order of the log, and says whether it was erased before."""
        asyncio.run(prepared(dsn))
        monkeypatch.setenv("ORDER_TRACKING_POSTGRES_DSN", dsn)

        assert ended(monkeypatch, "erase", "acme", "1-01") == 0
        assert "acme/1-01 is erased; the order has 2 facts" in capsys.readouterr().out
        assert ended(monkeypatch, "erase", "acme", "1-01") == 0
        assert "was erased before" in capsys.readouterr().out
        assert ended(monkeypatch, "erase", "acme", "9-01") == 1
        assert "No order '9-01'" in capsys.readouterr().err

    def test_rotate_keys(
        self,
        dsn: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """It says what it did, and which key can leave the settings."""
        asyncio.run(prepared(dsn))
        monkeypatch.setenv("ORDER_TRACKING_POSTGRES_DSN", dsn)
        monkeypatch.setenv("ORDER_TRACKING_MASTER_KEYS", setting("k2", "k1"))

        assert ended(monkeypatch, "rotate-keys") == 0
        assert capsys.readouterr().out.splitlines() == [
            "1 keys wrapped anew by 'k2'",
            "1 orders need 'k2', the current one",
            "0 orders need 'k1': it can leave ORDER_TRACKING_MASTER_KEYS",
        ]

        monkeypatch.setenv("ORDER_TRACKING_MASTER_KEYS", setting("k3"))
        assert ended(monkeypatch, "rotate-keys") == 0
        *_, advice = capsys.readouterr().out.splitlines()
        assert advice.startswith("1 orders need 'k2', which is not in ORDER_TRACKING_")

    def test_rotate_broken_keys(
        self,
        dsn: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """A key that does not unwrap is told, and the command fails."""
        asyncio.run(prepared(dsn, master="another"))
        monkeypatch.setenv("ORDER_TRACKING_POSTGRES_DSN", dsn)
        monkeypatch.setenv("ORDER_TRACKING_MASTER_KEYS", setting("k2", "k1"))

        assert ended(monkeypatch, "rotate-keys") == 1
        said = capsys.readouterr()
        assert "1 orders need 'k1': keep it" in said.out
        assert "1 keys do not unwrap" in said.err
        assert "acme/1-01" in said.err


def unreadable(
    reason: str,
    *,
    raw: bytes | None,
    account: str = "acme",
    order_id: str | None = None,
) -> Unreadable:
    return Unreadable(
        account=account,
        source="hook",
        order_id=order_id,
        reason=reason,
        size=0,
        raw=raw,
    )


def authorized() -> dict[str, str]:
    return {"Authorization": "Bearer open sesame"}


def setting(*names: str) -> str:
    keys = map(master_key, names)
    return json.dumps(
        [{"id": key.id, "key": key.key.get_secret_value()} for key in keys]
    )


def ended(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> object:
    monkeypatch.setattr(sys, "argv", ["order-tracking", *arguments])
    with pytest.raises(SystemExit) as exit_:
        main()
    return exit_.value.code


async def prepared(dsn: str, *, master: str | None = None) -> None:
    """Put an order with customer data into the database, under the key k1."""
    async with (
        open_pool(dsn, size=2) as pool,
        open_log(pool, partitions=PARTITIONS, lanes=1, wake=Wake(dsn)) as log,
    ):
        await log.append(heard_of())
        keys = KeyRing([master_key("k1", secret=master)])
        store = CustomerStore(pool, keys=keys, clock=SystemClock())
        await store.keep(ORDER, marked_order())
