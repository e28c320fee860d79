"""The faults that the sandbox was told to have, and when each of them happens."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from service.sandbox.clock import Clock
from service.sandbox.fault_rules import ENDS, FaultRule
from service.sandbox.faults import Faults
from service.sandbox.keeping import Document, Kept
from service.sandbox.marks import Marks


@dataclass(slots=True, kw_only=True)
class Entry:
    """A rule in the book: how often it was asked, and how often it happened."""

    number: int
    rule: FaultRule
    asked: int = 0
    struck: int = 0


class FaultBook(Faults, Kept):
    """Draws for every rule that fits, from a seed: the same questions, the same answers."""

    part = "faults"

    def __init__(self, *, seed: int, clock: Clock) -> None:
        self._seed = seed
        self._clock = clock
        self._last = 0
        self._entries: dict[int, Entry] = {}
        # Whether a known issue strikes is asked several times for each request; the
        # faults of operations have no name.
        self._named: dict[str | None, list[Entry]] = {}
        self._marks: Marks[int] = Marks()

    @property
    def entries(self) -> list[Entry]:
        """All rules, those that are over too."""
        return list(self._entries.values())

    def add(self, rule: FaultRule) -> list[Entry]:
        """Write down *rule*, or the rules of a mix."""
        return [self._write(part) for part in rule.parts()]

    def drop(self, number: int) -> bool:
        """Strike a rule out; False: there is none of this number."""
        self._marks.note(number)
        entry = self._entries.pop(number, None)
        if entry is not None:
            self._named[entry.rule.name].remove(entry)
        return entry is not None

    def clear(self) -> None:
        """Strike every rule out."""
        for number in list(self._entries):
            self.drop(number)

    @override
    def strikes(self, fault: str, *, account: str, order_id: str = "") -> bool:
        struck = [
            self._draw(entry)
            for entry in self._named.get(fault, ())
            if entry.rule.concerns(account=account, order_id=order_id)
        ]
        return any(struck)

    def striking(
        self, operation: str, *, account: str, order_id: str
    ) -> list[FaultRule]:
        """Return what goes wrong with this request to *operation*."""
        found: list[FaultRule] = []
        for entry in self._named.get(None, ()):
            rule = entry.rule
            fits = rule.operation in {None, operation}
            concerned = fits and rule.concerns(account=account, order_id=order_id)
            if concerned and self._draw(entry):
                found.append(rule)
                if rule.kind in ENDS:
                    break
        return found

    def expects_stale(self) -> bool:
        """Say whether answers of now may be wanted later."""
        return any(entry.rule.kind == "stale" for entry in self._entries.values())

    @override
    def changes(self) -> Mapping[str, Document | None]:
        found: dict[str, Document | None] = {}
        for number in self._marks.take(self._entries):
            entry = self._entries.get(number)
            found[str(number)] = _document(entry) if entry else None
        return found

    @override
    def restore(self, documents: Mapping[str, Document]) -> None:
        for number in sorted(map(int, documents)):
            document = documents[str(number)]
            self._keep(
                Entry(
                    number=number,
                    rule=FaultRule.model_validate(document["rule"]),
                    asked=int(str(document["asked"])),
                    struck=int(str(document["struck"])),
                )
            )
            self._last = number
        self._marks.begin()

    def _write(self, rule: FaultRule) -> Entry:
        self._last += 1
        entry = Entry(number=self._last, rule=rule)
        self._keep(entry)
        self._marks.note(entry.number)
        return entry

    def _keep(self, entry: Entry) -> None:
        self._entries[entry.number] = entry
        self._named.setdefault(entry.rule.name, []).append(entry)

    def _draw(self, entry: Entry) -> bool:
        rule = entry.rule
        over = rule.times is not None and entry.struck >= rule.times
        if over or (rule.until is not None and self._clock.now() >= rule.until):
            return False
        entry.asked += 1
        # Not a generator of random numbers: its state could not be kept as a number.
        drawn = hashlib.blake2b(
            f"{self._seed}/{entry.number}/{entry.asked}".encode(), digest_size=8
        )
        strikes = int.from_bytes(drawn.digest()) < rule.rate * 2**64
        entry.struck += strikes
        self._marks.note(entry.number)
        return strikes


def _document(entry: Entry) -> Document:
    return {
        "rule": entry.rule.model_dump(mode="json"),
        "asked": entry.asked,
        "struck": entry.struck,
    }
