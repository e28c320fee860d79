"""Which of the given brokers a client begins with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.publish.bootstrap import awake


@asynccontextmanager
async def listening(*, answer: bytes) -> AsyncIterator[str]:
    """Listen as a broker does; without an answer, as one that hangs."""

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(14)
        writer.write(answer)
        await reader.read()
        writer.close()

    async with await asyncio.start_server(meet, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"


class TestAwake:
    async def test_leaves_out_who_hangs_or_is_gone(self) -> None:
        """Only a broker that answers is begun with."""
        async with listening(answer=b"\0") as well, listening(answer=b"") as hanging:
            assert await awake(f"{hanging},{well},127.0.0.1:1") == well

    async def test_gives_all_where_none_answers(self) -> None:
        """Where nobody answers, the client may try for itself."""
        assert await awake("127.0.0.1:1,127.0.0.1:2") == "127.0.0.1:1,127.0.0.1:2"

    async def test_asks_nobody_where_there_is_no_choice(self) -> None:
        """A single address is taken as it is."""
        assert await awake("broker.example:9092") == "broker.example:9092"
