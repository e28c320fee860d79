"""Wherever it dies, the service that is started next loses, repeats and reorders nothing."""

import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from random import Random

import pytest

from aftermath import ended, let_time_pass, shown_orders, unfinished, violations
from builders import status_reported
from conftest import PARTITIONS
from events import new_event, stream
from eventually import eventually
from processes import Service, accounts, free_port, run, running
from service.config import ROLES
from service.db import Pool, open_pool
from service.eventlog.records import Append
from service.eventlog.store import PostgresEventLog
from service.failpoints import POINTS, VARIABLE
from service.publish.kafka import EventsTopic
from traffic import STORES, Traffic, traffic

SEED = 20_260_303
SPEED = 1000.0
ORDERS = 60
AT_ONCE = 20
CANCELLED = 0.15
PATIENCE = 120.0

SHORT = (
    "feed.stored",
    "append.after",
    "details.appended",
    "relay.sent",
    "relay.committed",
    "projection.before-commit",
    "reaction.enqueued",
    "call.sent",
    "call.told",
)

ROUNDS: Mapping[str, Sequence[str]] = {
    "process": ("start", "subscription", "checkpoint", "notify", "lease"),
    "publish": ("relay",),
    "project": ("projection", "append", "command"),
    "ingest": ("feed", "details", "GET"),
    "react": ("reaction", "call"),
    "vtex": ("POST", "PATCH", "PUT"),
}
"""Points are tried in rounds, by the first parts of their names."""

MIGRATION = tuple(point for point in POINTS if point.startswith("migration."))
PARKING = tuple(point for point in POINTS if point.startswith("parking."))

SELDOM = (
    *("start.", "lease.", "subscription.adopt", "relay.fenc", "relay.topic"),
    *("relay.read-back", "call.look", "GET.feed config", "POST.cancel", "parking."),
)
"""Points that a process may reach only once."""

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.kafka,
    pytest.mark.timeout(1200),
]


@pytest.fixture
def topic(kafka_servers: str, topic_prefix: str) -> EventsTopic:
    return EventsTopic(
        servers=kafka_servers, prefix=topic_prefix, partitions=PARTITIONS
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """The lives of a service, each of which ends at a point that is told."""

    settings: Mapping[str, str]
    folder: Path
    pool: Pool
    rng: Random
    roles: str = ",".join(ROLES)

    async def die_at(self, point: str) -> None:
        """Start the service and wait until it has died at *point*."""
        times = 1 if point.startswith(SELDOM) else self.rng.randint(1, 3)
        with running(
            *("serve", "--roles", self.roles),
            settings={**self.settings, VARIABLE: f"{point}:{times}"},
            output=self.folder / f"{point}.log",
        ) as service:
            async with self._provoked(point, service):
                await eventually(partial(_has_died, service), within=PATIENCE)
            assert service.process.returncode == -signal.SIGKILL
            assert service.text.splitlines()[-1] == f"failpoint {point}"
        await let_time_pass(self.pool)

    @asynccontextmanager
    async def _provoked(self, point: str, service: Service) -> AsyncIterator[None]:
        if not point.startswith(("lease.leave.", "lease.release.")):
            yield
            return
        await eventually(self._holds_leases, within=PATIENCE)
        if point.startswith("lease.leave."):
            service.process.send_signal(signal.SIGINT)
            yield
            return
        # Another member has to get its share.
        port = {"ORDER_TRACKING_HTTP_PORT": str(free_port())}
        other = self.folder / f"{point}-other.log"
        with running("serve", settings={**self.settings, **port}, output=other):
            yield

    async def _holds_leases(self) -> bool:
        held: int = await self.pool.fetchval(
            "SELECT count(*) FROM eventlog.members WHERE expires_at > now()"
        )
        return held > 0


async def _has_died(service: Service) -> bool:
    return service.process.poll() is not None


def rounds() -> Iterator[object]:
    yield pytest.param(SHORT, id="short")
    for name, starts in ROUNDS.items():
        points = tuple(p for p in POINTS if p.partition(".")[0] in starts)
        yield pytest.param(points, id=name, marks=pytest.mark.long)


class TestFailpoints:
    def test_each_has_its_round(self) -> None:
        """No point is left out."""
        tried = {start for starts in ROUNDS.values() for start in starts}

        left_out = {p for p in POINTS if p.partition(".")[0] not in tried}

        assert left_out == {*MIGRATION, *PARKING}

    @pytest.mark.parametrize("points", list(rounds()))
    async def test_dies_at_each_and_goes_on(
        self,
        *,
        tmp_path: Path,
        dsn: str,
        pool: Pool,
        log: PostgresEventLog,
        topic: EventsTopic,
        points: Sequence[str],
    ) -> None:
        """Log, topic, read model and the calls made tell what the sandbox tells."""
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        async with traffic(
            seed=SEED,
            speed=SPEED,
            service_url=url,
            most=ORDERS,
            at_once=AT_ONCE,
            cancelled=CANCELLED,
        ) as shops:
            settings = {
                "ORDER_TRACKING_POSTGRES_DSN": dsn,
                "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS": topic.servers,
                "ORDER_TRACKING_KAFKA_TOPIC_PREFIX": topic.prefix,
                "ORDER_TRACKING_HTTP_PORT": str(port),
                "ORDER_TRACKING_REQUESTS_PER_MINUTE": "1000000",
                "ORDER_TRACKING_ACCOUNTS": accounts(shops.store.url, STORES),
                "ORDER_TRACKING_LOG_LEVEL": "warning",
                # Neither is of use here, and both cost time.
                "OTEL_SDK_DISABLED": "true",
                "COVERAGE_PROCESS_CONFIG": "",
            }
            make_patient(shops)
            lives = Lives(
                settings=settings, folder=tmp_path, pool=pool, rng=Random(SEED)
            )
            for point in points:
                await lives.die_at(point)
            with running(
                "serve", settings=settings, output=tmp_path / "service.log"
            ) as service:
                try:
                    await eventually(
                        partial(ended, shops, pool, topic), within=PATIENCE
                    )
                except AssertionError:
                    pytest.fail("\n".join(await unfinished(shops, pool, topic)))
                shown = await shown_orders(shops.http, url)
                assert service.interrupt(within=10) == 0

            found = await violations(shops, pool, log, topic=topic, shown=shown)
        assert not found, "\n".join([f"{len(found)}:", *found[:200]])

    @pytest.mark.long
    async def test_migrates_after_each(self, empty_database: str) -> None:
        """A migration that died is finished by the next one."""
        settings = {"ORDER_TRACKING_POSTGRES_DSN": empty_database}
        for point in MIGRATION:
            died = run("migrate", settings={**settings, VARIABLE: point})
            assert died.returncode == -signal.SIGKILL
            assert died.stderr.splitlines()[-1] == f"failpoint {point}"

        assert run("migrate", settings=settings).returncode == 0
        async with open_pool(empty_database, size=1) as pool:
            found = await pool.fetchval("SELECT count(*) FROM eventlog.partitions")
        assert found == PARTITIONS

    @pytest.mark.long
    async def test_sets_aside_and_brings_back_after_each(
        self, tmp_path: Path, dsn: str, pool: Pool, log: PostgresEventLog
    ) -> None:
        """What fails is set aside in spite of deaths, and so is the end of that."""
        poison = status_reported("\x00")
        await log.append(Append(stream=stream(), events=[new_event("key-1", poison)]))
        settings = {
            "ORDER_TRACKING_POSTGRES_DSN": dsn,
            "ORDER_TRACKING_HTTP_PORT": str(free_port()),
        }
        lives = Lives(
            settings=settings,
            folder=tmp_path,
            pool=pool,
            rng=Random(SEED),
            roles="project",
        )
        found = []
        for point in PARKING:
            await lives.die_at(point)
            found.append(
                await pool.fetchval("SELECT count(*) FROM eventlog.parked_streams")
            )
            await pool.execute("UPDATE eventlog.parked_streams SET request = 'drop'")

        assert found == [0, 1, 1, 0]
        reached = await pool.fetchval("SELECT sum(position) FROM eventlog.checkpoints")
        assert reached == sum((await log.heads()).values())


def make_patient(shops: Traffic) -> None:
    """Let merchant and shoppers try on, however often the service dies meanwhile."""
    shops.desk._desk._pauses = list(repeat(0.2, 3000))
