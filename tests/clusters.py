"""Three Kafka nodes for all tests that let some fail, and who leads what."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from service.embedded.kafka import KafkaCluster, kafka_cluster

T = TypeVar("T")


class SharedCluster:
    """A cluster for tests with loops of their own: it lives in another thread's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.servers = ""
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._stack = AsyncExitStack()
        self._cluster: KafkaCluster | None = None
        self._killed: set[int] = set()
        self._paused: set[int] = set()

    @property
    def nodes(self) -> Sequence[int]:
        return self._running.nodes

    async def start(self, advertised: Mapping[int, str] | None = None) -> None:
        await self._there(self._start(advertised))

    async def stop(self) -> None:
        """End all nodes at once; `start` brings them back."""
        await self._there(self._stack.aclose())
        self._cluster = None

    async def kill(self, node: int) -> None:
        self._killed.add(node)
        await self._there(self._running.kill(node))

    async def restart(self, node: int) -> None:
        await self._there(self._running.restart(node))
        self._killed.discard(node)

    def pause(self, node: int) -> None:
        self._paused.add(node)
        self._running.pause(node)

    def resume(self, node: int) -> None:
        self._running.resume(node)
        self._paused.discard(node)

    async def made_whole(self) -> None:
        """Bring back whatever a test has left dead or paused."""
        if self._cluster is None:
            await self.start()
        for node in list(self._paused):
            self.resume(node)
        for node in list(self._killed):
            await self.restart(node)

    def close(self) -> None:
        asyncio.run(self.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def _running(self) -> KafkaCluster:
        assert self._cluster is not None
        return self._cluster

    async def _start(self, advertised: Mapping[int, str] | None) -> None:
        self._cluster = await self._stack.enter_async_context(
            kafka_cluster(self.folder, advertised=advertised)
        )
        self.servers = self._cluster.bootstrap_servers

    async def _there(self, work: Coroutine[Any, Any, T]) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        return await asyncio.wrap_future(future)


async def leaders(servers: str, topic: str) -> dict[int, int]:
    """Return who leads each partition of *topic*, as some node knows it; {} if none."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers, request_timeout_ms=1000)
    try:
        await admin.start()
        [found] = await admin.describe_topics([topic])
    except (KafkaError, TimeoutError):
        return {}
    finally:
        await admin.close()
    return {each["partition"]: each["leader"] for each in found["partitions"]}
