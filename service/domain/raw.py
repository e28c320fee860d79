"""Tolerant readers of VTEX's JSON: what is odd becomes None, nothing raises."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

_LARGEST: Final = 2**63 - 1
_US_FORMAT: Final = re.compile(
    r"(\d\d?)/(\d\d?)/(\d{4}) (\d\d?):(\d\d):(\d\d)", re.ASCII
)


def mapping(value: object) -> Mapping[str, object]:
    """Return an object as it is, and anything else as an empty one."""
    return value if isinstance(value, (dict, Mapping)) else {}


def entries(value: object) -> Sequence[object]:
    """Return an array as it is, and anything else as an empty one."""
    return value if isinstance(value, list | tuple) else ()


def text(value: object) -> str | None:
    """Return stripped text; a number is its digits, empty text is None."""
    if isinstance(value, str):
        if not (value.isascii() and value.isprintable()):
            # PostgreSQL takes no NUL, and UTF-8 no lone surrogate; JSON has both.
            value = value.replace("\0", "").encode(errors="replace").decode()
        return value.strip() or None
    digits = number(value) if isinstance(value, int) else None
    return None if digits is None else str(digits)


def number(value: object) -> int | None:
    """Return a whole number that fits 64 bits; VTEX sends some as 1000.0."""
    if isinstance(value, float) and math.isfinite(value):
        value = round(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if abs(value) <= _LARGEST else None


def quantity(value: object) -> int:
    """Return how many; none where that is not told."""
    return max(0, number(value) or 0)


def flag(value: object) -> bool | None:
    """Return true or false only where VTEX says so."""
    return value if isinstance(value, bool) else None


def moment(value: object) -> datetime | None:
    """Read ISO 8601, with or without zone, and VTEX's US format, into UTC."""
    words = text(value) if isinstance(value, str) else None
    if words is None:
        return None
    try:
        read = _read(words)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _read(words: str) -> datetime:
    # VTEX writes checkpoints so; strptime takes ten times as long.
    found = _US_FORMAT.fullmatch(words)
    if found is None:
        return datetime.fromisoformat(words)
    month, day, year, hour, minute, second = map(int, found.groups())
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
