"""Errors of tasks side by side, raised as one."""

import asyncio

import pytest

from service.errors import (
    BrokerUnavailableError,
    RejectedError,
    UnreadableEventError,
    ungrouped,
)


async def fail_with(*failures: Exception) -> None:
    async def fail(failure: Exception) -> None:
        raise failure

    with ungrouped():
        async with asyncio.TaskGroup() as tasks:
            for failure in failures:
                tasks.create_task(fail(failure))


class TestUngrouped:
    async def test_what_concerns_others_comes_first(self) -> None:
        """What is away, and then what is unreadable, comes before all else."""
        mine, odd, away = (
            RejectedError(),
            UnreadableEventError(),
            BrokerUnavailableError(),
        )

        with pytest.raises(BrokerUnavailableError):
            await fail_with(mine, odd, away)
        with pytest.raises(UnreadableEventError):
            await fail_with(mine, odd)

    async def test_the_first_of_its_kind(self) -> None:
        """Of several of one kind it is the first."""
        first, second = RejectedError("first"), RejectedError("second")

        with pytest.raises(RejectedError, match="first"):
            await fail_with(first, second)

    async def test_keeps_its_cause(self) -> None:
        """What led to the error is told with it."""
        failure, cause = RejectedError(), ValueError("cause")
        failure.__cause__ = cause

        with pytest.raises(RejectedError) as raised:
            await fail_with(failure)

        assert raised.value.__cause__ is cause

    async def test_nothing_fails(self) -> None:
        """Tasks that all end well are none of its business."""
        await fail_with()
