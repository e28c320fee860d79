"""How far each consumer has come, saved with its work and refused to zombies."""

from collections.abc import Sequence

from service.db import Connection, load_sql
from service.errors import FencedError
from service.eventlog.records import Batch
from service.failpoints import reached

_LOAD = load_sql("service.eventlog", "load_positions")
_SAVE = load_sql("service.eventlog", "save_positions")
_ADVANCE = load_sql("service.eventlog", "advance_parked")


async def load_positions(
    connection: Connection, consumer: str, partitions: Sequence[int]
) -> dict[int, int]:
    """Return the position last handled in each of *partitions*, 0 where none was."""
    rows = await connection.fetch(_LOAD, consumer, list(partitions))
    return {row["partition"]: row["position"] for row in rows}


async def save_positions(
    connection: Connection, batch: Batch, *, durably: bool = True
) -> None:
    """Save the positions of *batch* in the connection's transaction.

    If not *durably*, a crash of the server may cost them, and nobody waits for its disk.

    Raises:
        FencedError: Another process took over since the batch was read; the
            transaction must be rolled back.
    """
    held = await connection.fetchval(
        _SAVE,
        batch.consumer,
        list(batch.tokens.keys()),
        list(batch.tokens.values()),
        list(batch.positions.keys()),
        list(batch.positions.values()),
        None if durably else "off",
    )
    if not held:
        raise FencedError(
            f"Another process follows the log for {batch.consumer} now; "
            "this one lets go of the partitions it lost."
        )
    reached("checkpoint.saved")
    if batch.replays:
        for event in batch.events:
            await connection.execute(
                _ADVANCE, batch.consumer, event.stream_id, event.version
            )
