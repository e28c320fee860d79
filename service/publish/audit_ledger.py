"""All that a partition of the topic holds, position by position, in little memory."""

from array import array
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from service.publish.audit_window import digest_of, id_of
from service.publish.decoding import Record, is_replay, sequence_of

_NONE = -1


@dataclass(slots=True, kw_only=True)
class Report:
    """How a partition of the events topic and the log agree."""

    partition: int
    log: int = 0
    topic: int = 0
    replayed: int = 0
    missing: list[int] = field(default_factory=list)
    duplicate: int = 0
    reordered: int = 0
    foreign: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.duplicate or self.reordered or self.foreign)


class Copy(NamedTuple):
    """An event as it stands on the topic, once."""

    digest: int
    offset: int
    replayed: bool


class Ledger:
    """What a partition holds of the positions 1 to *upto*."""

    def __init__(self, partition: int, *, upto: int) -> None:
        self.report = Report(partition=partition)
        self.upto = upto
        self.first: int | None = None
        self.beyond: list[int] = []
        # Nearly all positions are there once: these two have them.
        self._digests = array("q", [_NONE]) * (upto + 1)
        self._offsets = array("q", [_NONE]) * (upto + 1)
        self._further: defaultdict[int, list[Copy]] = defaultdict(list)

    def add(self, record: Record) -> None:
        """Enter a record of the topic; they come in the topic's order."""
        replayed, position, event_id = (
            is_replay(record),
            sequence_of(record),
            id_of(record),
        )
        self.report.replayed += replayed
        self.report.topic += not replayed
        if position is None or event_id is None or position == 0:
            self.report.foreign += 1
            return
        if self.first is None and not replayed:
            self.first = position
        if position > self.upto:
            self.beyond.append(position)
            return
        digest = digest_of(position, event_id, record.value or b"")
        if self._digests[position] == _NONE and not replayed:
            self._digests[position] = digest
            self._offsets[position] = record.offset
        else:
            self._further[position].append(Copy(digest, record.offset, replayed))

    def compare(
        self,
        log: Mapping[int, int],
        *,
        after: int,
        upto: int,
        archived: Collection[int],
    ) -> None:
        """Compare a window of positions with the digests of the *log*."""
        for position in range(after + 1, upto + 1):
            copies = list(self._copies(position))
            expected = log.get(position)
            if expected is None:
                # What left the log for the archive is no stranger.
                self.report.foreign += len(copies) * (position not in archived)
                self._offsets[position] = _NONE
                continue
            self.report.log += 1
            self._judge(position, copies, expected)

    def _copies(self, position: int) -> Iterator[Copy]:
        if self._digests[position] != _NONE:
            yield Copy(self._digests[position], self._offsets[position], replayed=False)
        yield from self._further.get(position, ())

    def _judge(self, position: int, copies: list[Copy], expected: int) -> None:
        own = [copy for copy in copies if copy.digest == expected]
        in_turn = [copy.offset for copy in own if not copy.replayed]
        if not own:
            self.report.missing.append(position)
        self.report.foreign += len(copies) - len(own)
        self.report.duplicate += max(0, len(in_turn) - 1)
        self._offsets[position] = in_turn[0] if in_turn else _NONE

    def judge_order(self, *, after: int) -> None:
        """Count the events that stand behind a later one; call it when all is compared."""
        lowest: int | None = None
        for position in range(self.upto, after, -1):
            offset = self._offsets[position]
            if offset == _NONE:
                continue
            if lowest is not None and offset > lowest:
                self.report.reordered += 1
            else:
                lowest = offset
