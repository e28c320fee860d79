"""What each writer did and was told, on disk in the moment that it happens."""

import os
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from service.eventlog.codec import encode
from service.eventlog.records import Append, Appended, NewEvent, StreamKey

Outcome = Literal["ok", "fail", "info"]
"""Done; surely not done; or nothing is known of it."""

NEVER = float("inf")


class Result(NamedTuple):
    """What a writer was told of an append that is done."""

    partition: int
    position: int
    version: int
    new: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One append over all its tries: *invoked* with the first, *ended* with the answer."""

    id: str
    stream: StreamKey
    keys: tuple[str, ...]
    digests: tuple[int, ...]
    expected: int | None = None
    invoked: float = 0.0
    ended: float = NEVER
    outcome: Outcome = "info"
    result: Result | None = None
    tries: int = 1
    errors: tuple[str, ...] = ()


class Recorder:
    """Appends lines to a file; they are there even if the process is killed next."""

    def __init__(self, path: Path) -> None:
        torn = path.exists() and not path.read_bytes().endswith(b"\n")
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        if torn:
            os.write(self._file, b"\n")

    def invoke(self, id_: str, append: Append) -> None:
        self._write(
            id_,
            "invoke",
            stream=list(append.stream),
            keys=[event.key for event in append.events],
            digests=[digest_of_event(event) for event in append.events],
            expected=append.expected,
        )

    def ok(self, id_: str, appended: Appended) -> None:
        self._write(id_, "ok", result=list(appended)[1:])

    def fail(self, id_: str, error: Exception) -> None:
        self._write(id_, "fail", error=type(error).__name__)

    def info(self, id_: str, error: Exception) -> None:
        self._write(id_, "info", error=_named(error))

    def _write(self, id_: str, kind: str, **fields: object) -> None:
        line = {"id": id_, "kind": kind, "at": time.monotonic(), **fields}
        os.write(self._file, orjson.dumps(line) + b"\n")


def digest(type_: str, data: str) -> int:
    """Return what tells one payload from another."""
    return zlib.crc32(f"{type_} {data}".encode())


def digest_of_event(event: NewEvent) -> int:
    return digest(event.fact.type, encode(event.fact))


def read_histories(paths: Iterable[Path]) -> list[Operation]:
    """Return the operations of all writers, each once; torn lines tell nothing."""
    operations: dict[str, Operation] = {}
    for path in paths:
        for line in _lines(path):
            known = operations.get(line["id"])
            operations[line["id"]] = (
                _begun(line) if known is None else _continued(known, line)
            )
    return list(operations.values())


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    if not path.exists():
        return
    for line in path.read_bytes().splitlines():
        try:
            yield orjson.loads(line)
        except orjson.JSONDecodeError:
            continue


def _begun(line: Mapping[str, Any]) -> Operation:
    return Operation(
        id=line["id"],
        stream=StreamKey(*line["stream"]),
        keys=tuple(line["keys"]),
        digests=tuple(line["digests"]),
        expected=line["expected"],
        invoked=line["at"],
    )


def _continued(known: Operation, line: Mapping[str, Any]) -> Operation:
    match line["kind"]:
        case "invoke":
            return replace(known, tries=known.tries + 1, outcome="info")
        case "ok":
            result = Result(*line["result"])
            return replace(known, outcome="ok", ended=line["at"], result=result)
        case kind:
            return replace(known, outcome=kind, errors=(*known.errors, line["error"]))


def _named(error: Exception) -> str:
    cause = error.__cause__
    return type(error).__name__ + (f" ({type(cause).__name__})" if cause else "")
