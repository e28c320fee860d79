"""A sandbox in a thread of its own, for programs and tests that have no event loop."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, TypeVar

from service.sandbox.accounts import Credentials
from service.sandbox.document import order_document
from service.sandbox.fault_rules import FaultRule
from service.sandbox.invention import Wish
from service.sandbox.server import Sandbox, sandbox

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class SandboxThread:
    """A running sandbox, seen from outside its thread; every method waits."""

    _sandbox: Sandbox
    _loop: asyncio.AbstractEventLoop

    @property
    def url(self) -> str:
        return self._sandbox.url

    @property
    def credentials(self) -> Credentials:
        """Return those of its first account."""
        return self._sandbox.credentials[0]

    @property
    def headers(self) -> dict[str, str]:
        """Return what a request to the Orders API carries."""
        return self.credentials.headers()

    def place(self, **wish: Any) -> str:
        """Place an order as *wish* says, and return its id.

        Raises:
            ValidationError: There is no such wish.
        """
        wanted = Wish(**wish)
        return self.inside(
            lambda running: (
                running.oms.place_order(self.credentials.account, wanted).order_id
            )
        )

    def order(self, order_id: str) -> dict[str, Any]:
        """Return an order as Get order answers it.

        Raises:
            OrderUnknownError: There is none.
        """
        account = self.credentials.account
        return self.inside(
            lambda running: dict(order_document(running.oms.order(account, order_id)))
        )

    def fail(self, name: str | None = None, **rule: Any) -> None:
        """Let something go wrong from now on: a fault by its *name*, or as *rule* says.

        Raises:
            ValidationError: There is no such fault.
        """
        wanted = FaultRule(name=name, **rule)
        self.inside(lambda running: running.faults.add(wanted))

    def advance(self, seconds: float) -> None:
        """Let the manual clock run, and do what comes due.

        Raises:
            TypeError: This sandbox follows the system's clock.
        """
        self._wait(self._sandbox.advance(seconds))

    def inside(self, call: Callable[[Sandbox], _T]) -> _T:
        """Return what *call* returns in the sandbox's own thread."""

        async def run() -> _T:
            return call(self._sandbox)

        return self._wait(run())

    def _wait(self, coroutine: Coroutine[None, None, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


@contextmanager
def sandbox_thread(**options: Any) -> Iterator[SandboxThread]:
    """Run `service.sandbox.server.sandbox` with *options* in a thread.

    Raises:
        InvalidSettingsError: Correct the named option.
        UnavailableError: The port is taken.
    """
    started: Future[SandboxThread] = Future()
    stop = Event()

    async def live() -> None:
        async with sandbox(**options) as running:
            started.set_result(SandboxThread(running, asyncio.get_running_loop()))
            await asyncio.to_thread(stop.wait)

    def main() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:
            # Before it runs, whoever waits is told; later, the thread's own hook is.
            if started.done():
                raise
            started.set_exception(error)

    thread = Thread(target=main, name="sandbox", daemon=True)
    thread.start()
    try:
        yield started.result()
    finally:
        stop.set()
        thread.join()
