"""What only runs of chaos need."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.sound import Sound, sound_world


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that an unprivileged user can reach when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="order-tracking-") as created:
        path = Path(created)
        path.chmod(0o711)
        yield path


@pytest.fixture
def sound() -> Sound:
    return sound_world()
