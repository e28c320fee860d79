"""Writes jars.lock anew with Maven, for whoever raises the version: `python -m service.embedded.lock_jars`."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from service.embedded.jars import LOCK, Jar, sha256_of

_DEPENDENCIES = (
    ("org.apache.kafka", "kafka_2.13", "4.3.1"),
    # Kafka brings slf4j-api 1.7, whose binding this is; log4j-slf4j2-impl is for 2.0.
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4"),
)
_POM = """\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>order-tracking</groupId>
  <artifactId>embedded-kafka</artifactId>
  <version>1</version>
  <dependencies>{}</dependencies>
</project>
"""
_DEPENDENCY = (
    "<dependency><groupId>{}</groupId><artifactId>{}</artifactId>"
    "<version>{}</version></dependency>"
)


def main() -> None:
    """Resolve the runtime class path, and lock every jar of it."""
    with TemporaryDirectory() as folder:
        jars = [_locked(path, Path(folder)) for path in _class_path(Path(folder))]
    LOCK.write_text("".join(f"{line}\n" for line in sorted(jar.line for jar in jars)))


def _class_path(folder: Path) -> list[Path]:
    dependencies = (_DEPENDENCY.format(*each) for each in _DEPENDENCIES)
    (folder / "pom.xml").write_text(_POM.format("".join(dependencies)))
    # A repository of its own, so that nothing comes from an older download.
    subprocess.run(  # noqa: S603  # every word is ours
        (
            *("mvn", "-B", "-q", "dependency:build-classpath"),
            *("-DincludeScope=runtime", "-Dmdep.outputFile=class-path"),
            f"-Dmaven.repo.local={folder / 'repository'}",
        ),
        cwd=folder,
        check=True,
    )
    return [Path(entry) for entry in (folder / "class-path").read_text().split(":")]


def _locked(path: Path, folder: Path) -> Jar:
    *group, artifact, version, _ = path.relative_to(folder / "repository").parts
    return Jar(".".join(group), artifact, version, sha256_of(path))


if __name__ == "__main__":
    main()
