"""Everything that a run of chaos consists of: servers, proxies, services and writers."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from chaos.load import Orders
from chaos.proxy import Proxy, proxy
from chaos.servers import Disk, Postgres, disk
from chaos.shops import address_of, shops
from chaos.units import Unit, started
from processes import accounts, free_port
from service.config import ROLES
from service.db import open_pool
from service.embedded.cluster import remembered_cluster
from service.embedded.folder import locked
from service.embedded.kafka import KafkaCluster, kafka_cluster
from service.eventlog.store import create_partitions
from service.migration import migrate
from traffic import STORES, Traffic

PARTITIONS = 16
PREFIX = "chaos"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How large a run is."""

    seed: int
    streams: int
    per_second: float
    """Appends of the writers."""
    orders: int = 0
    """Orders of the stores, at most."""
    orders_every: float = 1.0
    """Seconds between two of them."""
    services: int = 3
    writers: int = 6
    brokers: int = 1
    disk_megabytes: int = 512
    forgetful: bool = False
    """Let PostgreSQL acknowledge what it has not written yet, which is a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rig:
    """What faults are done to, and what they leave is read from."""

    plan: Plan
    output: Path
    rng: Random
    disk: Disk | None
    postgres: Postgres
    kafka: KafkaCluster
    before_postgres: Proxy
    before_kafka: Sequence[Proxy]
    before_oms: Proxy
    selling: Traffic
    urls: Sequence[str]
    """Where the services answer."""
    services: Sequence[Unit]
    writers: Sequence[Unit]
    notes: list[str] = field(default_factory=list)
    """What the faults themselves tell, such as how a zombie ended."""

    def histories(self) -> Iterable[Path]:
        return [_history(self.output, number) for number in range(self.plan.writers)]

    def clock_of(self, service: Unit) -> Path:
        return _clock(self.output, self.services.index(service))

    def relaying(self) -> Unit | None:
        """Return the service that published last, as its log tells."""
        latest: tuple[str, Unit | None] = ("", None)
        for unit in self.services:
            for line in unit.said():
                is_adoption = line["event"] == "partitions adopted"
                if is_adoption and line["consumer"] == "relay-0" and line["partitions"]:
                    found = (line["timestamp"], unit)
                    latest = max(latest, found, key=lambda each: each[0])
        return latest[1]

    def ended_by_themselves(self) -> list[str]:
        """Return the services that no longer run although nobody ended them."""
        return [each.name for each in self.services if each.exit_code is not None]

    async def end_of_writing(self) -> None:
        """Tell writers and stores to come to an end."""
        self.selling.closed.set()
        for writer in self.writers:
            writer.tell(signal.SIGTERM)


@asynccontextmanager
async def rig(plan: Plan, folder: Path, *, output: Path) -> AsyncIterator[Rig]:
    """Start everything, and end it with the block.

    The servers' data lie in *folder*; what all processes say is kept in *output*.
    """
    rng = Random(plan.seed)
    async with AsyncExitStack() as stack:
        small = stack.enter_context(
            disk(folder / "disk", megabytes=plan.disk_megabytes)
        )
        postgres = Postgres(folder / "disk" / "postgres")
        await postgres.start()
        stack.push_async_callback(postgres.end, signal.SIGINT)
        await _prepare(postgres.dsn, plan)
        before_postgres = await stack.enter_async_context(
            proxy(postgres.socket, rng=rng)
        )
        with locked(folder / "kafka") as home:
            nodes = remembered_cluster(home, plan.brokers).nodes
        before_kafka = [
            await stack.enter_async_context(proxy(("127.0.0.1", node.port), rng=rng))
            for node in nodes
        ]
        told = {
            node.id: f"127.0.0.1:{each.port}"
            for node, each in zip(nodes, before_kafka, strict=True)
        }
        kafka = await stack.enter_async_context(
            kafka_cluster(folder / "kafka", size=plan.brokers, advertised=told)
        )
        dsn = (
            f"postgresql://postgres@127.0.0.1:{before_postgres.port}/postgres"
            "?sslmode=disable"
        )
        ports = [free_port() for _ in range(plan.services)]
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        selling = await stack.enter_async_context(
            shops(
                seed=plan.seed, orders=plan.orders, every=plan.orders_every, urls=urls
            )
        )
        before_oms = await stack.enter_async_context(
            proxy(address_of(selling), rng=rng)
        )
        settings = {
            "ORDER_TRACKING_POSTGRES_DSN": dsn,
            "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "ORDER_TRACKING_KAFKA_TOPIC_PREFIX": PREFIX,
            "ORDER_TRACKING_KAFKA_REPLICATION_FACTOR": str(min(3, plan.brokers)),
            "ORDER_TRACKING_PARTITIONS": str(PARTITIONS),
            "ORDER_TRACKING_REQUESTS_PER_MINUTE": "1000000",
            "ORDER_TRACKING_ACCOUNTS": accounts(
                f"http://127.0.0.1:{before_oms.port}", STORES
            ),
        }
        services = [
            _service(number, output, port=port, settings=settings)
            for number, port in enumerate(ports)
        ]
        writers = [
            _writer(number, plan, output, dsn=dsn) for number in range(plan.writers)
        ]
        stack.enter_context(started([*services, *writers]))
        yield Rig(
            plan=plan,
            output=output,
            rng=rng,
            disk=small,
            postgres=postgres,
            kafka=kafka,
            before_postgres=before_postgres,
            before_kafka=before_kafka,
            before_oms=before_oms,
            selling=selling,
            urls=urls,
            services=services,
            writers=writers,
        )


async def _prepare(dsn: str, plan: Plan) -> None:
    await asyncio.to_thread(migrate, dsn)
    async with open_pool(dsn, size=2) as pool:
        await create_partitions(pool, PARTITIONS)
        await pool.execute("ALTER SYSTEM SET max_wal_size = '128MB'")
        if plan.forgetful:
            await pool.execute("ALTER SYSTEM SET synchronous_commit = off")
        await pool.execute("SELECT pg_reload_conf()")


def _service(
    number: int, folder: Path, *, port: int, settings: Mapping[str, str]
) -> Unit:
    clock = _clock(folder, number)
    clock.write_text("0")
    return Unit(
        f"service-{number}",
        [",".join(ROLES), str(clock)],
        module="chaos.serving",
        folder=folder,
        settings={**settings, "ORDER_TRACKING_HTTP_PORT": str(port)},
    )


def _writer(number: int, plan: Plan, folder: Path, *, dsn: str) -> Unit:
    orders = Orders(
        dsn=dsn,
        history=str(_history(folder, number)),
        partitions=PARTITIONS,
        number=number,
        seed=plan.seed,
        streams=plan.streams,
        per_second=plan.per_second / plan.writers,
    )
    return Unit(
        f"writer-{number}",
        [orders.model_dump_json()],
        module="chaos.writer",
        folder=folder,
        settings={},
    )


def _clock(folder: Path, number: int) -> Path:
    return folder / f"clock-{number}"


def _history(folder: Path, number: int) -> Path:
    return folder / f"history-{number}.jsonl"
