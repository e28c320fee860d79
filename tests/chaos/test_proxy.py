"""The fault proxy does to a connection what it is told, and nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import pytest
import pytest_asyncio

from chaos.proxy import Mode, Proxy, proxy
from eventually import eventually


@pytest_asyncio.fixture
async def echo() -> AsyncIterator[tuple[str, int]]:
    """A server that answers each line with the same line."""
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()
    server.close()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while line := await reader.readline():
            writer.write(line)
    except ConnectionResetError:
        return
    finally:
        writer.close()


@pytest_asyncio.fixture
async def broken(echo: tuple[str, int]) -> AsyncIterator[Proxy]:
    async with proxy(echo, rng=Random(1)) as made:
        yield made


class Client:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, text: str) -> str:
        self.writer.write(f"{text}\n".encode())
        return (await self.reader.readline()).decode().strip()


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Client(reader, writer)
    finally:
        writer.close()


class TestOpen:
    async def test_passes(self, broken: Proxy) -> None:
        """What is said comes back, on several connections."""
        async with client_of(broken.port) as one, client_of(broken.port) as other:
            assert await one.say("a") == "a"
            assert await other.say("b") == "b"

    async def test_passes_what_is_large(self, broken: Proxy) -> None:
        """A message of many pieces arrives whole."""
        async with client_of(broken.port) as client:
            assert await client.say("x" * 60_000) == "x" * 60_000

    async def test_passes_to_a_unix_socket(self, tmp_path: Path) -> None:
        """The server may listen on a socket in the file system."""
        path = tmp_path / "s"
        server = await asyncio.start_unix_server(answer, path)
        async with server, proxy(path) as made, client_of(made.port) as client:
            assert await client.say("a") == "a"

    async def test_ends_with_the_client(self, broken: Proxy) -> None:
        """Nothing of a connection is left when its client has gone."""
        async with client_of(broken.port) as client:
            assert await client.say("a") == "a"

        async def forgotten() -> bool:
            return not broken._links

        assert await eventually(forgotten)

    async def test_ends_with_the_server(self) -> None:
        """A server that is away is met as a connection that ends at once."""
        async with proxy(("127.0.0.1", 1)) as made, client_of(made.port) as client:
            assert await client.reader.read() == b""


class TestDelay:
    async def test_holds_each_piece_up(self, broken: Proxy) -> None:
        """An answer takes the latency of both directions."""
        broken.delay(latency=0.05, jitter=0.01)
        async with client_of(broken.port) as client:
            before = time.monotonic()
            assert await client.say("a") == "a"

        assert time.monotonic() - before >= 0.08


class TestEnd:
    @pytest.mark.parametrize("mode", ["cut", "reset"])
    async def test_ends_what_is_there_and_what_comes(
        self, broken: Proxy, mode: Mode
    ) -> None:
        """Connections end, new ones too, until the proxy is open again."""
        async with client_of(broken.port) as client:
            await client.say("a")
            broken.switch(mode)
            assert await end_of(client) in (b"", ConnectionResetError)
        async with client_of(broken.port) as late:
            assert await end_of(late) in (b"", ConnectionResetError)

        broken.switch("open")
        async with client_of(broken.port) as again:
            assert await again.say("a") == "a"

    async def test_resets(self, broken: Proxy) -> None:
        """A reset is seen as one by the client, other than an orderly end."""
        async with client_of(broken.port) as client:
            await client.say("a")
            broken.switch("reset")

            assert await end_of(client) is ConnectionResetError

    async def test_cuts(self, broken: Proxy) -> None:
        """A cut looks like a server that closed its end."""
        async with client_of(broken.port) as client:
            await client.say("a")
            broken.switch("cut")

            assert await end_of(client) == b""


async def end_of(client: Client) -> bytes | type[ConnectionResetError]:
    try:
        return await client.reader.read()
    except ConnectionResetError:
        return ConnectionResetError


class TestBlackhole:
    async def test_forwards_nothing_until_it_is_open(self, broken: Proxy) -> None:
        """What was said into the blackhole is answered once it has gone."""
        async with client_of(broken.port) as client:
            await client.say("a")
            broken.switch("blackhole")
            asking = asyncio.ensure_future(client.say("b"))
            assert not await done_within(0.1, asking)

            broken.switch("open")
            assert await asking == "b"

    async def test_takes_new_connections(self, broken: Proxy) -> None:
        """A connection can be opened to a blackhole, and hears nothing."""
        broken.switch("blackhole")
        async with client_of(broken.port) as client:
            asking = asyncio.ensure_future(client.say("b"))
            assert not await done_within(0.1, asking)

            broken.switch("open")
            assert await asking == "b"

    async def test_swallows_answers_alone(self) -> None:
        """In one direction only, the server hears what it cannot answer to."""
        heard: list[bytes] = []

        async def listen(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            heard.append(await reader.readline())
            writer.write(b"done\n")
            await writer.drain()
            writer.close()

        async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
            address = server.sockets[0].getsockname()
            async with proxy(address) as made, client_of(made.port) as client:
                made.switch("blackhole", ["down"])
                asking = asyncio.ensure_future(client.say("do it"))
                await eventually(not_empty(heard))
                assert not await done_within(0.05, asking)

                made.switch("open")
                assert await asking == "done"


def not_empty(heard: list[bytes]) -> Callable[[], "asyncio.Future[bool]"]:
    async def look() -> bool:
        return bool(heard)

    return lambda: asyncio.ensure_future(look())


async def done_within(seconds: float, task: "asyncio.Future[str]") -> bool:
    done, _ = await asyncio.wait([task], timeout=seconds)
    return bool(done)
