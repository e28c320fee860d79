"""One request for all who ask for the same before it is sent."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeAlias, TypeVar

_V = TypeVar("_V")

Send: TypeAlias = Callable[[Callable[[], None]], Coroutine[Any, Any, _V]]
"""Asks for something, and tells when the question goes out."""


class SharedReads(Generic[_V]):
    """Questions that wait for their turn, by what they ask.

    An answer is never older than the question of anybody who gets it: what was sent
    already is not joined, for it may have been answered before something changed.
    A question waits as long as anybody does, whoever began it; its error reaches all.
    """

    def __init__(self) -> None:
        self._unsent: dict[Hashable, _Read[_V]] = {}

    async def get(self, *keys: Hashable, send: Send[_V]) -> _V:
        """Return what somebody asks for under one of *keys*, or *send* under the last."""
        waiting = (self._unsent[key] for key in keys if key in self._unsent)
        return await (next(waiting, None) or self._ask(keys[-1], send)).answer()

    def _ask(self, key: Hashable, send: Send[_V]) -> "_Read[_V]":
        read = self._unsent[key] = _Read(send, lambda: self._unsent.pop(key))
        return read


class _Read(Generic[_V]):
    def __init__(self, send: Send[_V], close: Callable[[], object]) -> None:
        self._close = close
        self._is_open = True
        self._waiting = 0
        # Of no caller: it belongs to all who wait, and ends with the last of them.
        self._task = asyncio.ensure_future(send(self.close))

    def close(self) -> None:
        """Let nobody else join."""
        if self._is_open:
            self._is_open = False
            self._close()

    async def answer(self) -> _V:
        self._waiting += 1
        try:
            return await asyncio.shield(self._task)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self.close()
                self._task.cancel()
