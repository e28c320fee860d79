"""The command that tells the stage of orders in files."""

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from service.cli.console import VTEX, app, errors
from service.clock import SystemClock
from service.domain.document import normalise
from service.domain.stage import stage_of, triggers
from service.errors import UnreadableOrderError


@app.command(rich_help_panel=VTEX)
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
            errors.print(f"{place}: {error}", markup=False, highlight=False)
    raise typer.Exit(code=int(failed))


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
