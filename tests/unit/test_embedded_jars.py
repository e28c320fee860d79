"""The jars of Kafka are the ones in the lock, or they are not used."""

import hashlib
from pathlib import Path

import pytest

from service.embedded.jars import Jar, fetch, read_lock
from service.errors import EmbeddedServerError

CONTENT = b"a jar"
GOOD = Jar("org.example", "good", "1.0", hashlib.sha256(CONTENT).hexdigest())
OTHER = Jar("org.example", "other", "2.0", hashlib.sha256(b"other").hexdigest())


class Repository:
    """Serves jars by their artifact, and counts what was asked for."""

    def __init__(self, **content: bytes) -> None:
        self.content = content
        self.asked: list[str] = []

    def __call__(self, jar: Jar, folder: Path) -> Path:
        self.asked.append(jar.artifact)
        if jar.artifact not in self.content:
            raise RuntimeError("not found")
        path = folder / "download"
        path.write_bytes(self.content[jar.artifact])
        return path


def ignore(done: int, total: int) -> None:
    """Take no interest in the progress."""


class TestFetch:
    def test_returns_every_jar(self, tmp_path: Path) -> None:
        """All jars are fetched into the cache and returned in the lock's order."""
        source = Repository(good=CONTENT, other=b"other")

        paths = fetch(tmp_path, ignore, jars=[GOOD, OTHER], source=source)

        assert [path.name for path in paths] == ["good-1.0.jar", "other-2.0.jar"]
        assert [path.read_bytes() for path in paths] == [CONTENT, b"other"]

    def test_fetches_once(self, tmp_path: Path) -> None:
        """What the cache holds already is not fetched again."""
        fetch(tmp_path, ignore, jars=[GOOD], source=Repository(good=CONTENT))
        second = Repository(good=CONTENT)

        fetch(tmp_path, ignore, jars=[GOOD], source=second)

        assert second.asked == []

    def test_refuses_wrong_hash(self, tmp_path: Path) -> None:
        """A jar that is not the locked one is refused and leaves nothing behind."""
        source = Repository(good=b"something else")

        with pytest.raises(EmbeddedServerError, match=r"good-1\.0\.jar was refused"):
            fetch(tmp_path, ignore, jars=[GOOD], source=source)

        assert list(tmp_path.iterdir()) == []

    def test_replaces_damaged_jar(self, tmp_path: Path) -> None:
        """A jar that was damaged in the cache is fetched anew."""
        (tmp_path / GOOD.file_name).write_bytes(b"damaged")

        paths = fetch(tmp_path, ignore, jars=[GOOD], source=Repository(good=CONTENT))

        assert paths[0].read_bytes() == CONTENT

    def test_explains_failed_download(self, tmp_path: Path) -> None:
        """A jar that cannot be had is named, with the command that tries again."""
        with pytest.raises(EmbeddedServerError) as failed:
            fetch(tmp_path, ignore, jars=[GOOD], source=Repository())

        assert "good-1.0.jar could not be fetched" in str(failed.value)
        assert "python -m service.embedded.jars" in str(failed.value)

    def test_keeps_what_arrived(self, tmp_path: Path) -> None:
        """After a failure, the jars that did arrive need not be fetched again."""
        with pytest.raises(EmbeddedServerError):
            fetch(tmp_path, ignore, jars=[GOOD, OTHER], source=Repository(good=CONTENT))

        assert (tmp_path / GOOD.file_name).read_bytes() == CONTENT

    def test_tells_progress(self, tmp_path: Path) -> None:
        """Progress begins with what is there and ends with all."""
        (tmp_path / GOOD.file_name).write_bytes(CONTENT)
        told: list[tuple[int, int]] = []

        fetch(
            tmp_path,
            lambda done, total: told.append((done, total)),
            jars=[GOOD, OTHER],
            source=Repository(other=b"other"),
        )

        assert told == [(1, 2), (2, 2)]


class TestLock:
    def test_is_sorted_and_complete(self) -> None:
        """The lock lists each jar once, in order, each with a whole SHA-256."""
        jars = read_lock()

        names = [jar.file_name for jar in jars]
        lines = [jar.line for jar in jars]
        assert len(names) == len(set(names)) == 46
        assert lines == sorted(lines)
        assert all(len(bytes.fromhex(jar.sha256)) == 32 for jar in jars)

    def test_holds_one_kafka(self) -> None:
        """All parts of Kafka have the same version."""
        versions = {
            jar.version for jar in read_lock() if jar.group == "org.apache.kafka"
        }

        assert versions == {"4.3.1"}
