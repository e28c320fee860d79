"""The command line, typed at in this process."""

import os
import sys
from io import BytesIO, TextIOWrapper
from typing import NamedTuple

import pytest

from service.__main__ import main


class Ended(NamedTuple):
    """How a command ended, and the lines that it wrote."""

    code: str | int | None
    out: list[str]
    err: list[str]


class Terminal:
    """Types commands, as in a shell that has none of our settings."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        for name in os.environ:
            if name.startswith("ORDER_TRACKING_"):
                monkeypatch.delenv(name)

    def run(self, *words: str, stdin: bytes = b"") -> Ended:
        self._monkeypatch.setattr(sys, "argv", ["order-tracking", *words])
        self._monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capsys.readouterr()
        return Ended(ended.value.code, out.splitlines(), err.splitlines())

    def refusal(self, *words: str, **settings: str) -> str:
        """Return the one line with which a command refuses to start."""
        for name, value in settings.items():
            self._monkeypatch.setenv(name, value)
        ended = self.run(*words)
        assert (ended.code, ended.out) == (1, [])
        [line] = ended.err
        return line
