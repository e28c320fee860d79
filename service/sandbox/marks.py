"""Notes of what changed, for whoever keeps the sandbox's state."""

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from service.sandbox.keeping import Document

_K = TypeVar("_K")


class Marks(Generic[_K]):
    """The keys that changed since somebody asked.

    Nothing is noted before it begins, or anybody asks for the first time: most
    sandboxes are not kept, and notes that nobody takes would grow for ever.
    """

    def __init__(self) -> None:
        self._noted: set[_K] | None = None

    def begin(self) -> None:
        """Note changes from now on: what is present was kept."""
        self._noted = set()

    def note(self, key: _K) -> None:
        """Note that *key* changed."""
        if self._noted is not None:
            self._noted.add(key)

    def take(self, present: Iterable[_K]) -> list[_K]:
        """Return what changed; for the first time all that is *present*."""
        noted, self._noted = self._noted, set()
        return list(present if noted is None else noted)


def below(prefix: str, documents: Mapping[str, Document]) -> dict[str, Document]:
    """Return the documents whose keys begin with *prefix*, by the rest of the key."""
    return {
        key.removeprefix(prefix): document
        for key, document in documents.items()
        if key.startswith(prefix)
    }
