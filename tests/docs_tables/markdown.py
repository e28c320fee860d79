"""Tables in Markdown."""

import re
from collections.abc import Iterable


def table(head: str, rows: Iterable[Iterable[str]]) -> str:
    lines = [head, re.sub(r"[^|]+", "---", head)]
    lines += [f"| {' | '.join(cell or '' for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def shown(default: object) -> str:
    """Return a default as whoever sets it would write it."""
    if default is None:
        return ""
    if isinstance(default, bool):
        return f"`{default}`".lower()
    return "`[]`" if default == () else f"`{default}`"
