"""A TCP proxy that delays, withholds or breaks what passes, as it is told at run time."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

Direction = Literal["up", "down"]
"""From the client to the server, or back."""

BOTH: Collection[Direction] = ("up", "down")

Mode = Literal["open", "cut", "reset", "blackhole"]

_CHUNK = 64 * 1024
_RESET_AT_CLOSE = struct.pack("ii", 1, 0)
_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(eq=False, slots=True)
class Proxy:
    """Stands on *port* of 127.0.0.1 before *upstream*: a host and port, or a socket's path.

    Cut and reset end all connections and refuse new ones until it is open again. A
    blackhole takes everything and forwards nothing in its *directions*; what it holds
    goes on its way once it is open again, as packets that are sent once more do.
    """

    upstream: tuple[str, int] | Path
    port: int = 0
    rng: Random = field(default_factory=lambda: Random(0))
    latency: float = 0.0
    jitter: float = 0.0
    mode: Mode = "open"
    directions: Collection[Direction] = BOTH
    _links: set[_Streams] = field(default_factory=set)
    _passable: asyncio.Event = field(default_factory=asyncio.Event)

    def switch(self, mode: Mode, directions: Collection[Direction] = BOTH) -> None:
        """Treat connections, those that are there among them, as *mode* says."""
        self.mode, self.directions = mode, directions
        if mode == "blackhole":
            self._passable.clear()
        else:
            self._passable.set()
        if mode in ("cut", "reset"):
            for _, writer in list(self._links):
                self._end(writer)

    def delay(self, *, latency: float, jitter: float = 0.0) -> None:
        """Hold each piece up for *latency* seconds, give or take *jitter*."""
        self.latency, self.jitter = latency, jitter

    async def serve(self, client: _Streams) -> None:
        """Carry a client's connection to its end."""
        with self._linked(client):
            if self.mode in ("cut", "reset"):
                return
            await self._let_through("up")
            with suppress(OSError):
                server = await self._connect()
                with self._linked(server):
                    await self._carry(client, server)

    async def _carry(self, client: _Streams, server: _Streams) -> None:
        up = self._pump(client[0], server[1], "up")
        down = self._pump(server[0], client[1], "down")
        async with asyncio.TaskGroup() as tasks:
            pumps = {tasks.create_task(up), tasks.create_task(down)}
            # Whoever ends first ends both: none of the protocols here half-closes.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        direction: Direction,
    ) -> None:
        with suppress(OSError):
            while piece := await reader.read(_CHUNK):
                if self.latency or self.jitter:
                    swing = self.rng.uniform(-self.jitter, self.jitter)
                    await asyncio.sleep(max(0.0, self.latency + swing))
                await self._let_through(direction)
                writer.write(piece)
                await writer.drain()

    async def _let_through(self, direction: Direction) -> None:
        while self.mode == "blackhole" and direction in self.directions:
            await self._passable.wait()

    async def _connect(self) -> _Streams:
        if isinstance(self.upstream, Path):
            return await asyncio.open_unix_connection(self.upstream)
        return await asyncio.open_connection(*self.upstream)

    @contextmanager
    def _linked(self, streams: _Streams) -> Iterator[None]:
        self._links.add(streams)
        try:
            yield
        finally:
            self._links.discard(streams)
            self._end(streams[1])

    def _end(self, writer: asyncio.StreamWriter) -> None:
        if self.mode == "reset" and not writer.is_closing():
            connection = writer.get_extra_info("socket")
            if connection.family == socket.AF_INET:
                connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE
                )
        if self.mode in ("cut", "reset"):
            writer.transport.abort()
        else:
            writer.close()


@asynccontextmanager
async def proxy(
    upstream: tuple[str, int] | Path, *, rng: Random | None = None
) -> AsyncIterator[Proxy]:
    """Run a proxy before *upstream* until the block ends."""
    made = Proxy(upstream, rng=rng or Random(0))
    async with asyncio.TaskGroup() as tasks:
        carrying: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = tasks.create_task(made.serve((reader, writer)))
            carrying.add(task)
            task.add_done_callback(carrying.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        made.port = server.sockets[0].getsockname()[1]
        try:
            yield made
        finally:
            server.close()
            for task in carrying:
                task.cancel()
