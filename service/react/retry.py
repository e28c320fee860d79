"""When a call is tried again, and when it is given up; pure."""

from collections.abc import Mapping
from datetime import timedelta
from random import Random
from typing import Final

from service.domain.facts import CallKind

BASE: Final = 1.0
"""Seconds before the second attempt, doubled with each further one."""

CAP: Final = 300.0
"""Seconds between two attempts, at most."""

_DOUBLINGS: Final = 32
"""Beyond these the cap rules anyway."""

PATIENCE: Final[Mapping[CallKind, timedelta]] = {
    "start-handling": timedelta(hours=1),
    "invoice": timedelta(hours=24),
    "tracking-number": timedelta(hours=24),
    "tracking": timedelta(hours=24),
    "cancel": timedelta(hours=1),
}
"""How long a call is tried, from the first attempt on."""


def backoff(attempts: int, rng: Random) -> timedelta:
    """Return the pause after *attempts* attempts: half of it fixed, half by chance."""
    whole = min(CAP, BASE * 2 ** min(attempts - 1, _DOUBLINGS))
    return timedelta(seconds=whole / 2 + rng.uniform(0, whole / 2))
