"""The service's own command line as a child process that cannot outlive its test."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from service.embedded.identity import OWN, launch
from service.sandbox.accounts import Credentials

ROOT = Path(__file__).parents[1]

# What a process needs to run at all, and to be measured by coverage.
_KEPT = ("PATH", "HOME", "LD_LIBRARY_PATH", "COVERAGE_PROCESS_CONFIG", "COVERAGE_FILE")
_LONGEST_TAIL = 6_000


@dataclass(frozen=True, slots=True)
class Service:
    """A running `order-tracking` command, and the file that has what it says."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def kill(self) -> None:
        """End it with SIGKILL: it gets no chance to put anything in order."""
        self.process.kill()
        self.process.wait()

    def interrupt(self, *, within: float) -> int:
        """End it with SIGINT, as Ctrl-C does, and return its exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(within)

    def family(self) -> list[psutil.Process]:
        """Return the processes that it has started, and those that these have."""
        return psutil.Process(self.process.pid).children(recursive=True)


@contextmanager
def running(
    *arguments: str, settings: Mapping[str, str], output: Path, module: str = "service"
) -> Iterator[Service]:
    """Run `order-tracking` with *arguments*; a failing test shows what it said.

    Another *module* may stand in its place.
    """
    with (
        output.open("ab") as opened,
        subprocess.Popen(  # noqa: S603  # every word is ours
            (
                *launch(OWN, signal.SIGKILL, ROOT),
                *(sys.executable, "-m", module, *arguments),
            ),
            env=environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=opened,
            stderr=subprocess.STDOUT,
        ) as process,
        told(output),
    ):
        try:
            yield Service(process, output)
        finally:
            process.kill()


@contextmanager
def told(output: Path) -> Iterator[None]:
    """Add what a process wrote to *output* to whatever goes wrong in the block."""
    try:
        yield
    except BaseException as error:
        text = output.read_text(errors="replace")[-_LONGEST_TAIL:]
        error.add_note(f"{output.name}:\n{text}")
        raise


def run(
    *arguments: str, settings: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `order-tracking` with *arguments* to its end."""
    return subprocess.run(  # noqa: S603  # every word is ours
        (sys.executable, "-m", "service", *arguments),
        cwd=ROOT,
        env=environment(settings),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return an environment with *settings* and nothing else of ours in it."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | dict(settings)


def accounts(url: str, known: Iterable[Credentials]) -> str:
    """Return the setting that follows *known* accounts of the sandbox at *url*."""
    return json.dumps(
        [
            {
                "name": credentials.account,
                "base_url": url,
                "app_key": credentials.app_key,
                "app_token": credentials.app_token,
            }
            for credentials in known
        ]
    )


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        port: int = candidate.getsockname()[1]
        return port
