"""The command line's entry: every command, and errors as lines instead of tracebacks."""

import sys
from collections.abc import Iterator

from service.cli.console import app
from service.cli.console import errors as console
from service.errors import ServiceError

# Each adds its commands; `--help` lists those of a panel in this order.
# isort: off
import service.cli.running
import service.cli.database
import service.cli.rebuilding
import service.cli.projecting
import service.cli.auditing
import service.cli.archiving
import service.cli.calls
import service.cli.notifications
import service.cli.orders_api
import service.cli.parked
import service.cli.privacy
import service.cli.publishing
import service.cli.quarantine
import service.cli.reconciling
import service.cli.stages  # noqa: F401
# isort: on

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; an error that we know is a line, not a traceback."""
    try:
        app()
    except* ServiceError as errors:
        for error in _flattened(errors):
            console.print(f"order-tracking: {error}", style="red", markup=False)
        sys.exit(1)


def _flattened(group: BaseExceptionGroup[ServiceError]) -> Iterator[ServiceError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flattened(error)
        else:
            yield error


if __name__ == "__main__":
    main()
