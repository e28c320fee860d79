"""Files of archived months: compressed lines of JSON, and a manifest that proves them."""

import fcntl
import gzip
import hashlib
import os
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from service.errors import ConflictError, UnreadableArchiveError
from service.eventlog.records import RecordedEvent, StreamKey

FORMAT: Final = 1
"""Of the files that this version writes; it reads no newer ones."""

_CHUNK: Final = 1024 * 1024


class ArchivedEvent(NamedTuple):
    """An event with all that is needed to bring it back exactly."""

    event: RecordedEvent
    key: str


class Share(BaseModel):
    """What a file holds of one partition."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    events: int
    last_position: int


class Content(BaseModel):
    """What the lines of a file are."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    orders: int
    events: int
    partitions: dict[int, Share]
    content_sha256: str


class Manifest(Content):
    """What stands beside a file, so that it can be checked before it is used."""

    format: int = FORMAT
    service_version: str
    month: date
    file: str
    file_sha256: str


class Counting:
    """Counts the lines that go by."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._orders = 0
        self._events = 0
        self._counts: Counter[int] = Counter()
        self._lasts: Counter[int] = Counter()
        self._last: UUID | None = None

    def add(self, line: bytes, event: RecordedEvent) -> None:
        self._sha.update(line)
        self._events += 1
        if event.stream_id != self._last:
            self._orders, self._last = self._orders + 1, event.stream_id
        partition, position = event.partition, event.position
        self._counts[partition] += 1
        self._lasts[partition] = max(self._lasts[partition], position)

    def content(self) -> Content:
        return Content(
            orders=self._orders,
            events=self._events,
            partitions={
                partition: Share(events=count, last_position=self._lasts[partition])
                for partition, count in sorted(self._counts.items())
            },
            content_sha256=self._sha.hexdigest(),
        )


class ArchiveWriter:
    """Writes a month's events to a file that has its name only once it is verified."""

    def __init__(self, folder: Path, month: date) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._month = month
        self._is_finished = False
        self._part = folder / f"orders-{month:%Y-%m}.part"
        self._raw = self._part.open("ab")
        try:
            fcntl.flock(self._raw, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._raw.close()
            raise ConflictError(
                f"{self._part} is being written by another process; wait for its end."
            ) from error
        self._raw.truncate(0)  # what a broken off run left
        self._zipped = gzip.GzipFile("", "wb", 6, self._raw, mtime=0)
        self._counting = Counting()

    def write(self, archived: ArchivedEvent) -> None:
        line = _line_of(archived)
        self._counting.add(line, archived.event)
        self._zipped.write(line)

    def finish(self) -> tuple[Path, Manifest]:
        """Make the file durable, read it back, and give it and its manifest names."""
        self._zipped.close()
        self._raw.flush()
        os.fsync(self._raw.fileno())
        content = self._counting.content()
        path = self._folder / _name(self._month, content)
        manifest = Manifest(
            **content.model_dump(),
            service_version=version("order-tracking"),
            month=self._month,
            file=path.name,
            file_sha256=_sha256_of(self._part),
        )
        for _ in read_events(self._part, manifest):
            pass
        self._part.rename(path)
        self._is_finished = True
        _write_manifest(manifest_path(path), manifest)
        return path, manifest

    def close(self) -> None:
        """Let go of the file; a part that was not finished is removed."""
        if not self._is_finished:
            self._part.unlink(missing_ok=True)
        with self._raw:
            self._zipped.close()


def _name(month: date, content: Content) -> str:
    # A month that came back and leaves again is another file.
    return f"orders-{month:%Y-%m}-{content.content_sha256[:12]}.jsonl.gz"


def manifest_path(path: Path) -> Path:
    """Return where the manifest of *path* is."""
    return path.with_name(path.name.removesuffix(".jsonl.gz") + ".manifest.json")


def _write_manifest(path: Path, manifest: Manifest) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(manifest.model_dump_json(indent=2).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_manifest(path: Path) -> Manifest:
    """Return the manifest of *path*, with the file checked against it.

    Raises:
        UnreadableArchiveError: Either is missing, damaged or of a newer format.
    """
    beside = manifest_path(path)
    try:
        written = orjson.loads(beside.read_bytes())
        if isinstance(written, Mapping) and written.get("format", 0) > FORMAT:
            raise UnreadableArchiveError(
                f"{beside} has format {written['format']}, this version reads up to "
                f"{FORMAT}; run a newer version of the service."
            )
        manifest = Manifest.model_validate(written)
        found = _sha256_of(path)
    except (OSError, orjson.JSONDecodeError, ValidationError, TypeError) as error:
        raise UnreadableArchiveError(
            f"{path} and {beside.name} beside it cannot be read "
            f"({type(error).__name__}); take both from where they are kept."
        ) from error
    if found != manifest.file_sha256:
        raise _damaged(path, "its SHA-256 is not that of the manifest")
    return manifest


def read_events(path: Path, manifest: Manifest) -> Iterator[ArchivedEvent]:
    """Yield the events of *path*; only at the end is it known that all are sound.

    Raises:
        UnreadableArchiveError: The content is not what *manifest* says.
    """
    counting = Counting()
    try:
        with gzip.open(path, "rb") as file:
            for line in file:
                archived = _event_of(line)
                counting.add(line, archived.event)
                yield archived
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, type(error).__name__) from error
    if counting.content() != Content(**manifest.model_dump(include=_CONTENT)):
        raise _damaged(path, "its content is not what the manifest says")


_CONTENT: Final = set(Content.model_fields)


def _damaged(path: Path, what: str) -> UnreadableArchiveError:
    return UnreadableArchiveError(
        f"{path} is damaged: {what}; take another copy of it and its manifest."
    )


def _sha256_of(path: Path) -> str:
    sha = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha.update(chunk)
    return sha.hexdigest()


def _line_of(archived: ArchivedEvent) -> bytes:
    event = archived.event
    return orjson.dumps(
        {
            "account": event.stream.account,
            "order_id": event.stream.order_id,
            "stream_id": str(event.stream_id),
            "version": event.version,
            "partition": event.partition,
            "position": event.position,
            "type": event.type,
            "schema_version": event.schema_version,
            "key": archived.key,
            # Texts, not objects: they come back byte by byte.
            "data": event.data,
            "metadata": event.metadata,
            "occurred_at": event.occurred_at,
            "recorded_at": event.recorded_at,
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def _event_of(line: bytes) -> ArchivedEvent:
    fields = orjson.loads(line)
    key = fields.pop("key")
    stream = StreamKey(fields.pop("account"), fields.pop("order_id"))
    fields["stream_id"] = UUID(fields["stream_id"])
    for moment in ("occurred_at", "recorded_at"):
        fields[moment] = datetime.fromisoformat(fields[moment])
    return ArchivedEvent(RecordedEvent(stream=stream, **fields), key)
