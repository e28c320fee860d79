"""What a part of the sandbox shows of itself, so that its state can outlive the process."""

from collections.abc import Mapping
from typing import Protocol

Document = Mapping[str, object]


class Kept(Protocol):
    """A part with a state of its own, seen as JSON documents under keys.

    Attributes:
        part: Names the part; no other has this name.
    """

    part: str

    def changes(self) -> Mapping[str, Document | None]:
        """Return what changed since the last call: key and document, None: removed."""
        ...

    def restore(self, documents: Mapping[str, Document]) -> None:
        """Take back everything that was kept; called once, before anything else."""
        ...
