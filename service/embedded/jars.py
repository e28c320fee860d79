"""The jars of Apache Kafka: fetched from Maven Central once, held to a lock of SHA-256 sums."""

import hashlib
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.progress import Progress

from service.embedded.extra import extra
from service.errors import EmbeddedServerError

LOCK = Path(__file__).with_name("jars.lock")
_THREADS = 8


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock."""

    group: str
    artifact: str
    version: str
    sha256: str

    @classmethod
    def parse(cls, line: str) -> "Jar":
        coordinate, sha256 = line.split()
        group, artifact, version = coordinate.split(":")
        return cls(group, artifact, version, sha256)

    @property
    def line(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version} {self.sha256}"

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"


def read_lock() -> list[Jar]:
    """Return every jar of the lock."""
    return [Jar.parse(line) for line in LOCK.read_text().splitlines()]


def default_cache() -> Path:
    """Return the folder in the user's cache that holds the jars."""
    return Path(extra("platformdirs").user_cache_dir("order-tracking")) / "jars"


def fetch(
    cache: Path,
    progress: Callable[[int, int], None],
    *,
    jars: Sequence[Jar] | None = None,
    source: Callable[[Jar, Path], Path] | None = None,
) -> list[Path]:
    """Return the path of every jar, after fetching from *source* those not in *cache*.

    Tells *progress* how many are there, and of how many.

    Raises:
        EmbeddedServerError: A jar cannot be fetched, or is not the one in the lock.
    """
    wanted = read_lock() if jars is None else jars
    cache.mkdir(parents=True, exist_ok=True)
    missing = [jar for jar in wanted if not _kept(jar, cache)]
    present = len(wanted) - len(missing)
    progress(present, len(wanted))
    fetch_one = partial(_fetch, cache=cache, source=source or from_maven_central)
    with ThreadPoolExecutor(_THREADS) as pool:
        for number, _ in enumerate(pool.map(fetch_one, missing), start=present + 1):
            progress(number, len(wanted))
    return [cache / jar.file_name for jar in wanted]


def from_maven_central(jar: Jar, folder: Path) -> Path:
    """Download one jar into *folder*, and return its path."""
    # One artifact after another by its exact version: this resolver's own idea of
    # the dependency graph differs from Maven's, and Kafka does not start on it.
    context = extra("jgo.maven").MavenContext(repo_cache=folder)
    component = context.project(jar.group, jar.artifact).at_version(jar.version)
    return Path(component.artifact().resolve())


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _kept(jar: Jar, cache: Path) -> bool:
    # All 45 MB are hashed at every start: it takes a twentieth of a second.
    path = cache / jar.file_name
    if not path.is_file():
        return False
    if sha256_of(path) == jar.sha256:
        return True
    path.unlink()
    return False


def _fetch(jar: Jar, *, cache: Path, source: Callable[[Jar, Path], Path]) -> None:
    with TemporaryDirectory(dir=cache, prefix="incoming-") as incoming:
        try:
            path = source(jar, Path(incoming))
        except (OSError, RuntimeError) as error:
            raise EmbeddedServerError(
                f"{jar.file_name} could not be fetched from Maven Central ({error}): "
                "check the network, then run `python -m service.embedded.jars`."
            ) from error
        found = sha256_of(path)
        if found != jar.sha256:
            raise EmbeddedServerError(
                f"{jar.file_name} was refused and deleted: its SHA-256 is {found}, and "
                f"{LOCK.name} says {jar.sha256}. It was damaged or exchanged on the "
                "way here; try again over a network that you trust."
            )
        path.rename(cache / jar.file_name)


def main() -> None:
    """Fetch every jar, with a progress bar."""
    with Progress() as bar:
        task = bar.add_task("Apache Kafka", total=None)
        fetch(
            default_cache(),
            lambda done, total: bar.update(task, completed=done, total=total),
        )


if __name__ == "__main__":
    try:
        main()
    except EmbeddedServerError as error:
        sys.exit(str(error))
