"""How far somebody has followed the changes of the read model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Self
from uuid import UUID

import asyncpg

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOBODY: Final = UUID(int=0)
_TOKEN: Final = re.compile(
    r"(?P<generation>\d{1,10})-(?P<at>\d{1,16})-(?P<order>[0-9a-f]{32})"
    r"-(?P<heads>(\d{1,19}(\.\d{1,19})*)?)"
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last change seen in each partition, and the last ripening.

    *generation* tells whose changes are counted: a rebuild begins a new one, and
    cursors into the one before are void.
    """

    generation: int
    heads: Mapping[int, int] = field(default_factory=dict)
    ripened_at: datetime = _EPOCH
    ripened: UUID = _NOBODY

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        """Return the cursor of somebody who has seen all that *row* knows of."""
        return cls(
            generation=row["generation"],
            heads=dict(zip(row["partitions"], row["heads"], strict=True)),
            ripened_at=row["ripens_at"] or _EPOCH,
            ripened=row["stream_id"] or _NOBODY,
        )

    def reaches(self, horizon: "Cursor") -> bool:
        """Whether there is nothing to see between here and *horizon*."""
        return (self.ripened_at, self.ripened) >= (
            horizon.ripened_at,
            horizon.ripened,
        ) and all(self.heads.get(p, 0) >= head for p, head in horizon.heads.items())

    def is_void(self, horizon: "Cursor") -> bool:
        """Whether it leads nowhere: of another generation, or from the future."""
        return self.generation != horizon.generation or any(
            head > horizon.heads.get(p, 0) for p, head in self.heads.items()
        )

    def joined(self, horizon: "Cursor") -> "Cursor":
        """Return the further of the two, partition by partition."""
        ripening = (self.ripened_at, self.ripened)
        further = max(ripening, (horizon.ripened_at, horizon.ripened))
        heads = {p: max(self.heads.get(p, 0), h) for p, h in horizon.heads.items()}
        return Cursor(self.generation, heads, *further)

    def after_change(self, row: asyncpg.Record) -> "Cursor":
        """Return the cursor of somebody who has seen the change of *row* too."""
        return replace(self, heads={**self.heads, row["partition"]: row["change"]})

    def after_ripening(self, row: asyncpg.Record) -> "Cursor":
        """Return the cursor of somebody who has seen *row* ripen too."""
        return replace(self, ripened_at=row["ripens_at"], ripened=row["stream_id"])

    @property
    def token(self) -> str:
        """The cursor as one opaque word."""
        last = max(self.heads, default=-1)
        heads = ".".join(str(self.heads.get(p, 0)) for p in range(last + 1))
        at = (self.ripened_at - _EPOCH) // timedelta(microseconds=1)
        return f"{self.generation}-{at}-{self.ripened.hex}-{heads}"


def cursor_of(token: str) -> Cursor | None:
    """Return the cursor that *token* stands for; None when it is no token."""
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    heads = enumerate(map(int, filter(None, match["heads"].split("."))))
    return Cursor(
        generation=int(match["generation"]),
        heads={partition: head for partition, head in heads if head},
        ripened_at=_EPOCH + timedelta(microseconds=int(match["at"])),
        ripened=UUID(match["order"]),
    )
