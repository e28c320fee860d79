"""How often the client's requests go out, on connections that die and for many callers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from service.errors import OrdersApiUnavailableError
from service.orders_api.client import OrdersApi
from service.orders_api.gate import Gate, Urgency
from vtex import Reply, ScriptedVtex, account_at, orders_api

pytest_plugins = ("vtex_fixtures",)

ORDER = "/api/oms/pvt/orders/1-01"

Call = Callable[[OrdersApi], Awaitable[object]]


class Raw:
    """A server that counts requests and treats connections as *behave* says."""

    def __init__(self, behave: Callable[[int, asyncio.StreamWriter], bool]) -> None:
        self.requests: list[bytes] = []
        self._behave = behave

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head.split(b" ", 1)[0])
                length = head.lower().partition(b"content-length: ")[2].split()
                await reader.readexactly(int(length[0]) if length else 0)
                if not self._behave(len(self.requests), writer):
                    return
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()


@asynccontextmanager
async def raw_server(
    behave: Callable[[int, asyncio.StreamWriter], bool],
) -> AsyncIterator[tuple[Raw, str]]:
    raw = Raw(behave)
    server = await asyncio.start_server(raw.serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield raw, f"http://127.0.0.1:{port}"


def _answer(writer: asyncio.StreamWriter, body: bytes = b'{"receipt":"r"}') -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


class TestOnce:
    @pytest.mark.parametrize(
        ("method", "send"),
        [
            (b"PUT", lambda api: api.update_tracking("1-01", "1", {})),
            (b"PATCH", lambda api: api.update_invoice("1-01", "1", {})),
            (b"POST", lambda api: api.invoice("1-01", {})),
            (b"DELETE", lambda api: api.delete_feed_config()),
            (b"GET", lambda api: api.get_order("1-01")),
        ],
    )
    async def test_dead_connection_is_told_not_repeated(
        self, method: bytes, send: Call
    ) -> None:
        """What goes out on a kept-alive connection that dies is sent exactly once."""

        def behave(number: int, writer: asyncio.StreamWriter) -> bool:
            if number != 2:
                _answer(writer)
            return number != 2

        async with raw_server(behave) as (raw, url), orders_api(account_at(url)) as api:
            await send(api)
            with pytest.raises(OrdersApiUnavailableError) as caught:
                await send(api)

            assert caught.value.outcome_unknown == (method != b"GET")
            assert raw.requests == [method] * 2

            await send(api)

            assert len(raw.requests) == 3

    async def test_cut_answer_leaves_the_outcome_open(self) -> None:
        """An answer that stops short says nothing about what VTEX did."""

        def behave(_: int, writer: asyncio.StreamWriter) -> bool:
            writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"receipt"')
            return False

        async with raw_server(behave) as (raw, url), orders_api(account_at(url)) as api:
            with pytest.raises(OrdersApiUnavailableError) as caught:
                await api.invoice("1-01", {})

        assert caught.value.outcome_unknown
        assert len(raw.requests) == 1

    async def test_silence_ends_in_time(self) -> None:
        """A server that never answers is given up after the timeout."""
        async with (
            raw_server(lambda *_: True) as (raw, url),
            orders_api(account_at(url), patience=0.1) as api,
        ):
            with pytest.raises(OrdersApiUnavailableError) as caught:
                await api.invoice("1-01", {})

        assert caught.value.outcome_unknown
        assert len(raw.requests) == 1


class TestGetOrder:
    async def test_who_asks_together_shares_the_answer(
        self, vtex: ScriptedVtex, api: OrdersApi
    ) -> None:
        """An order that many want at a time is asked for once, and is each one's own."""
        vtex.on(f"GET {ORDER}", Reply(200, {"orderId": "1-01"}))

        async with asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(api.get_order("1-01")) for _ in range(5)]
        answers = [each.result() for each in asking]

        assert answers == [{"orderId": "1-01"}] * 5
        assert len({id(answer) for answer in answers}) == 5
        assert len(vtex.asked) == 1

    async def test_the_urgent_waits_for_no_other(self, vtex: ScriptedVtex) -> None:
        """What is less urgent joins what is more, and not the other way round."""
        vtex.on(f"GET {ORDER}", Reply(200, {}))
        gate = Gate(per_minute=60_000)
        async with (
            orders_api(account_at(vtex.url), gate=gate) as urgent,
            asyncio.TaskGroup() as tasks,
        ):
            upkeep = urgent.at(Urgency.UPKEEP)
            await gate.hold(0.1)
            for client in (upkeep, urgent, upkeep, urgent, urgent.at(Urgency.NEWS)):
                tasks.create_task(client.get_order("1-01"))

        assert len(vtex.asked) == 2

    async def test_what_was_asked_before_a_change_is_not_shared(self) -> None:
        """Who asks while an answer is under way asks anew: it may be too old for him."""
        writers: list[asyncio.StreamWriter] = []
        asked, asked_again = asyncio.Event(), asyncio.Event()

        def behave(number: int, writer: asyncio.StreamWriter) -> bool:
            writers.append(writer)
            (asked_again if number > 1 else asked).set()
            return True

        async with (
            raw_server(behave) as (_, url),
            orders_api(account_at(url)) as api,
            asyncio.TaskGroup() as tasks,
        ):
            early = tasks.create_task(api.get_order("1-01"))
            await asked.wait()
            late = tasks.create_task(api.get_order("1-01"))
            await asked_again.wait()
            _answer(writers[0], b'{"orderId":"old"}')
            _answer(writers[1], b'{"orderId":"new"}')

        assert early.result() == {"orderId": "old"}
        assert late.result() == {"orderId": "new"}
