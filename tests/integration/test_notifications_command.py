"""`order-tracking feed` and `hook`: what is at VTEX, and how it is put right."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from typing_extensions import override

from service.sandbox.accounts import SANDBOX_STORE, Credentials
from service.sandbox.thread import SandboxThread, sandbox_thread
from terminal import Terminal

SECRET = "s3cret-word"  # noqa: S105 - it opens nothing
NAME = SANDBOX_STORE.account
SECOND = Credentials(account=NAME, app_key="second", app_token="x")  # noqa: S106


class _Willing(BaseHTTPRequestHandler):
    """Answers every ping with 200."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def receiver() -> Iterator[str]:
    """Listen where a hook may go to."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Willing)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def store() -> Iterator[SandboxThread]:
    with sandbox_thread(
        seed=1, orders_per_minute=0, credentials=(SANDBOX_STORE, SECOND)
    ) as running:
        yield running


@pytest.fixture
def terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    return Terminal(monkeypatch, capsys)


@pytest.fixture
def settle(monkeypatch: pytest.MonkeyPatch, store: SandboxThread) -> Any:
    """Return what sets the account's settings."""

    def set_account(**more: object) -> None:
        account = {
            "name": NAME,
            "base_url": store.url,
            "app_key": SANDBOX_STORE.app_key,
            "app_token": SANDBOX_STORE.app_token,
        }
        monkeypatch.setenv("ORDER_TRACKING_ACCOUNTS", json.dumps([account | more]))

    return set_account


class TestFeed:
    def test_whole_life(self, terminal: Terminal, settle: Any) -> None:
        """Missing, made, as wanted, changed with the settings, deleted."""
        second = {"app_key": SECOND.app_key, "app_token": SECOND.app_token}
        settle(tracking_feed=second)
        missing = terminal.run("feed", "show")
        made = terminal.run("feed", "apply", "--account", NAME)
        again = terminal.run("feed", "apply")
        shown = terminal.run("feed", "show")
        settle(tracking_feed=second, statuses=["invoiced"])
        changed = terminal.run("feed", "apply")
        deleted = terminal.run("feed", "delete")
        gone = terminal.run("feed", "delete", "--account", NAME)

        assert missing.code == 1
        assert f"{NAME} feed: It is missing." in missing.out
        assert (made.code, made.out) == (
            0,
            [
                f"{NAME} feed: was put right: It is missing.",
                f"{NAME} tracking-feed: was put right: It is missing.",
            ],
        )
        assert again.out == [
            f"{NAME} feed: is as the settings say",
            f"{NAME} tracking-feed: is as the settings say",
        ]
        assert (shown.code, len(shown.out)) == (0, 2)
        assert '"FromWorkflow"' in shown.out[0]
        assert '"FromOrders"' in shown.out[1]
        assert changed.code == 0
        assert changed.out[0].startswith(f"{NAME} feed: was put right: It also tells")
        assert deleted.out == [
            f"{NAME} feed: deleted",
            f"{NAME} tracking-feed: deleted",
        ]
        assert gone.out[0] == f"{NAME} feed: there was none"


class TestHook:
    def test_whole_life(self, terminal: Terminal, settle: Any) -> None:
        """Missing, made, shown without its secret, deleted."""
        with receiver() as url:
            settle(hook_url=url, hook_secret=SECRET)
            missing = terminal.run("hook", "show")
            made = terminal.run("hook", "apply")
            shown = terminal.run("hook", "show")
            settle(hook_url=f"{url}/other", hook_secret="another")  # noqa: S106
            differing = terminal.run("hook", "show")
            deleted = terminal.run("hook", "delete")

        assert missing.out == [f"{NAME} hook: none", f"{NAME} hook: It is missing."]
        assert (made.code, made.out) == (
            0,
            [f"{NAME} hook: was put right: It is missing."],
        )
        assert (shown.code, len(shown.out)) == (0, 1)
        assert '"***"' in shown.out[0]
        assert differing.code == 1
        assert differing.out[1:] == [
            f"{NAME} hook: It goes to {url}, not to {url}/other.",
            f"{NAME} hook: It sends another x-order-tracking-secret.",
        ]
        assert SECRET not in str((missing, made, shown, differing, deleted))
        assert deleted.out == [f"{NAME} hook: deleted"]

    def test_address_without_an_answer(self, terminal: Terminal, settle: Any) -> None:
        """What VTEX refuses is told in a line, without a traceback."""
        settle(hook_url="http://127.0.0.1:1/hook", hook_secret=SECRET)

        ended = terminal.run("hook", "apply")

        assert ended.code == 1
        assert "VTEX refuses POST hook config with 400" in ended.err[0]

    def test_nothing_is_said_of_it(self, terminal: Terminal, settle: Any) -> None:
        """Without an address in the settings nothing is changed, and nothing is wrong."""
        settle()

        applied, shown = terminal.run("hook", "apply"), terminal.run("hook", "show")

        assert applied.code == shown.code == 0
        assert applied.out == [
            f"{NAME} hook: the settings say nothing of it, nothing is changed"
        ]


class TestAccounts:
    def test_unknown_account(self, terminal: Terminal, settle: Any) -> None:
        """An account that is not in the settings is refused by name."""
        settle()

        assert (
            "no account globex"
            in terminal.run("feed", "show", "--account", "globex").err[0]
        )
