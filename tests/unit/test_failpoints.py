"""Failpoints are where the list says, do nothing unless asked, and then end the process."""

import ast
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

import service.orders_api.feed
import service.orders_api.invoices
import service.orders_api.orders
from processes import ROOT
from service.config import settings_from_env
from service.errors import InvalidSettingsError
from service.failpoints import POINTS, VARIABLE, arm, reached
from service.orders_api.answer import Operation

MOMENTS = {
    "connection": ("before", "after"),
    "transaction": ("before-commit", "after-commit"),
}


def points_of_code() -> Iterator[str]:
    """Find each point that some module names."""
    for path in (ROOT / "service").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield from points_of_call(node.func.id, node.args)


def points_of_call(function: str, arguments: list[ast.expr]) -> Iterator[str]:
    words = [str(a.value) for a in arguments if isinstance(a, ast.Constant)]
    match function, arguments:
        case "reached", [ast.Constant(), *_]:
            yield ".".join(words)
        case "reached", [ast.JoinedStr(), _]:
            yield from (f"{name}.{words[0]}" for name in operations())
        case "connection" | "transaction", [_, ast.Constant()]:
            yield from (f"{words[0]}.{moment}" for moment in MOMENTS[function])
        case _:
            pass


def operations() -> Iterator[str]:
    """Name all of VTEX's operations that the service calls by itself."""
    rooms = (
        service.orders_api.feed,
        service.orders_api.invoices,
        service.orders_api.orders,
    )
    known = (found for room in rooms for found in vars(room).values())
    for operation in known:
        # Feeds are made and removed once in their lives, and few still have the old one;
        # a purchase's orders are read by the reconciler alone.
        seldom = (
            "POST feed config",
            "DELETE feed config",
            "GET feed v2",
            "GET order group",
        )
        if isinstance(operation, Operation) and str(operation) not in seldom:
            yield f"{operation.method}.{operation.name}"


class TestPoints:
    def test_are_those_of_the_code(self) -> None:
        """Each point of the list is somewhere in the code, and each of the code listed."""
        assert set(points_of_code()) == set(POINTS)

    def test_are_many(self) -> None:
        """Every step that is durable by itself has one on either side."""
        assert len(POINTS) >= 50


class TestReached:
    @pytest.fixture(autouse=True)
    def _disarmed(self) -> Iterator[None]:
        yield
        arm(None)

    def test_does_nothing_unless_asked(self) -> None:
        """Without a word, and at any other point, the process goes on."""
        reached("append.after")
        arm("append.after")

        reached("append", "before")

    @pytest.mark.parametrize("times", ["", ":1", ":3"])
    def test_ends_the_process(self, times: str) -> None:
        """The process dies at once, the first time or the one that is asked for."""
        script = (
            "from service.failpoints import arm, reached\n"
            f"arm('append.after{times}')\n"
            "for number in range(5):\n"
            "    print(number, flush=True)\n"
            "    reached('append', 'after')\n"
        )
        ended = subprocess.run(  # noqa: S603  # every word is ours
            (sys.executable, "-c", script),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

        assert ended.returncode == -signal.SIGKILL
        assert ended.stderr.splitlines()[-1] == "failpoint append.after"
        assert len(ended.stdout.split()) == int(times[1:] or 1)


class TestArm:
    @pytest.mark.parametrize(
        "wanted", ["", "append", "append.after:", "append.after:x", "append.after:-1"]
    )
    def test_refuses_what_there_is_not(
        self, monkeypatch: pytest.MonkeyPatch, wanted: str
    ) -> None:
        """A misspelt point stops the start instead of being ignored."""
        monkeypatch.setenv(VARIABLE, wanted)

        with pytest.raises(InvalidSettingsError, match=VARIABLE):
            settings_from_env()
