"""The embedded Kafka keeps its records, knows transactions, and dies with its owner."""

import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from eventually import eventually
from owner import no_server_in, owner, servers_in
from service.embedded.kafka import kafka
from service.errors import EmbeddedServerError

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("abandoned_sockets")]

TOPIC = "kept"


async def create_topic(servers: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    await admin.close()


async def send(servers: str, *, kept: bytes, dropped: bytes) -> None:
    """Send one record in a transaction that commits, one in another that does not."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, transactional_id="test")
    await producer.start()
    async with producer.transaction():
        await producer.send_and_wait(TOPIC, kept)
    await producer.begin_transaction()
    await producer.send_and_wait(TOPIC, dropped)
    await producer.abort_transaction()
    await producer.stop()


async def read(servers: str) -> list[bytes]:
    """Return every committed record of the topic."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers, isolation_level="read_committed"
    )
    await consumer.start()
    partition = TopicPartition(TOPIC, 0)
    consumer.assign([partition])
    await consumer.seek_to_beginning(partition)
    end = (await consumer.end_offsets([partition]))[partition]
    values: list[bytes] = []
    while await consumer.position(partition) < end:
        batches = await consumer.getmany(timeout_ms=100)
        values += [record.value for batch in batches.values() for record in batch]
    await consumer.stop()
    return values


class TestKafka:
    async def test_commits_keeps_and_refuses(self, tmp_path: Path) -> None:
        """Transactions hold, a second owner is refused, a restart keeps all."""
        async with kafka(tmp_path) as servers:
            await create_topic(servers)
            await send(servers, kept=b"one", dropped=b"two")
            assert await read(servers) == [b"one"]
            with pytest.raises(EmbeddedServerError, match="is in use by process"):
                async with kafka(tmp_path):
                    pass
        assert servers_in(tmp_path) == []

        async with kafka(tmp_path) as again:
            assert again == servers
            assert await read(again) == [b"one"]

    async def test_ends_with_a_killed_owner(self, tmp_path: Path) -> None:
        """After kill -9 of its owner the broker ends, and its records are there."""
        with owner("kafka", tmp_path) as (process, servers):
            await create_topic(servers)
            await send(servers, kept=b"one", dropped=b"two")
            process.kill()
            await eventually(lambda: no_server_in(tmp_path), within=3)

        async with kafka(tmp_path) as again:
            assert await read(again) == [b"one"]

    async def test_shows_the_log_of_a_failed_start(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A broker that refuses its data is reported with the last lines of its log."""
        monkeypatch.setenv("PATH", "/nonexistent")
        data = tmp_path / "node-1" / "data"
        data.mkdir(parents=True)
        (data / "meta.properties").write_text("version=1\ncluster.id=own\nnode.id=2")
        memory = {"id": "own", "nodes": [{"id": 1, "port": 0, "controller_port": 0}]}
        (tmp_path / "cluster.json").write_text(json.dumps(memory))

        with pytest.raises(EmbeddedServerError) as failed:
            async with kafka(tmp_path):
                pass

        assert "(node 1) ended with code" in str(failed.value)
        assert "node id" in str(failed.value)
