"""A pytest plugin: the fixture `vtex_sandbox`, for whoever tests against VTEX's API."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from service.sandbox.thread import SandboxThread

MARK: Final = "vtex_sandbox"


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, also to projects with strict marks."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(clock='manual', seed=1, orders_per_minute=0, speed=1, desk='none'): "
        "what the sandbox of this test is like",
    )


@pytest.fixture
def vtex_sandbox(request: pytest.FixtureRequest) -> "Iterator[SandboxThread]":
    """Run a VTEX sandbox beside the test; its clock moves by `advance` alone."""
    # Only here: a project that does not use the fixture imports nothing for it.
    from service.sandbox.clock import ManualClock  # noqa: PLC0415
    from service.sandbox.thread import sandbox_thread  # noqa: PLC0415

    options: dict[str, Any] = {
        "clock": "manual",
        "seed": 1,
        "orders_per_minute": 0,
        "desk": "none",
    }
    marker = request.node.get_closest_marker(MARK)
    options |= marker.kwargs if marker else {}
    clock = options.pop("clock")
    if clock not in {"manual", "system"}:
        raise pytest.UsageError(f"clock is manual or system, not {clock}")
    manual = ManualClock() if clock == "manual" else None
    with sandbox_thread(**options, clock=manual) as running:
        yield running
