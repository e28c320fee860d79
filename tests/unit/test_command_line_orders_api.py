"""`order-tracking orders-api` before it sends anything: its list, and what it refuses."""

import json
from pathlib import Path

import pytest

from service.cli.orders_api import next_step
from service.errors import (
    CallRefusedError,
    CredentialsRefusedError,
    OrdersApiError,
    OrdersApiUnavailableError,
    ResourceNotFoundError,
    ThrottledError,
    UnreadableAnswerError,
)
from service.orders_api.operations import OPERATIONS
from terminal import Ended, Terminal

ACCOUNT = {"base_url": "http://127.0.0.1:1", "app_key": "key", "app_token": "secret"}


@pytest.fixture
def terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    for name in ("VTEX_APP_KEY", "VTEX_APP_TOKEN", "VTEX_AUTH_COOKIE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERMINAL_WIDTH", "500")
    return Terminal(monkeypatch, capsys)


def words(ended: Ended) -> str:
    return " ".join(" ".join(ended.err).replace("│", " ").split())


class TestList:
    @pytest.mark.parametrize("arguments", [(), ("--list",), ("get-order", "--list")])
    def test_shows_all(self, terminal: Terminal, arguments: tuple[str, ...]) -> None:
        """The list has each operation, with its arguments, its body and VTEX's name."""
        ended = terminal.run("orders-api", *arguments)
        shown = [line.split() for line in ended.out if not line.startswith(" ")]

        assert ended.code == 0
        assert [line[0] for line in shown] == [
            each.call.replace("_", "-") for each in OPERATIONS
        ]
        assert ["get-order", "ORDER_ID", "Get", "order"] in shown
        assert any(
            line[:5]
            == ["update-invoice", "ORDER_ID", "INVOICE_NUMBER", "--body", "FILE"]
            for line in shown
        )
        assert "    --query maxlot=" in ended.out


class TestUsage:
    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (("get-ordr", "1-01"), "No operation get-ordr; --list shows all"),
            (("get-order",), "Write it as: get-order ORDER_ID"),
            (("get-order", "1-01", "2-01"), "Write it as: get-order ORDER_ID"),
            (("get-change", "1-01"), "get-change CHANGE_ORDER_ID CHANGE_REQUEST_ID"),
            (("list-orders", "--query", "f_staus=x"), "list-orders takes f_creation"),
            (("list-orders", "--query", "f_status"), "Write --query NAME=VALUE"),
            (("get-order", "1-01", "--query", "a=b"), "takes no parameters"),
            (("get-order", "1-01", "--body", "-"), "get-order takes no --body"),
            (("invoice", "1-01"), "Write it as: invoice ORDER_ID --body FILE"),
            (("invoice", "1-01", "--body", "no.json"), "no.json cannot be read"),
            (("get-order", "1-01", "--base-url", "http://x"), "by --account"),
        ],
    )
    def test_mistakes_are_told_with_what_to_write(
        self, terminal: Terminal, arguments: tuple[str, ...], told: str
    ) -> None:
        """What cannot be sent is not, and the message says how it is written."""
        ended = terminal.run("orders-api", *arguments)

        assert (ended.code, ended.out) == (2, [])
        assert told in words(ended)

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            (b"{", "- holds no JSON"),
            (b"[]", "it: Input should be a valid"),
            (b'{"handles": "h1"}', "handles: Input should be a valid"),
            (b"{}", "handles: Field required"),
            (b'{"handles": ["very secret", 7]}', "handles.1: Input should be"),
        ],
    )
    def test_bodies_that_do_not_fit(
        self, terminal: Terminal, body: bytes, told: str
    ) -> None:
        """A body is checked before it is sent, and its fault told without its content."""
        ended = terminal.run("orders-api", "commit-feed", "--body", "-", stdin=body)

        assert (ended.code, ended.out) == (2, [])
        assert told in words(ended)
        assert "secret" not in words(ended)


class TestAccount:
    @pytest.mark.parametrize(
        ("names", "options", "told"),
        [
            ((), (), "has none"),
            (("acme", "beta"), (), "has acme, beta"),
            (("acme",), ("--account", "beta"), "has acme"),
        ],
    )
    def test_must_be_one(
        self,
        terminal: Terminal,
        *,
        names: tuple[str, ...],
        options: tuple[str, ...],
        told: str,
    ) -> None:
        """Without a choice that the settings know, those that they have are named."""
        accounts = json.dumps([{"name": name, **ACCOUNT} for name in names])
        line = terminal.refusal(
            *("orders-api", "feed-config", *options), ORDER_TRACKING_ACCOUNTS=accounts
        )

        assert "Choose one account by --account" in line
        assert told in line

    @pytest.mark.parametrize(
        ("given", "told"),
        [
            ({}, "give app_key and app_token, or else auth_cookie"),
            ({"VTEX_APP_KEY": "key"}, "app_key and app_token are given together"),
            (
                {"VTEX_APP_KEY": "k", "VTEX_APP_TOKEN": "t", "VTEX_AUTH_COOKIE": "c"},
                "or else auth_cookie",
            ),
        ],
    )
    def test_elsewhere_needs_one_way_in(
        self, terminal: Terminal, given: dict[str, str], told: str
    ) -> None:
        """An address of one's own takes its credentials from the environment."""
        there = ("--account", "acme", "--base-url", "http://127.0.0.1:1")
        line = terminal.refusal("orders-api", "feed-config", *there, **given)

        assert told in line
        assert "credentials come from VTEX_APP_KEY, VTEX_APP_TOKEN" in line

    def test_address_must_be_one(self, terminal: Terminal, tmp_path: Path) -> None:
        """What is no address is named, and no credential with it."""
        there = ("--account", "acme", "--base-url", "nowhere")
        line = terminal.refusal(
            *("orders-api", "feed-config", *there), VTEX_AUTH_COOKIE="very-secret"
        )

        assert "base_url" in line
        assert "secret" not in line


class TestNextStep:
    @pytest.mark.parametrize(
        ("error", "told"),
        [
            (ThrottledError("x", retry_after=61.2), "send it again in 61 s"),
            (OrdersApiUnavailableError("x"), "Nothing was done; send it again later"),
            (OrdersApiUnavailableError("x", outcome_unknown=True), "look there before"),
            (
                UnreadableAnswerError("x", size=1, outcome_unknown=True),
                "look there before",
            ),
            (CredentialsRefusedError("x"), "credentials do not open this"),
            (
                CallRefusedError("x", status=409, vtex_code=None, reason=""),
                "change the request",
            ),
            (
                ResourceNotFoundError("x", status=404, vtex_code=None, reason=""),
                "check the arguments",
            ),
        ],
    )
    def test_follows_from_the_error(self, error: OrdersApiError, told: str) -> None:
        """Each kind of failure leads to another step."""
        assert told in next_step(error)
