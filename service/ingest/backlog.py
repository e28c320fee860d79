"""How much waits in a feed, as its configuration tells."""

from collections.abc import Mapping
from typing import Final

from service.domain import raw
from service.telemetry import meter

# VTEX's guide spells the age with one p, its reference with two.
_AGES: Final = (
    "approximateAgeOfOldestMessageInSeconds",
    "aproximateAgeOfOldestMessageInSeconds",
)
_waiting = meter.create_gauge(
    "ingest.feed.waiting",
    unit="{item}",
    description="Items in an account's feed, as VTEX counts them.",
)
_oldest = meter.create_gauge(
    "ingest.feed.oldest",
    unit="s",
    description="Age of the oldest item in an account's feed.",
)


def measure_backlog(shown: Mapping[str, object], *, account: str, kind: str) -> None:
    """Measure what waits in a feed; a hook tells nothing."""
    labels = {"account": account, "kind": kind}
    waiting = raw.number(shown.get("quantity"))
    if waiting is not None:
        _waiting.set(waiting, labels)
    ages = (raw.number(shown.get(name)) for name in _AGES)
    age = next((age for age in ages if age is not None), None)
    if age is not None:
        _oldest.set(age, labels)
