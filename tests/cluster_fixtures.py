"""A cluster of three nodes for a test: name this module in `pytest_plugins`."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from clusters import SharedCluster


@pytest.fixture(scope="session")
def shared_cluster(server_folder: Path) -> Iterator[SharedCluster]:
    shared = SharedCluster(server_folder / "cluster")
    yield shared
    shared.close()


@pytest_asyncio.fixture
async def cluster(shared_cluster: SharedCluster) -> AsyncIterator[SharedCluster]:
    """Three nodes, all of them up."""
    await shared_cluster.made_whole()
    yield shared_cluster
