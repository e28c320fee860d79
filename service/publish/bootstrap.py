"""Which brokers to begin with: those that answer."""

import asyncio
import struct
from typing import Final

PATIENCE: Final = 1.0
"""Seconds within which a broker that is well has long answered."""

_API_VERSIONS: Final = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""The request that every broker answers (Kafka protocol, ApiVersions version 0)."""


async def awake(servers: str) -> str:
    """Return those of *servers* that answer, or all of them where none does.

    A client begins with any of them, and waits for one that hangs as long as it may
    wait at all; a few clients in a row would hardly ever get past it.
    """
    addresses = servers.split(",")
    if len(addresses) == 1:
        return servers
    async with asyncio.TaskGroup() as tasks:
        asked = {each: tasks.create_task(_answers(each)) for each in addresses}
    return (
        ",".join(each for each, asking in asked.items() if asking.result()) or servers
    )


async def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_connection(host, int(port))
            try:
                writer.write(_API_VERSIONS)
                return bool(await reader.read(1))
            finally:
                writer.close()
    except (OSError, ValueError, TimeoutError):
        return False
