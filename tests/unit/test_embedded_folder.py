"""The folder of an embedded server has one owner at a time."""

import os
from pathlib import Path

import pytest

from service.embedded.folder import locked
from service.errors import EmbeddedServerError


class TestLocked:
    def test_creates_private_folder(self, tmp_path: Path) -> None:
        """A missing folder is made, with its parents, for its owner's eyes only."""
        with locked(tmp_path / "data" / "server") as home:
            mode = home.stat().st_mode

        assert mode & 0o777 == 0o700

    def test_refuses_second_owner(self, tmp_path: Path) -> None:
        """Whoever comes second is told the folder, its owner and what to do."""
        with (
            locked(tmp_path),
            pytest.raises(EmbeddedServerError) as refused,
            locked(tmp_path),
        ):
            pass

        message = str(refused.value)
        assert str(tmp_path) in message
        assert f"process {os.getpid()}" in message
        assert "ORDER_TRACKING_DATA_FOLDER" in message

    def test_is_free_after_the_block(self, tmp_path: Path) -> None:
        """A folder that was given back can be taken again."""
        with locked(tmp_path):
            pass

        with locked(tmp_path) as home:
            assert home == tmp_path

    def test_explains_unusable_folder(self, tmp_path: Path) -> None:
        """A path that cannot be a folder is named, with the way out."""
        (tmp_path / "file").write_text("")

        with (
            pytest.raises(EmbeddedServerError, match="choose another folder"),
            locked(tmp_path / "file" / "server"),
        ):
            pass
