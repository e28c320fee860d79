"""Processes of the service and its writers that are killed, held and started again."""

import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from processes import ROOT, Service, running

_SETTINGS = {
    "PYTHONPATH": str(ROOT / "tests"),
    # Neither is of use here, and both cost time.
    "COVERAGE_PROCESS_CONFIG": "",
    "OTEL_METRICS_EXPORTER": "none",
}


class Unit:
    """One process and those that came in its place, with one file for what they say."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        module: str,
        settings: Mapping[str, str],
        folder: Path,
    ) -> None:
        self.name = name
        self.output = folder / f"{name}.log"
        self._arguments = arguments
        self._module = module
        self._settings = settings
        self._service: Service | None = None
        self._stack = ExitStack()

    def start(self) -> None:
        self._service = self._stack.enter_context(
            running(
                *self._arguments,
                module=self._module,
                settings={**_SETTINGS, **self._settings},
                output=self.output,
            )
        )

    def kill(self) -> None:
        """End it with SIGKILL, even if it stands still."""
        if self._service is not None:
            self._service.kill()
        self._service = None
        self._stack.close()

    def tell(self, what: signal.Signals) -> None:
        assert self._service is not None
        os.kill(self._service.process.pid, what)

    @property
    def exit_code(self) -> int | None:
        """Its exit code, None while it runs."""
        assert self._service is not None
        return self._service.process.poll()

    def said(self, *, since: int = 0) -> Iterator[Mapping[str, Any]]:
        """Return the lines of its log that are structured, from byte *since*."""
        with self.output.open("rb") as file:
            file.seek(since)
            for line in file:
                if line.startswith(b"{") and line.endswith(b"}\n"):
                    yield json.loads(line)

    @property
    def size(self) -> int:
        """How much it has said."""
        return self.output.stat().st_size


@contextmanager
def started(units: Sequence[Unit]) -> Iterator[None]:
    """Run *units* until the block ends."""
    try:
        for unit in units:
            unit.start()
        yield
    finally:
        for unit in units:
            unit.kill()
