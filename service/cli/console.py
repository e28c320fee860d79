"""What all commands share: the application, its settings, and how a command runs."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final

import typer
import uvloop
from rich.console import Console

from service.config import Settings
from service.errors import InvalidSettingsError
from service.eventlog.records import StreamKey
from service.garbage import collect_seldom
from service.publish.quiet import quieten_aiokafka
from service.spans import SpanMemory
from service.telemetry import set_up_logging, set_up_telemetry, shut_down_telemetry

RUN: Final = "Run the service"
CARE: Final = "Look after the service"
VTEX: Final = "Work with VTEX"
"""Under which of these `--help` and the docs show a command."""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Track the orders of VTEX stores: feed and hook in, an event log, "
    "Kafka and calls to VTEX out. Settings: docs/reference/configuration.md.",
)
# An error is a line, however long: whoever reads it from a log wraps it.
errors = Console(stderr=True, soft_wrap=True)


def dsn_of(settings: Settings) -> str:
    if settings.postgres_dsn is None:
        raise InvalidSettingsError("Set ORDER_TRACKING_POSTGRES_DSN to the database.")
    return settings.postgres_dsn.get_secret_value()


def stream_of(order: str) -> StreamKey:
    account, slash, order_id = order.partition("/")
    if not (account and slash and order_id):
        raise typer.BadParameter("Write the order as ACCOUNT/ORDER.")
    return StreamKey(account, order_id)


def set_up(settings: Settings, *spans: SpanMemory) -> None:
    set_up_logging(level=settings.log_level, style=settings.log_format)
    set_up_telemetry(*spans)
    quieten_aiokafka()


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run *work* until it ends or a signal asks it to; never longer than need be."""

    async def until_told() -> None:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for wanted in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(wanted, task.cancel)
        try:
            await task
        except asyncio.CancelledError:
            return

    collect_seldom()
    try:
        uvloop.run(until_told())
    finally:
        shut_down_telemetry()
