"""What must stay the same from one start of a Kafka cluster to the next: its id and ports."""

import base64
import secrets
import socket
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from service.errors import EmbeddedServerError

# Below the ports that systems lend to outgoing connections, which could take a
# remembered one while the cluster is stopped.
_PORTS = range(20_000, 32_000)
_PROPERTIES = """\
process.roles=broker,controller
node.id={node.id}
controller.quorum.voters={voters}
listeners=CLIENTS://127.0.0.1:{node.port},BROKERS://127.0.0.1:{node.peer_port},CONTROLLER://127.0.0.1:{node.controller_port}
advertised.listeners=CLIENTS://{advertised},BROKERS://127.0.0.1:{node.peer_port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=BROKERS
listener.security.protocol.map=CLIENTS:PLAINTEXT,BROKERS:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=data
auto.create.topics.enable=false
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=1
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=16777216
# A broker that was killed may come back only when its old session has run out.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=250
# What it led before, it leads again soon after.
leader.imbalance.check.interval.seconds=2
"""


class Node(BaseModel):
    """One broker, which is a controller too."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int
    port: int
    controller_port: int
    #: For the other brokers, so that what stands before *port* is for clients alone.
    peer_port: int = 0

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"127.0.0.1:{self.port}"


class Cluster(BaseModel):
    """All nodes of a cluster, and the id that its data carries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    nodes: tuple[Node, ...]

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(node.address for node in self.nodes)

    def properties(self, node: Node, *, advertised: str | None = None) -> str:
        """Return the server.properties of *node*; clients are told *advertised*."""
        voters = (f"{n.id}@127.0.0.1:{n.controller_port}" for n in self.nodes)
        return _PROPERTIES.format(
            node=node,
            advertised=advertised or node.address,
            voters=",".join(voters),
            replicas=min(3, len(self.nodes)),
            in_sync=min(2, len(self.nodes)),
        )


def remembered_cluster(home: Path, size: int) -> Cluster:
    """Return the cluster of *home*, new where there is none, on ports that are free."""
    file = home / "cluster.json"
    old = _read(file) if file.exists() else _new(size)
    if len(old.nodes) != size:
        raise EmbeddedServerError(
            f"{home} holds a cluster of {len(old.nodes)} nodes, not {size}: choose "
            "another folder with ORDER_TRACKING_DATA_FOLDER."
        )
    cluster = Cluster(id=old.id, nodes=_on_free_ports(old.nodes))
    beside = file.with_suffix(".new")
    beside.write_text(cluster.model_dump_json(indent=2))
    beside.rename(file)
    return cluster


def _read(file: Path) -> Cluster:
    try:
        return Cluster.model_validate_json(file.read_bytes())
    except ValueError as error:
        raise EmbeddedServerError(
            f"{file} is damaged: restore it, or delete {file.parent} with all its data."
        ) from error


def _new(size: int) -> Cluster:
    nodes = (Node(id=n, port=0, controller_port=0) for n in range(1, size + 1))
    return Cluster(id=_new_id(), nodes=tuple(nodes))


def _new_id() -> str:
    # The tool that formats takes an id that begins with a dash for an option.
    while True:
        new = base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
        if not new.startswith("-"):
            return new


def _on_free_ports(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    taken: set[int] = set()

    def free(wish: int) -> int:
        while wish not in _PORTS or wish in taken or not _is_free(wish):
            wish = secrets.choice(_PORTS)
        taken.add(wish)
        return wish

    return tuple(
        Node(
            id=node.id,
            port=free(node.port),
            controller_port=free(node.controller_port),
            peer_port=free(node.peer_port),
        )
        for node in nodes
    )


def _is_free(port: int) -> bool:
    with socket.socket() as candidate:
        # As the JVM does; without it a connection that just ended would be in the way.
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
