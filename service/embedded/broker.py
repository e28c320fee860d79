"""One node of a Kafka cluster: a process that can be killed, held and started again."""

import shutil
import signal
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from service.embedded.child import (
    Child,
    predecessor_gone,
    run,
    start,
    stop,
    until_ready,
)
from service.embedded.cluster import Cluster, Node

READY_WITHIN = 60.0
"""Seconds that a node may take to start."""

QUICK_START = "-XX:TieredStopAtLevel=1"
"""What makes Java start in half the time, and run slower later."""

_SETTINGS = "server.properties"
_LOG4J = """\
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %c{1}: %m%n
rootLogger.level=warn
rootLogger.appenderRef.console.ref=console
"""


class Broker:
    """Node *node* of *cluster*, with its data in a folder of *home*.

    Clients are told *advertised* instead of its own address, where that is given.
    """

    def __init__(
        self,
        home: Path,
        java: Sequence[str],
        *,
        cluster: Cluster,
        node: Node,
        advertised: str | None = None,
    ) -> None:
        self.node = node
        self.address = advertised or node.address
        self._child = _child(home, node.id, among=len(cluster.nodes))
        self._java = tuple(java)
        self._cluster = cluster
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it; it may not be ready yet."""
        await self._format()
        command = (*self._java, "-Xms128m", "-Xmx512m", "kafka.Kafka", _SETTINGS)
        self._process = await start(self._child, command)

    async def until_ready(self, answers: Callable[[], Awaitable[bool]]) -> None:
        """Wait until the node *answers*.

        Raises:
            EmbeddedServerError: It ended instead; the message shows why.
        """
        await until_ready(self._child, self._running, answers, within=READY_WITHIN)

    async def kill(self) -> None:
        """End it with SIGKILL."""
        process, self._process = self._running, None
        process.kill()
        await process.wait()

    def pause(self) -> None:
        """Let it stand still: it keeps its connections and answers nobody."""
        self._running.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._running.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        """End it in order, whether it was killed or paused or neither."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            # It would hear of nothing else while it stands still.
            process.send_signal(signal.SIGCONT)
        await stop(process, self._child)

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise RuntimeError(f"{self._child.name} does not run: start it first.")
        return self._process

    async def _format(self) -> None:
        home = self._child.home
        properties = self._cluster.properties(self.node, advertised=self.address)
        (home / _SETTINGS).write_text(properties)
        (home / "log4j2.properties").write_text(_LOG4J)
        shutil.rmtree(home / "tmp", ignore_errors=True)
        (home / "tmp").mkdir()
        # It writes meta.properties last.
        if (home / "data" / "meta.properties").exists():
            return
        tool = ("kafka.tools.StorageTool", "format", "--ignore-formatted")
        # Formatting needs more memory than the broker itself (KAFKA-19890).
        options = (QUICK_START, "-Xmx1g")
        words = ("-t", self._cluster.id, "-c", _SETTINGS)
        await run(self._child, (*self._java, *options, *tool, *words))


async def predecessors_gone(home: Path, size: int) -> None:
    """Wait until nothing of an earlier run of *size* nodes lives in *home*."""
    for number in range(1, size + 1):
        await predecessor_gone(_child(home, number, among=size))


def _child(home: Path, number: int, *, among: int) -> Child:
    node_home = home / f"node-{number}"
    node_home.mkdir(exist_ok=True)
    return Child(
        name=f"Apache Kafka (node {number})",
        home=node_home,
        # An orderly end needs controllers, and where there are several nodes these
        # end in the same moment. Brokers recover from being killed by design.
        stop_signal=signal.SIGTERM if among == 1 else signal.SIGKILL,
        death_signal=signal.SIGKILL,
        grace=5.0,
    )
