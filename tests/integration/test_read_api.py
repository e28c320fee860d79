"""The read API as a whole: its document, its probes, its page, its keys."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from openapi_spec_validator import validate

from builders import cancellation_requested
from conftest import ManualClock
from reading import Reading, reading
from service.config import ApiKey
from service.db import Pool, connection, transaction
from service.errors import BrokerUnavailableError
from service.read.probes import MOST_LAG, Check, probe_endpoints, read_checks
from service.web import manners, routes

pytestmark = pytest.mark.postgres

KEY = ApiKey(name="tests", sha256=hashlib.sha256(b"s3cret").hexdigest())
REFERENCE = Path(__file__).parents[2] / "docs/reference/http.md"
PUBLIC = ("/", "/page.js", "/page.css", "/livez", "/readyz", "/openapi.json")
WITH_KEY = ("/v1/orders", "/v1/orders/acme/1", "/v1/stream", "/metrics")


@pytest_asyncio.fixture
async def api(pool: Pool, clock: ManualClock) -> AsyncIterator[Reading]:
    async with reading(pool, clock) as served:
        yield served


def check(name: str, detail: str | None, *, required: bool = True) -> Check:
    async def look() -> str | None:
        return detail

    return Check(name=name, look=look, required=required)


class TestDocument:
    async def test_valid(self, api: Reading) -> None:
        """The document of the whole API is OpenAPI 3.1 and names every path."""
        document = await (await api.get("/openapi.json")).json()

        validate(document)
        assert document["info"]["version"] == "1.2.3"
        assert {"/v1/orders", "/v1/stream", "/readyz", "/openapi.json"} <= set(
            document["paths"]
        )


class TestKeys:
    async def test_needed(self, pool: Pool, clock: ManualClock) -> None:
        """With keys configured, data is for those who have one; the page is not data."""
        async with reading(pool, clock, keys=[KEY]) as api:
            public = [(await api.get(path)).status for path in PUBLIC]
            refused = [(await api.get(path)).status for path in WITH_KEY]
            known = await api.get("/v1/orders", Authorization="Bearer s3cret")
            wrong = await api.get("/v1/orders", Authorization="Bearer guess")

        assert public == [200] * len(PUBLIC)
        assert refused == [401] * len(WITH_KEY)
        assert known.status == 200
        assert wrong.status == 401
        assert wrong.headers["WWW-Authenticate"] == "Bearer"


class TestLivez:
    async def test_alive(self, pool: Pool, clock: ManualClock) -> None:
        """Liveness depends on nothing."""
        async with reading(pool, clock, checks=[check("database", "away")]) as api:
            response = await api.get("/livez")

        assert response.status == 200


class TestReadyz:
    async def test_ready(self, pool: Pool, clock: ManualClock) -> None:
        """With everything there the service is ready."""
        async with reading(pool, clock, checks=read_checks(pool)) as api:
            response = await api.get("/readyz")

            assert await response.json() == {
                "status": "ready",
                "missing": [],
                "checks": None,
            }

    async def test_not_ready(self, pool: Pool, clock: ManualClock) -> None:
        """What is required and missing makes it unready, by name."""
        checks = [check("database", "no answer"), check("lag", None)]
        async with reading(pool, clock, checks=checks) as api:
            response = await api.get("/readyz")
            verbose = await api.get("/readyz?verbose")

            assert response.status == 503
            assert (await response.json())["detail"] == "Not ready: database."
            assert (await verbose.json())["detail"] == "Not ready: database: no answer."

    async def test_degraded(self, pool: Pool, clock: ManualClock) -> None:
        """What is missing but not required is told, and requests go on."""
        checks = [check("broker", "no answer", required=False), check("database", None)]
        async with reading(pool, clock, checks=checks) as api:
            response = await api.get("/readyz?verbose=1")

            body = await response.json()
            assert response.status == 200
            assert (body["status"], body["missing"]) == ("degraded", ["broker"])
            assert body["checks"][0] == {
                "name": "broker",
                "ok": False,
                "required": False,
                "detail": "no answer",
            }

    async def test_failing_check(self, pool: Pool, clock: ManualClock) -> None:
        """A check that fails says what is missing by its error."""

        async def look() -> str | None:
            raise BrokerUnavailableError

        checks = [Check(name="broker", look=look)]
        async with reading(pool, clock, checks=checks) as api:
            response = await api.get("/readyz?verbose")

            assert "Kafka does not answer" in (await response.json())["detail"]

    async def test_hanging_check(self) -> None:
        """A check that does not come back counts as failed."""

        async def look() -> str | None:
            await asyncio.Event().wait()
            return None

        app = web.Application(middlewares=[manners])
        endpoints = probe_endpoints([Check(name="log", look=look)], patience=0.05)
        app.add_routes(routes(endpoints, keys=[]))
        async with TestClient(TestServer(app)) as client:
            response = await client.get("/readyz?verbose")

            assert response.status == 503
            assert "log: no answer for 0.05 s" in await response.text()

    async def test_lag(self, pool: Pool, clock: ManualClock) -> None:
        """A projection that is far behind the log is not ready."""
        async with transaction(pool) as lent:
            await lent.execute(
                "UPDATE eventlog.partitions SET head = $1 WHERE partition = 0",
                MOST_LAG + 1,
            )
        async with reading(pool, clock, checks=read_checks(pool)) as api:
            response = await api.get("/readyz?verbose")

            assert response.status == 503
            assert "10001 events are not projected" in await response.text()

    async def test_migrations(self, pool: Pool, clock: ManualClock) -> None:
        """A schema of another version is not ready."""
        async with connection(pool) as lent:
            await lent.execute("UPDATE alembic_version SET version_num = '0001'")
        async with reading(pool, clock, checks=read_checks(pool)) as api:
            response = await api.get("/readyz?verbose")

            assert "migrations: the schema is at 0001" in await response.text()


class TestMetrics:
    async def test_text(self, api: Reading) -> None:
        """Metrics come in the text format of Prometheus."""
        response = await api.get("/metrics")

        assert response.content_type == "text/plain"
        assert "python_info" in await response.text()


class TestPage:
    async def test_parts(self, api: Reading) -> None:
        """The page and everything it refers to is served, and nothing comes from outside."""
        page = await (await api.get("/")).text()

        parts = re.findall(r'(?:src|href)="(/[^"]*)"', page)
        assert {"/page.css", "/page.js"} <= set(parts)
        for path in parts:
            assert (await api.get(path)).status == 200, path
        assert not re.search(r'(?:src|href)="https?:', page)

    async def test_scripts(self, api: Reading) -> None:
        """Scripts that import each other find each other."""
        script = await (await api.get("/page.js")).text()

        imported = re.findall(r'from "([^"]+)"', script)
        assert imported
        for path in imported:
            response = await api.get(path)
            assert response.content_type == "text/javascript"

    async def test_no_markup_from_data(self, api: Reading) -> None:
        """No script turns text into markup, and the policy forbids inline scripts."""
        response = await api.get("/")

        policy = response.headers["Content-Security-Policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        for name in ("page", "details", "elements", "source", "dom"):
            script = await (await api.get(f"/{name}.js")).text()
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML", script)

    async def test_not_modified(self, api: Reading) -> None:
        """A part that the browser holds is not sent again."""
        first = await api.get("/page.js")

        again = await api.get("/page.js", If_None_Match=first.headers["ETag"])

        assert again.status == 304


class TestOutage:
    async def test_lookup(self, api: Reading, pool: Pool) -> None:
        """After PostgreSQL dropped all connections, orders are found again."""
        await api.world.tell(cancellation_requested())
        assert (await api.get("/v1/orders/acme/1001-01")).status == 200
        async with connection(pool) as lent:
            await lent.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

        statuses = [
            (await api.get("/v1/orders/acme/1001-01")).status for _ in range(10)
        ]

        assert set(statuses) <= {200, 503}
        assert statuses[-1] == 200

    async def test_together(self, api: Reading) -> None:
        """Look-ups that come at the same time each get their own order."""
        for number in range(30):
            await api.world.tell(cancellation_requested(), order_id=f"{number}")

        async with asyncio.TaskGroup() as tasks:
            asked = [
                tasks.create_task(api.get(f"/v1/orders/acme/{number}"))
                for number in range(40)
            ]

        found = [task.result() for task in asked]
        assert [answer.status for answer in found] == [200] * 30 + [404] * 10
        for number, answer in enumerate(found[:30]):
            assert (await answer.json())["order_id"] == f"{number}"


class TestReference:
    async def test_every_endpoint(self, api: Reading) -> None:
        """The written reference names every endpoint but the parts of the page."""
        reference = REFERENCE.read_text(encoding="utf-8")

        unnamed = [
            endpoint.path
            for endpoint in api.api.endpoints
            if f"`{endpoint.method} {endpoint.path}`" not in reference
        ]

        assert all(path.endswith((".js", ".css")) for path in unnamed)
