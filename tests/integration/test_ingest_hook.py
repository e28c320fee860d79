"""The hook over HTTP: who may use it, what it keeps, and what it answers."""

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO

import orjson
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from conftest import ManualClock
from ingest_kit import FailingLog, MemoryQuarantine, notice, statuses
from service.config import ApiKey
from service.ingest.configuration import SECRET_HEADER
from service.ingest.hook import endpoints
from service.ingest.intake import Intake
from service.web import MAX_BODY, manners, routes
from vtex import account_at

SECRET = "hook-secret"  # noqa: S105 - it opens nothing
HEADERS = {SECRET_HEADER: SECRET}
PATH = "/v1/hooks/vtex/acme"
Client = TestClient[web.Request, web.Application]


@pytest.fixture
def log() -> FailingLog:
    return FailingLog()


@pytest.fixture
def quarantine() -> MemoryQuarantine:
    return MemoryQuarantine()


@pytest_asyncio.fixture
async def client(
    log: FailingLog, quarantine: MemoryQuarantine, clock: ManualClock
) -> AsyncIterator[Client]:
    secrets = {"acme": SECRET, "hookless": None, "careless": ""}
    hooks = [
        (
            account_at(
                "http://vtex.example",
                name=name,
                hook_secret=secret,
                statuses=("handling",),
            ),
            Intake(name, log=log, quarantine=quarantine, clock=clock),
        )
        for name, secret in secrets.items()
    ]
    app = web.Application(middlewares=[manners], client_max_size=MAX_BODY)
    # Keys are wanted elsewhere; VTEX has none.
    app.add_routes(routes(endpoints(hooks), [ApiKey(name="erp", sha256="0" * 64)]))
    async with TestClient(TestServer(app)) as running:
        yield running


async def post(
    client: Client,
    body: object,
    *,
    account: str = "acme",
    headers: dict[str, str] | None = None,
) -> int:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    async with client.post(
        f"/v1/hooks/vtex/{account}",
        data=data,
        headers=HEADERS if headers is None else headers,
    ) as response:
        return response.status


async def _in_pieces(content: object) -> AsyncIterator[bytes]:
    """Send *content* without saying how long it is."""
    for byte in orjson.dumps(content):
        yield bytes([byte])


class TestReceive:
    async def test_ping(self, client: Client, log: FailingLog) -> None:
        """VTEX's try of the address is answered, with our header or without."""
        ping = {"hookConfig": "ping"}

        assert await post(client, ping) == 200
        assert await post(client, ping, headers={}) == 200
        async with client.post(PATH, data=_in_pieces(ping)) as response:
            assert response.status == 200
        assert log.events == []

    async def test_notification_is_stored_before_the_answer(
        self, client: Client, log: FailingLog
    ) -> None:
        """What is answered with 200 is in the log."""
        assert await post(client, notice()) == 200
        assert statuses(log.events) == ["handling"]
        assert log.events[0].stream == ("acme", "1-01")

    async def test_status_outside_the_filter(
        self, client: Client, log: FailingLog
    ) -> None:
        """What VTEX sends beside the hook's filter is true as well, and stored."""
        assert await post(client, notice(state="invoiced")) == 200
        assert statuses(log.events) == ["invoiced"]

    async def test_repetitions_fold(self, client: Client, log: FailingLog) -> None:
        """VTEX may send the same change as often as it likes, even at the same time."""
        async with asyncio.TaskGroup() as group:
            posts = [group.create_task(post(client, notice())) for _ in range(5)]

        assert [task.result() for task in posts] == [200] * 5
        assert len(log.events) == 1

    @pytest.mark.parametrize("state", [None, "never-heard-of"])
    async def test_any_state(
        self, client: Client, log: FailingLog, state: str | None
    ) -> None:
        """Statuses that are null or unheard of are stored as they are."""
        assert await post(client, notice(state=state)) == 200
        assert statuses(log.events) == [state]

    @pytest.mark.parametrize(
        "body", [b"not json", b"", b"[1]", b"\xff\xfe", b'{"OrderId":"1-01"}']
    )
    async def test_unreadable_is_kept_and_acknowledged(
        self,
        client: Client,
        log: FailingLog,
        quarantine: MemoryQuarantine,
        body: bytes,
    ) -> None:
        """Sending it again would not help: it is set aside as it came, with 200."""
        assert await post(client, body) == 200
        assert [kept.raw for kept in quarantine.kept] == [body]
        assert quarantine.kept[0].source == "hook"
        assert log.events == []

    async def test_not_stored_is_not_acknowledged(
        self, client: Client, log: FailingLog, quarantine: MemoryQuarantine
    ) -> None:
        """While the database is away VTEX is told to send it again."""
        log.away = {"1-01"}
        quarantine.away = True

        assert await post(client, notice()) == 503
        assert await post(client, b"not json") == 503


class TestAccess:
    @pytest.mark.parametrize(
        "headers", [{}, {SECRET_HEADER: "wrong"}, {SECRET_HEADER: ""}]
    )
    async def test_wrong_secret(
        self,
        client: Client,
        log: FailingLog,
        quarantine: MemoryQuarantine,
        headers: dict[str, str],
    ) -> None:
        """Without the account's secret nothing is stored, readable or not."""
        assert await post(client, notice(), headers=headers) == 401
        assert await post(client, b"not json", headers=headers) == 401
        assert (log.events, quarantine.kept) == ([], [])

    @pytest.mark.parametrize("account", ["globex", "hookless", "careless"])
    async def test_account_without_a_hook(self, client: Client, account: str) -> None:
        """An account that is unknown, or has no secret, has no hook."""
        headers = {SECRET_HEADER: ""}

        assert await post(client, notice(), account=account, headers=headers) == 404
        ping = {"hookConfig": "ping"}
        assert await post(client, ping, account=account, headers=headers) == 404

    @pytest.mark.parametrize(
        "origin", [{"Account": "globex"}, {"Account": None}, {}, None, "acme"]
    )
    async def test_notification_of_another_account(
        self, client: Client, log: FailingLog, origin: object
    ) -> None:
        """A hook that was set up with our address by mistake credits nobody's orders."""
        assert await post(client, notice(Origin=origin)) == 403
        assert log.events == []

    @pytest.mark.parametrize("key", ["vtexappkey-globex", "x"])
    async def test_notification_of_another_app_key(
        self, client: Client, log: FailingLog, key: str
    ) -> None:
        """A hook of another appKey than the account's is somebody else's."""
        origin = {"Account": "acme", "Key": key}

        assert await post(client, notice(Origin=origin)) == 403
        assert log.events == []

    async def test_large_bodies_are_not_read_of_strangers(
        self, client: Client, log: FailingLog, quarantine: MemoryQuarantine
    ) -> None:
        """Without the secret no more is read than a ping has, and never a megabyte."""
        ping = b'{"hookConfig": "ping"}'

        assert await post(client, ping + b" " * 2000, headers={}) == 401
        body = BytesIO(b"[" * (MAX_BODY + 1))
        async with client.post(PATH, data=body, headers=HEADERS) as response:
            assert response.status == 413
        assert (log.events, quarantine.kept) == ([], [])

    async def test_case_of_the_account_does_not_matter(
        self, client: Client, log: FailingLog
    ) -> None:
        """VTEX spells an account's name now this way, now that way."""
        assert await post(client, notice(Origin={"Account": "ACME"})) == 200
        assert len(log.events) == 1
