"""Waiting in tests: until a condition holds, never for a fixed time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    condition: Callable[[], Awaitable[T]], *, within: float = 10.0
) -> T:
    """Return the first truthy result of *condition*, or fail after *within* seconds."""
    deadline = time.monotonic() + within
    while True:
        result = await condition()
        if result:
            return result
        if time.monotonic() > deadline:
            message = f"{condition} did not hold within {within} s; last: {result!r}"
            raise AssertionError(message)
        await asyncio.sleep(0.02)
