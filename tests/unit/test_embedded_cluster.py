"""A Kafka cluster keeps its id and ports from start to start."""

import socket
from pathlib import Path

import pytest

from service.embedded.cluster import remembered_cluster
from service.errors import EmbeddedServerError


class TestRememberedCluster:
    def test_is_the_same_next_time(self, tmp_path: Path) -> None:
        """The second start finds the id and the ports of the first."""
        first = remembered_cluster(tmp_path, 1)

        assert remembered_cluster(tmp_path, 1) == first

    def test_leaves_taken_port(self, tmp_path: Path) -> None:
        """Only a port that a stranger has taken meanwhile is chosen anew."""
        first = remembered_cluster(tmp_path, 1)
        with socket.create_server(("127.0.0.1", first.nodes[0].port)):
            second = remembered_cluster(tmp_path, 1)

        assert second.id == first.id
        assert second.nodes[0].port != first.nodes[0].port
        assert second.nodes[0].controller_port == first.nodes[0].controller_port

    def test_gives_each_node_its_ports(self, tmp_path: Path) -> None:
        """Three nodes have nine different ports and are all named to clients."""
        cluster = remembered_cluster(tmp_path, 3)

        ports = {
            port
            for node in cluster.nodes
            for port in (node.port, node.controller_port, node.peer_port)
        }
        servers = cluster.bootstrap_servers.split(",")
        assert len(ports) == 9
        assert servers == [f"127.0.0.1:{n.port}" for n in cluster.nodes]

    def test_refuses_other_size(self, tmp_path: Path) -> None:
        """Data of three nodes is not opened with one."""
        remembered_cluster(tmp_path, 3)

        with pytest.raises(EmbeddedServerError, match="3 nodes, not 1"):
            remembered_cluster(tmp_path, 1)

    @pytest.mark.parametrize("content", ["", "{}", "[1]", '{"id": "x", "nodes": 1}'])
    def test_names_damaged_memory(self, tmp_path: Path, content: str) -> None:
        """A file that cannot be read is named instead of being replaced."""
        (tmp_path / "cluster.json").write_text(content)

        with pytest.raises(EmbeddedServerError, match=r"cluster\.json is damaged"):
            remembered_cluster(tmp_path, 1)


class TestProperties:
    def test_one_node_needs_no_other(self, tmp_path: Path) -> None:
        """A cluster of one keeps one replica of everything."""
        cluster = remembered_cluster(tmp_path, 1)

        lines = cluster.properties(cluster.nodes[0]).splitlines()

        assert "default.replication.factor=1" in lines
        assert "transaction.state.log.min.isr=1" in lines

    def test_three_nodes_survive_one(self, tmp_path: Path) -> None:
        """A cluster of three keeps three replicas and asks two to acknowledge."""
        cluster = remembered_cluster(tmp_path, 3)

        lines = cluster.properties(cluster.nodes[1]).splitlines()

        assert "node.id=2" in lines
        assert "default.replication.factor=3" in lines
        assert "min.insync.replicas=2" in lines

    def test_tells_clients_another_address(self, tmp_path: Path) -> None:
        """What stands before a node is named to clients, not to the other nodes."""
        cluster = remembered_cluster(tmp_path, 3)
        node = cluster.nodes[0]

        lines = cluster.properties(node, advertised="before.example:1").splitlines()

        peers = f"BROKERS://127.0.0.1:{node.peer_port}"
        assert f"advertised.listeners=CLIENTS://before.example:1,{peers}" in lines
        assert any(
            line.startswith(f"listeners=CLIENTS://{node.address},") for line in lines
        )
