"""What an answer of VTEX means, and what of it may be told."""

import pytest

from service.errors import (
    CallRefusedError,
    CredentialsRefusedError,
    OrdersApiUnavailableError,
    ResourceNotFoundError,
    ThrottledError,
    UnreadableAnswerError,
)
from service.orders_api.answer import Answer, Operation
from service.orders_api.failures import failure_of
from service.orders_api.receipt import Receipt

READ = Operation(method="GET", name="thing", path="/thing", title="Thing", call="thing")
WRITE = Operation(
    method="PUT", name="thing", path="/thing", title="Thing", call="thing"
)


def answer(
    status: int = 200,
    body: bytes = b"{}",
    *,
    operation: Operation = READ,
    headers: dict[str, str] | None = None,
) -> Answer:
    return Answer(operation=operation, status=status, headers=headers or {}, body=body)


def failure(given: Answer) -> Exception | None:
    return failure_of(given, account="acme")


class TestFailureOf:
    @pytest.mark.parametrize("status", [200, 201, 202, 204])
    def test_success_is_none(self, status: int) -> None:
        """An answer that says so is a success."""
        assert failure(answer(status)) is None

    @pytest.mark.parametrize(
        ("headers", "hold"),
        [
            ({}, 60),
            ({"Retry-After": "5"}, 60),
            ({"Retry-After": "120"}, 120),
            ({"Retry-After": "soon"}, 60),
            ({"Retry-After": "-1"}, 60),
            ({"Retry-After": "9" * 400}, 86_400),
            (
                {
                    "Retry-After": "Mon, 02 Mar 2026 12:03:00 GMT",
                    "Date": "Mon, 02 Mar 2026 12:00:00 GMT",
                },
                180,
            ),
            ({"Retry-After": "Mon, 02 Mar 2026 12:03:00 GMT"}, 60),
        ],
    )
    def test_429_holds_a_minute_or_longer(
        self, headers: dict[str, str], hold: float
    ) -> None:
        """A 429 holds for what VTEX asks, but for a minute at least and a day at most."""
        throttled = failure(answer(429, headers=headers))

        assert isinstance(throttled, ThrottledError)
        assert throttled.retry_after == hold
        assert not throttled.outcome_unknown

    def test_503_with_retry_after_holds_as_asked(self) -> None:
        """A 503 that names a time is a wish to wait, and no attempt."""
        throttled = failure(answer(503, headers={"Retry-After": "7"}))

        assert isinstance(throttled, ThrottledError)
        assert throttled.retry_after == 7

    @pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
    def test_failures_of_vtex_are_tried_again(self, status: int) -> None:
        """VTEX may have done what it failed to answer, unless it was only asked."""
        read = failure(answer(status))
        written = failure(answer(status, operation=WRITE))

        assert isinstance(read, OrdersApiUnavailableError)
        assert isinstance(written, OrdersApiUnavailableError)
        assert not read.outcome_unknown
        assert written.outcome_unknown

    @pytest.mark.parametrize("status", [401, 403])
    def test_credentials(self, status: int) -> None:
        """A refused key is told apart, for it concerns the whole account."""
        assert isinstance(failure(answer(status)), CredentialsRefusedError)

    @pytest.mark.parametrize("status", [301, 302, 400, 409, 422])
    def test_refusals_are_final(self, status: int) -> None:
        """What VTEX refuses, and where it would send us instead, is not tried again."""
        refused = failure(answer(status))

        assert isinstance(refused, CallRefusedError)
        assert refused.status == status

    def test_404_is_a_refusal_of_its_own(self) -> None:
        """What is not there is refused, and told apart."""
        assert isinstance(failure(answer(404)), ResourceNotFoundError)

    def test_page_is_no_answer(self) -> None:
        """A 200 with a page is somebody else's answer: nothing is known."""
        page = answer(
            operation=WRITE,
            body=b"<html></html>",
            headers={"Content-Type": "text/html; charset=utf-8"},
        )
        unavailable = failure(page)

        assert isinstance(unavailable, OrdersApiUnavailableError)
        assert unavailable.outcome_unknown


class TestRefusal:
    @pytest.mark.parametrize(
        ("body", "code", "reason"),
        [
            (
                b'{"error":{"code":"OMS003","message":"not ready","exception":null}}',
                "OMS003",
                "not ready",
            ),
            (b'{"code":7,"Message":"no"}', "7", "no"),
            (b'{"title":"Conflict","detail":"mixed","status":409}', None, "mixed"),
            (b'"plain words"', None, "plain words"),
            (b'{"error":"just words"}', None, "just words"),
            (b"{}", None, ""),
            (b"<html>", None, "an answer that is no JSON"),
            (b"", None, "an answer that is no JSON"),
            (b"[" * 100_000, None, "an answer that is no JSON"),
        ],
    )
    def test_every_wording_is_read(
        self, body: bytes, code: str | None, reason: str
    ) -> None:
        """Code and reason are found however the service behind the API words them."""
        assert answer(400, body).refusal() == (code, reason)

    @pytest.mark.parametrize(
        "private",
        [
            "ana.souza@example.com",
            "123.456.789-09",
            "+55 (81) 99999-1234",
            "eyJhbGciOiJIUzI1NiJ9.eyJhcHAiOiJhIn0.c2lnbmF0dXJlMTIz",
        ],
    )
    def test_nothing_private_is_told(self, private: str) -> None:
        """E-mails, documents, telephone numbers and tokens are left out."""
        body = f'{{"message":"no, {private} may not"}}'.encode()

        assert answer(400, body).refusal().reason == "no, [removed] may not"

    def test_reason_is_short_and_of_one_line(self) -> None:
        """An operator sees two hundred characters at most, and no control characters."""
        body = b'{"message":"a\\n\\u0000b ' + b"word " * 100 + b'"}'
        reason = answer(400, body).refusal().reason

        assert reason.startswith("a b word")
        assert len(reason) == 200


class TestContent:
    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"'])
    def test_other_than_an_object_is_unreadable(self, body: bytes) -> None:
        """A body that is no JSON object is told with its size, not its content."""
        with pytest.raises(UnreadableAnswerError) as caught:
            answer(body=body).json_object()

        assert caught.value.size == len(body)
        assert not caught.value.outcome_unknown

    def test_unreadable_receipt_leaves_the_outcome_open(self) -> None:
        """When a change was answered with nonsense, nobody knows whether it was made."""
        with pytest.raises(UnreadableAnswerError) as caught:
            Receipt.of(answer(body=b"done!", operation=WRITE))

        assert caught.value.outcome_unknown

    def test_lone_surrogates_are_read(self) -> None:
        """JSON that only a lenient reader takes is read all the same."""
        content = answer(body=b'[{"state":"\\ud800","value":NaN}]').json_array()

        assert len(content) == 1

    def test_receipt_is_optional(self) -> None:
        """An empty answer, or one without a receipt, is a success without a receipt."""
        assert Receipt.of(answer(204, b"")) == (204, None)
        assert Receipt.of(answer(200, b'{"orderId":"1"}')) == (200, None)
        assert Receipt.of(answer(200, b'{"receipt":"abc"}')) == (200, "abc")
