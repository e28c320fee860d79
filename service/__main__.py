"""The command line."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Coroutine, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO
from uuid import UUID

import typer
import uvloop
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from typing_extensions import override

from service.app import serve as run_roles
from service.clock import SystemClock
from service.config import ROLES, Role, Settings, settings_from_env
from service.db import migrate as migrate_database
from service.db import open_pool
from service.domain.document import normalise
from service.domain.stage import stage_of, triggers
from service.errors import (
    InvalidSettingsError,
    NothingToReplayError,
    ServiceError,
    UnreadableOrderError,
)
from service.eventlog.store import create_partitions, open_log
from service.eventlog.wake import Wake
from service.project.rebuild import rebuild as rebuild_orders
from service.publish.quiet import quieten_aiokafka
from service.react.queue import replay as replay_call
from service.sandbox.server import run as run_sandbox
from service.spans import SpanMemory
from service.telemetry import set_up_logging, set_up_telemetry, shut_down_telemetry

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Track the orders of VTEX stores: feed and hook in, an event log, "
    "Kafka and calls to VTEX out. Settings: docs/reference/configuration.md.",
)
# An error is a line, however long: whoever reads it from a log wraps it.
_errors = Console(stderr=True, soft_wrap=True)


@app.command()
def serve(
    roles: Annotated[
        str, typer.Option(help=f"Which roles to run: {','.join(ROLES)}.")
    ] = ",".join(ROLES),
) -> None:
    """Run roles against the PostgreSQL and Kafka that the settings name."""
    settings = settings_from_env()
    wanted = _roles(roles)
    _set_up(settings)
    _run(run_roles(settings, wanted))


@app.command()
def demo(
    orders_per_minute: Annotated[float, typer.Option(help="Orders placed.")] = 60.0,
    seed: Annotated[
        int | None, typer.Option(help="Same seed, same orders; else new ones.")
    ] = None,
) -> None:
    """Run everything at once, with servers of its own and invented orders."""
    # Only here: a production image comes without the embedded servers.
    from service.demo import demo as run_demo  # noqa: PLC0415

    settings = settings_from_env()
    spans = SpanMemory()
    _set_up(settings.model_copy(update={"log_level": "warning"}), spans)
    _run(
        run_demo(
            settings,
            spans=spans,
            orders_per_minute=orders_per_minute,
            seed=int(time.time()) if seed is None else seed,
            announce=_announce,
        )
    )
    print("stopped")


@app.command()
def sandbox(
    *,
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    orders_per_minute: Annotated[float, typer.Option(help="Orders placed.")] = 60.0,
    seed: Annotated[int, typer.Option(help="Same seed, same orders.")] = 1,
    speed: Annotated[float, typer.Option(help="How many times as fast.")] = 1.0,
    desk: Annotated[
        str,
        typer.Option(
            help="Where the merchant works: `self`, `none`, or an order-tracking URL."
        ),
    ] = "self",
    api_key: Annotated[
        str | None, typer.Option(help="Key for the order-tracking URL.")
    ] = None,
) -> None:
    """Run a local VTEX: the Orders API with orders that move by themselves."""
    _run(
        run_sandbox(
            host=host,
            port=port,
            orders_per_minute=orders_per_minute,
            seed=seed,
            announce=_announce,
            speed=speed,
            desk=desk,
            api_key=api_key,
        )
    )


@app.command()
def migrate() -> None:
    """Bring the database to the newest schema; harmless to repeat."""
    settings = settings_from_env()
    dsn = _dsn(settings)
    migrate_database(dsn)
    _run(_create_partitions(dsn, settings.partitions))
    print("the database has the newest schema")


@app.command()
def rebuild() -> None:
    """Fill the read model anew from the log, beside the live one, then swap."""
    settings = settings_from_env()
    _set_up(settings)
    _run(_rebuild(_dsn(settings), settings.partitions))


@app.command()
def replay(
    call: Annotated[UUID, typer.Argument(help="`call_id`, as …/calls shows it.")],
) -> None:
    """Make a parked or refused call to VTEX again, and what waited for it."""
    settings = settings_from_env()
    _run(_replay(_dsn(settings), call))


@app.command()
def stage(
    files: Annotated[
        list[Path],
        typer.Argument(help="Files of order JSON, one order a line; - reads stdin."),
    ],
    now: Annotated[
        datetime | None, typer.Option(help="The moment to judge at, UTC.")
    ] = None,
) -> None:
    """Print the My Account stage and triggers of orders, one JSON object a line."""
    at = _utc(now)
    failed = False
    for place, line in _lines(files):
        try:
            print(json.dumps(_stage(_order(line), at)))
        except (UnreadableOrderError, ValueError) as error:
            failed = True
            _errors.print(f"{place}: {error}", markup=False, highlight=False)
    raise typer.Exit(code=int(failed))


def _announce(text: str) -> None:
    # At once: whoever reads it through a pipe waits for it.
    print(text, flush=True)


def _stage(order: Mapping[str, object], now: datetime) -> dict[str, object]:
    document = normalise(order)
    found = stage_of(document, now)
    return {
        "orderId": document.order_id,
        "stage": found and found.number,
        "triggers": found and list(triggers(found)),
    }


def _lines(files: list[Path]) -> Iterator[tuple[str, bytes]]:
    for file in files:
        with _opened(file) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"{file}:{number}", line


def _opened(file: Path) -> BinaryIO:
    try:
        return sys.stdin.buffer if str(file) == "-" else file.open("rb")
    except OSError as error:
        raise UnreadableOrderError(
            f"{file} cannot be read: {error.strerror}."
        ) from error


def _order(line: bytes) -> Mapping[str, object]:
    """Read a line of order JSON, bare or as `{"order": …}`."""
    content = json.loads(line)
    if isinstance(content, dict) and isinstance(content.get("order"), dict):
        content = content["order"]
    if not isinstance(content, dict):
        raise UnreadableOrderError
    return content


def _utc(now: datetime | None) -> datetime:
    return SystemClock().now() if now is None else now.replace(tzinfo=UTC)


def _roles(text: str) -> list[Role]:
    wanted = [name.strip() for name in text.split(",") if name.strip()]
    found = [role for role in ROLES if role in wanted]
    unknown = sorted(set(wanted) - set(ROLES))
    if unknown or not found:
        raise InvalidSettingsError(
            f"Unknown role {', '.join(unknown) or '(none)'}; there are {', '.join(ROLES)}."
        )
    return found


def _dsn(settings: Settings) -> str:
    if settings.postgres_dsn is None:
        raise InvalidSettingsError("Set ORDER_TRACKING_POSTGRES_DSN to the database.")
    return settings.postgres_dsn.get_secret_value()


def _set_up(settings: Settings, *spans: SpanMemory) -> None:
    set_up_logging(level=settings.log_level, style=settings.log_format)
    set_up_telemetry(*spans)
    quieten_aiokafka()


async def _create_partitions(dsn: str, partitions: int) -> None:
    async with open_pool(dsn, size=1) as pool:
        await create_partitions(pool, partitions)


async def _replay(dsn: str, call: UUID) -> None:
    async with open_pool(dsn, size=1) as pool:
        replayed = await replay_call(pool, call, now=SystemClock().now())
    if not replayed:
        raise NothingToReplayError(
            f"Call {call} is neither parked nor refused; "
            "GET /v1/orders/{account}/{order_id}/calls lists an order's calls."
        )
    for replayed_call in replayed:
        print(f"{replayed_call} will be made again")


class _Speed(ProgressColumn):
    @override
    def render(self, task: Task) -> Text:
        # There is no speed yet when the bar is first drawn.
        return Text(f"{task.speed or 0:,.0f}/s")


async def _rebuild(dsn: str, partitions: int) -> None:
    columns = (
        TextColumn("events"),
        BarColumn(),
        MofNCompleteColumn(),
        _Speed(),
        TimeRemainingColumn(),
    )
    async with (
        open_pool(dsn, size=4) as pool,
        open_log(pool, partitions=partitions, lanes=1, wake=Wake(dsn)) as log,
    ):
        await create_partitions(pool, partitions)
        with Progress(*columns, console=_errors) as bar:
            task = bar.add_task("events", total=None)

            def progress(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            done = await rebuild_orders(pool, log, progress=progress)
    print(f"{done} events folded; the new read model is live")


def _run(work: Coroutine[Any, Any, None]) -> None:
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

    try:
        uvloop.run(until_told())
    finally:
        shut_down_telemetry()


def main() -> None:
    """Run the command line; an error that we know is a line, not a traceback."""
    try:
        app()
    except* ServiceError as errors:
        for error in _flattened(errors):
            _errors.print(f"order-tracking: {error}", style="red", markup=False)
        sys.exit(1)


def _flattened(group: BaseExceptionGroup[ServiceError]) -> Iterator[ServiceError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flattened(error)
        else:
            yield error


if __name__ == "__main__":
    main()
