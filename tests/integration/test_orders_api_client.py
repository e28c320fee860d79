"""The client of the Orders API, against servers that answer by script."""

import gzip
from collections.abc import Callable, Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from service.config import Account
from service.errors import (
    CallRefusedError,
    CredentialsRefusedError,
    OrdersApiError,
    OrdersApiUnavailableError,
    ResourceNotFoundError,
    ThrottledError,
    UnreadableAnswerError,
)
from service.orders_api.client import OrdersApi
from service.orders_api.gate import Gate
from spans_kit import recorded_spans
from vtex import (
    TOKEN,
    Reply,
    ScriptedVtex,
    account_at,
    account_by_cookie,
    orders_api,
)

pytest_plugins = ("vtex_fixtures",)

ORDER = "/api/oms/pvt/orders/1-01"
PAYMENT = f"{ORDER}/payment-transaction"
RECEIPT = Reply(200, {"date": "2026-03-01", "orderId": "1-01", "receipt": "abc"})


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    with recorded_spans() as memory:
        yield memory


class TestOperations:
    async def test_names_in_the_path_are_quoted(
        self, vtex: ScriptedVtex, api: OrdersApi
    ) -> None:
        """An invoice's number is one segment of the path, whatever is in it."""
        vtex.on(f"PUT {ORDER}/invoice/a%2Fb%20c/tracking", RECEIPT)

        assert await api.update_tracking("1-01", "a/b c", {}) == (200, "abc")

    async def test_mappings_go_out_as_they_are(
        self, vtex: ScriptedVtex, api: OrdersApi
    ) -> None:
        """A body that is a mapping is sent as it is."""
        vtex.on(f"POST {ORDER}/cancel", RECEIPT)

        await api.cancel("1-01", {"reason": "x", "any": None})

        assert vtex.asked[0].body == b'{"reason":"x","any":null}'

    async def test_feed_configuration_comes_and_goes(
        self, vtex: ScriptedVtex, api: OrdersApi
    ) -> None:
        """The configuration is posted, read and deleted; a missing one is told."""
        path = "/api/orders/feed/config"
        vtex.on(f"POST {path}", Reply())
        vtex.on(f"DELETE {path}", Reply())
        vtex.on(f"GET {path}", Reply(200, {"quantity": 3}), Reply(404, {}))

        await api.configure_feed({"filter": {}})
        assert await api.feed_config() == {"quantity": 3}
        await api.delete_feed_config()
        with pytest.raises(ResourceNotFoundError):
            await api.feed_config()

    async def test_base_url_may_have_a_path(self, vtex: ScriptedVtex) -> None:
        """An account behind a gateway is addressed below the gateway's path."""
        vtex.on(f"GET /gateway{ORDER}", Reply(200, {"orderId": "1-01"}))

        async with orders_api(account_at(f"{vtex.url}gateway/")) as client:
            assert await client.get_order("1-01") == {"orderId": "1-01"}

    @pytest.mark.parametrize("name", ["", ".", ".."])
    async def test_names_that_are_steps_are_never_sent(
        self, vtex: ScriptedVtex, api: OrdersApi, name: str
    ) -> None:
        """A name that would turn one operation into another is refused unsent."""
        with pytest.raises(ResourceNotFoundError):
            await api.update_tracking("1-01", name, {})

        assert vtex.asked == []


class TestFailures:
    async def test_refusal_keeps_vtex_words(
        self, vtex: ScriptedVtex, api: OrdersApi
    ) -> None:
        """A conflict is final and says why, in VTEX's code and words."""
        error = {"error": {"code": "OMS003", "message": "not ready"}}
        vtex.on(f"POST {ORDER}/start-handling", Reply(409, error))

        with pytest.raises(CallRefusedError) as caught:
            await api.start_handling("1-01")

        assert (caught.value.status, caught.value.vtex_code) == (409, "OMS003")
        assert caught.value.reason == "not ready"

    async def test_redirect_is_not_followed(
        self, vtex: ScriptedVtex, api: OrdersApi
    ) -> None:
        """Whatever VTEX redirects to, our credentials do not go there."""
        vtex.on(f"GET {ORDER}", Reply(302, headers={"Location": "/elsewhere"}))

        with pytest.raises(CallRefusedError):
            await api.get_order("1-01")

        assert len(vtex.asked) == 1

    async def test_throttling_holds_the_account(
        self, vtex: ScriptedVtex, api: OrdersApi
    ) -> None:
        """After a 429 nobody who shares the account's gate sends for a minute."""
        vtex.on(f"GET {ORDER}", Reply(429, headers={"Retry-After": "1"}))

        with pytest.raises(ThrottledError):
            await api.get_order("1-01")

        assert api.gate.held_for == pytest.approx(60, abs=2)

    async def test_wrong_token(self, vtex: ScriptedVtex, api: OrdersApi) -> None:
        """A refused token is told with what to do, and without the token."""
        vtex.on(f"GET {ORDER}", Reply(401, {"error": {"message": TOKEN}}))

        with pytest.raises(CredentialsRefusedError) as caught:
            await api.get_order("1-01")

        assert "acme" in str(caught.value)
        assert TOKEN not in str(caught.value)

    async def test_large_order_is_read(
        self, vtex: ScriptedVtex, api: OrdersApi
    ) -> None:
        """An order of ten megabytes is an order."""
        order = {"orderId": "1-01", "customData": "x" * 10_000_000}
        vtex.on(f"GET {ORDER}", Reply(200, order))

        assert await api.get_order("1-01") == order

    @pytest.mark.parametrize("compressed", [False, True])
    async def test_flood_is_cut_off(
        self, vtex: ScriptedVtex, api: OrdersApi, *, compressed: bool
    ) -> None:
        """An answer that does not end is given up at the operation's limit."""
        flood = b"[" + b" " * 3_000_000 + b"]"
        headers = {"Content-Encoding": "gzip"} if compressed else {}
        body = gzip.compress(flood) if compressed else flood
        vtex.on(f"GET {PAYMENT}", Reply(200, body=body, headers=headers))

        with pytest.raises(UnreadableAnswerError):
            await api.get_payment_transaction("1-01")

    async def test_page_instead_of_an_order(
        self, vtex: ScriptedVtex, api: OrdersApi
    ) -> None:
        """A page answered with 200 counts as VTEX being away."""
        page = Reply(200, body=b"<html>", headers={"Content-Type": "text/html"})
        vtex.on(f"GET {ORDER}", page)

        with pytest.raises(OrdersApiUnavailableError):
            await api.get_order("1-01")

    async def test_nobody_listens(self) -> None:
        """Without a connection nothing was sent, so nothing is unknown."""
        async with orders_api(account_at("http://127.0.0.1:1")) as client:
            with pytest.raises(OrdersApiUnavailableError) as caught:
                await client.invoice("1-01", {})

        assert not caught.value.outcome_unknown


class TestTelemetry:
    async def test_each_request_has_a_span(
        self,
        vtex: ScriptedVtex,
        api: OrdersApi,
        spans: InMemorySpanExporter,
    ) -> None:
        """A request is a client span that names the operation, the order and the end."""
        vtex.on(f"POST {ORDER}/invoice", RECEIPT)

        await api.invoice("1-01", {}, resend_count=2)

        (span,) = spans.get_finished_spans()
        attributes = dict(span.attributes or {})
        assert (span.name, span.kind) == ("POST invoice", SpanKind.CLIENT)
        assert attributes["url.template"] == "/api/oms/pvt/orders/{orderId}/invoice"
        assert attributes["http.request.method"] == "POST"
        assert attributes["http.response.status_code"] == 200
        assert attributes["http.request.resend_count"] == 2
        assert attributes["server.address"] == "127.0.0.1"
        assert attributes["order_tracking.order_id"] == "1-01"

    @pytest.mark.parametrize(
        ("reply", "error_type"),
        [
            (Reply(500), "500"),
            (Reply(404), "404"),
            (Reply(200, body=b"x" * 2_000_000), "UnreadableAnswerError"),
        ],
    )
    async def test_failure_shows_on_the_span(
        self,
        vtex: ScriptedVtex,
        api: OrdersApi,
        spans: InMemorySpanExporter,
        reply: Reply,
        error_type: str,
    ) -> None:
        """A failed request's span says so, and why."""
        vtex.on(f"GET {PAYMENT}", reply)

        with pytest.raises(OrdersApiError):
            await api.get_payment_transaction("1-01")

        (span,) = spans.get_finished_spans()
        assert span.status.status_code == StatusCode.ERROR
        assert (span.attributes or {})["error.type"] == error_type

    async def test_trace_goes_on_at_vtex(
        self,
        vtex: ScriptedVtex,
        api: OrdersApi,
        spans: InMemorySpanExporter,
    ) -> None:
        """The span's context travels with the request."""
        vtex.on(f"GET {ORDER}", Reply(200, {}))

        await api.get_order("1-01")

        (span,) = spans.get_finished_spans()
        assert span.context is not None
        span_id = trace.format_span_id(span.context.span_id)
        assert span_id in vtex.asked[0].headers["traceparent"]

    @pytest.mark.parametrize("account", [account_at, account_by_cookie])
    async def test_secrets_stay_out(
        self,
        vtex: ScriptedVtex,
        spans: InMemorySpanExporter,
        capsys: pytest.CaptureFixture[str],
        account: Callable[[str], Account],
    ) -> None:
        """Neither token nor handle is in a span or a log line, even when VTEX fails."""
        echo = {"error": {"message": "bad handle very-secret-handle" + "x" * 40}}
        vtex.on("POST /api/orders/feed", Reply(400, echo), Reply(429, echo))

        async with orders_api(account(vtex.url)) as client:
            for _ in range(2):
                with pytest.raises((CallRefusedError, ThrottledError)):
                    await client.commit_feed(["very-secret-handle" + "x" * 40])

        told = "".join(span.to_json() for span in spans.get_finished_spans()) + "".join(
            capsys.readouterr()
        )
        assert "account held" in told
        assert "very-secret-handle" not in told
        assert TOKEN not in told


class TestGate:
    async def test_every_request_passes_it(self, vtex: ScriptedVtex) -> None:
        """The account's rate holds for all operations together."""
        vtex.on(f"GET {ORDER}", Reply(200, {}))
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            hours[0] += seconds

        hours = [0.0]
        gate = Gate(per_minute=60, monotonic=lambda: hours[0], sleep=sleep)
        async with orders_api(account_at(vtex.url), gate=gate) as client:
            for _ in range(4):
                await client.get_order("1-01")

        assert sum(slept) == pytest.approx(2)
