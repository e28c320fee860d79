"""How a row of the read model is shown at a moment: ripe pickup orders are in stage 5."""

from datetime import datetime
from typing import Final

import asyncpg
import orjson

from service.domain.stage import TRIGGER_NAMES, stage_at, triggers

NOT_SHARED: Final = "private, no-cache"
"""Cache-Control of everything that may change: ask again each time."""

_RIPE: Final = stage_at(5, "doing", pickup=True)
_SHOWN: Final = (
    "account",
    "order_id",
    "order_group",
    "status",
    "overlay",
    "courier_state",
    "channel",
    "version",
    "created_at",
)


def is_ripe(row: asyncpg.Record, now: datetime) -> bool:
    """Whether time alone has made the order ready for pickup since it changed last."""
    return row["ripens_at"] is not None and row["ripens_at"] <= now


def summary(row: asyncpg.Record, now: datetime) -> dict[str, object]:
    """Return the order of *row* as it stands at *now*, in the shape of `OrderSummary`."""
    stage, keys, updated_at = row["stage"], row["triggers"], row["updated_at"]
    if is_ripe(row, now):
        stage, keys = _RIPE.number, triggers(_RIPE)
        updated_at = max(updated_at, row["ripens_at"])
    return {
        **{name: row[name] for name in _SHOWN},
        "stage": stage,
        "triggers": keys,
        "trigger_names": keys and [TRIGGER_NAMES[key] for key in keys],
        "updated_at": updated_at,
    }


def etag_of(shown: dict[str, object]) -> str:
    """Return the ETag of an order, unquoted: all that is shown follows from these two."""
    return f"{shown['version']}-{shown['stage'] or ''}"


def encoded(content: object) -> bytes:
    """Return *content* as JSON, times in UTC."""
    return orjson.dumps(content, option=orjson.OPT_UTC_Z)
