"""What was acknowledged against what is there, in linear passes in the manner of Jepsen.

Each function yields a violation for each fault that it finds; none means that all holds:

lost       acknowledged but not there, or in the log but not where it has to go
duplicate  there more than once
reordered  there in another order than it was handed out, or acknowledged, in
aborted    seen though it was refused, or though nobody wrote it
torn       there in part, or otherwise than it was written
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

import orjson
from typing_extensions import override

from chaos.history import NEVER, Operation, digest
from service.eventlog.partitions import partition_of
from service.eventlog.records import RecordedEvent, StreamKey

Kind = Literal["lost", "duplicate", "reordered", "aborted", "torn"]
KINDS: Sequence[Kind] = ("lost", "duplicate", "reordered", "aborted", "torn")

Place = tuple[int, int]
"""A partition and a position."""


class Violation(NamedTuple):
    """One thing that must not be."""

    kind: Kind
    where: str
    what: str

    @override
    def __str__(self) -> str:
        return f"{self.kind} in {self.where}: {self.what}"


class Logged(NamedTuple):
    """An event of the log with the key it was written under."""

    event: RecordedEvent
    key: str


def check_log(
    events: Iterable[RecordedEvent],
    *,
    partitions: int,
    heads: Mapping[int, int] | None = None,
    versions: Mapping[StreamKey, int] | None = None,
) -> Iterator[Violation]:
    """Positions count from 1 in each partition, and versions in each stream.

    *heads* and *versions* say how far they go; else the last that is there does.
    """
    positions: defaultdict[int, list[int]] = defaultdict(list)
    of_streams: defaultdict[StreamKey, list[int]] = defaultdict(list)
    for event in events:
        positions[event.partition].append(event.position)
        of_streams[event.stream].append(event.version)
        if event.partition != partition_of(event.stream, partitions):
            yield Violation("torn", "log", f"{event.stream} in {event.partition}")
    for partition in positions.keys() | (heads or {}).keys():
        found = positions[partition]
        upto = max(found, default=0) if heads is None else heads.get(partition, 0)
        yield from _counted("log", f"partition {partition} position", found, upto)
    for stream in of_streams.keys() | (versions or {}).keys():
        found = of_streams[stream]
        upto = max(found, default=0) if versions is None else versions.get(stream, 0)
        yield from _counted("log", f"{stream} version", found, upto)


def check_histories(
    operations: Sequence[Operation], log: Iterable[Logged]
) -> Iterator[Violation]:
    """What writers were told is so, and the log holds nothing that nobody wrote."""
    written: defaultdict[tuple[StreamKey, str], list[RecordedEvent]] = defaultdict(list)
    for event, key in log:
        written[event.stream, key].append(event)
    for operation in operations:
        yield from _judged(operation, written)
    known = {(each.stream, key) for each in operations for key in each.keys}
    for (stream, key), events in written.items():
        if len(events) > 1:
            yield Violation("duplicate", "log", f"{stream} key {key}")
        if (stream, key) not in known:
            yield Violation("aborted", "log", f"{stream} key {key}, written by nobody")
    yield from _in_real_time(operations, written)


def _judged(
    operation: Operation,
    written: Mapping[tuple[StreamKey, str], Sequence[RecordedEvent]],
) -> Iterator[Violation]:
    name = f"{operation.id} on {operation.stream}"
    keys = [(operation.stream, key) for key in operation.keys]
    events = [written[key][0] for key in keys if key in written]
    if operation.outcome == "fail":
        if events:
            yield Violation("aborted", "log", f"{name}, refused: {operation.errors}")
    elif not events:
        if operation.outcome == "ok":
            yield Violation("lost", "log", f"{name}, acknowledged")
    elif len(events) < len(keys):
        what = f"{name}: {len(events)} of {len(keys)} events"
        yield Violation("torn", "log", what)
    else:
        yield from _as_written(operation, name, events)


def _as_written(
    operation: Operation, name: str, events: Sequence[RecordedEvent]
) -> Iterator[Violation]:
    first, last = events[0], events[-1]
    for nth, event in enumerate(events):
        if event.version != first.version + nth:
            yield Violation("torn", "log", f"{name}: others stand between its events")
        if operation.digests[nth] != digest(event.type, event.data):
            yield Violation("torn", "log", f"{name}: {event.id} was written otherwise")
    result = operation.result
    if result is None:
        return
    if result[:3] != (last.partition, last.position, last.version):
        yield Violation("torn", "log", f"{name}: told {result}, is {last.id}")
    if result.new and operation.expected not in (None, first.version - 1):
        what = f"{name}: decided at {operation.expected}, is {first.id}"
        yield Violation("reordered", "log", what)


def _in_real_time(
    operations: Iterable[Operation],
    written: Mapping[tuple[StreamKey, str], Sequence[RecordedEvent]],
) -> Iterator[Violation]:
    """What was acknowledged before another append began stands before it."""
    invoked: dict[tuple[StreamKey, str], float] = {}
    acknowledged: dict[tuple[StreamKey, str], float] = {}
    for each in operations:
        for key in ((each.stream, key) for key in each.keys):
            invoked[key] = min(invoked.get(key, NEVER), each.invoked)
            acknowledged[key] = min(acknowledged.get(key, NEVER), each.ended)
    in_order = sorted(written, key=lambda key: (key[0], written[key][0].version))
    stream, latest = None, 0.0
    for key in in_order:
        if key[0] != stream:
            stream, latest = key[0], 0.0
        if acknowledged.get(key, NEVER) < latest:
            what = f"{stream} key {key[1]} stands after what began later"
            yield Violation("reordered", "log", what)
        latest = max(latest, invoked.get(key, 0.0))


def check_topic(
    events: Sequence[RecordedEvent], records: Iterable[Any]
) -> Iterator[Violation]:
    """The topic holds each event of the log once, in its place and byte for byte."""
    recorded = {(event.partition, event.position): event for event in events}
    sequences: defaultdict[int, list[int]] = defaultdict(list)
    versions: defaultdict[str, list[int]] = defaultdict(list)
    for record in records:
        headers = dict(record.headers)
        sequences[record.partition].append(int(headers["ce_sequence"]))
        versions[record.key.decode()].append(int(headers["orderversion"]))
        yield from _as_recorded("topic", record, recorded)
    heads, last = _ends(events)
    for partition in sequences.keys() | heads.keys():
        what, upto = f"partition {partition} position", heads.get(partition, 0)
        yield from _counted("topic", what, sequences[partition], upto)
    for stream in versions.keys() | last.keys():
        found, upto = versions[stream], last.get(stream, 0)
        yield from _counted("topic", f"{stream} version", found, upto)


def check_uncommitted(
    events: Iterable[RecordedEvent], records: Iterable[Any]
) -> Iterator[Violation]:
    """Even what was never committed to the topic are events of the log."""
    recorded = {(event.partition, event.position): event for event in events}
    for record in records:
        place = record.partition, int(dict(record.headers)["ce_sequence"])
        if place in recorded:
            yield from _as_recorded("uncommitted topic", record, recorded)
        else:
            yield Violation("aborted", "uncommitted topic", f"position {place}")


def check_states(
    events: Sequence[RecordedEvent], records: Iterable[Any]
) -> Iterator[Violation]:
    """The state topic tells of each order, ends with its last version, never goes back."""
    positions = {(str(e.stream), e.version): e.position for e in events}
    told: defaultdict[str, list[int]] = defaultdict(list)
    for record in records:
        headers, stream = dict(record.headers), record.key.decode()
        version, sequence = int(headers["orderversion"]), int(headers["ce_sequence"])
        told[stream].append(version)
        if positions.get((stream, version), sequence) != sequence:
            what = f"{stream} version {version} at position {sequence}"
            yield Violation("torn", "state topic", what)
    _, last = _ends(events)
    for stream in told.keys() | last.keys():
        versions, upto = told[stream], last.get(stream, 0)
        for violation in _counted("state topic", f"{stream} version", versions, upto):
            # Compaction takes what was there before the last.
            if violation.kind != "lost":
                yield violation
        if max(versions, default=0) < upto:
            what = f"{stream} version {upto}"
            yield Violation("lost", "state topic", what)


def check_read_model(
    events: Sequence[RecordedEvent],
    versions: Mapping[str, int],
    differences: Iterable[str] = (),
) -> Iterator[Violation]:
    """Each order is shown as of its last version; *differences* are from its fold."""
    _, last = _ends(events)
    for stream in versions.keys() | last.keys():
        shown, upto = versions.get(stream, 0), last.get(stream, 0)
        if shown != upto:
            kind: Kind = "lost" if shown < upto else "aborted"
            what = f"{stream} is shown at version {shown} of {upto}"
            yield Violation(kind, "read model", what)
    for line in differences:
        yield Violation("torn", "read model", line)


def summary(violations: Sequence[Violation], *, examples: int = 5) -> str:
    """Return a line for each kind, with the first few of each."""
    count = Counter(violation.kind for violation in violations)
    lines = [f"{kind:<10} {count[kind]}" for kind in KINDS]
    for kind in KINDS:
        found = [violation for violation in violations if violation.kind == kind]
        lines += [f"  {violation}" for violation in found[:examples]]
    return "\n".join(lines)


def _ends(events: Iterable[RecordedEvent]) -> tuple[dict[int, int], dict[str, int]]:
    heads: dict[int, int] = {}
    last: dict[str, int] = {}
    for event in events:
        stream = str(event.stream)
        heads[event.partition] = max(heads.get(event.partition, 0), event.position)
        last[stream] = max(last.get(stream, 0), event.version)
    return heads, last


def _counted(
    where: str, what: str, found: Iterable[int], upto: int
) -> Iterator[Violation]:
    """Compare *found* with 1, 2, 3 ... *upto*."""
    seen: set[int] = set()
    highest = 0
    for number in found:
        if number in seen:
            yield Violation("duplicate", where, f"{what} {number}")
        elif not 0 < number <= upto:
            yield Violation("aborted", where, f"{what} {number} of {upto}")
        elif number < highest:
            yield Violation("reordered", where, f"{what} {number} after {highest}")
        seen.add(number)
        highest = max(highest, number)
    for number in range(1, upto + 1):
        if number not in seen:
            yield Violation("lost", where, f"{what} {number}")


def _as_recorded(
    where: str, record: Any, recorded: Mapping[Place, RecordedEvent]
) -> Iterator[Violation]:
    headers = dict(record.headers)
    event = recorded.get((record.partition, int(headers["ce_sequence"])))
    if event is None:  # told by its number
        return
    wanted = _wanted(event)
    found = {name: headers.get(name) for name in wanted}
    found |= {"key": record.key, "value": record.value}
    for name, value in wanted.items():
        if found[name] != value:
            what = f"{event.id} {name} is {found[name]!r}, not {value!r}"
            yield Violation("torn", where, what)
    if datetime.fromisoformat(headers["ce_time"].decode()) != event.occurred_at:
        yield Violation("torn", where, f"{event.id} ce_time {headers['ce_time']!r}")


def _wanted(event: RecordedEvent) -> dict[str, bytes | None]:
    metadata = orjson.loads(event.metadata)
    stream = str(event.stream).encode()
    told = {
        "traceparent": metadata.get("traceparent"),
        "ce_correlationid": metadata["correlation_id"],
        "ce_causationid": metadata.get("causation_id"),
        "ce_id": f"{event.stream_id}-{event.version}",
        "orderversion": str(event.version),
    }
    return {
        **{name: text and text.encode() for name, text in told.items()},
        "ce_subject": stream,
        "ce_partitionkey": stream,
        "key": stream,
        "value": event.data.encode(),
    }
