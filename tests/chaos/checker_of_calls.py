"""The queue of outgoing calls against the log: what was wished for is there, once."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from chaos.checker import Kind, Violation
from service.domain.facts import OrderFact
from service.eventlog.codec import decode
from service.eventlog.records import RecordedEvent, StreamKey
from service.react.policies import LEADS_TO_CALL, call_for

SETTLED = ("done", "refused")


class QueuedCall(NamedTuple):
    """A call as the queue has it."""

    stream: StreamKey
    cause_version: int
    kind: str
    request: str
    state: str

    @property
    def place(self) -> tuple[StreamKey, int, str]:
        return self.stream, self.cause_version, self.kind


def check_queue(
    events: Iterable[RecordedEvent],
    queued: Sequence[QueuedCall],
    *,
    served: Collection[str],
) -> Iterator[Violation]:
    """Each fact that leads to a call is in the queue once, as it has to be sent.

    The calls of the accounts in *served* are settled; nobody has touched any other.
    """
    wanted = {call.place: call for call in _planned(events)}
    there = Counter(call.place for call in queued)
    for place in wanted.keys() | there.keys():
        if there[place] != 1:
            kind: Kind = "duplicate" if there[place] else "lost"
            yield Violation(kind, "queue", _named(*place))
    for call in queued:
        name, due = _named(*call.place), wanted.get(call.place)
        is_served = call.stream.account in served
        if due is None:
            yield Violation("aborted", "queue", f"{name}, which nothing leads to")
        elif call.request != due.request:
            what = f"{name} is {call.request}, not {due.request}"
            yield Violation("torn", "queue", what)
        elif is_served and call.state not in SETTLED:
            yield Violation("lost", "queue", f"{name} is {call.state}")
        elif not is_served and call.state != "pending":
            yield Violation("aborted", "queue", f"{name} is {call.state}")


def _planned(events: Iterable[RecordedEvent]) -> Iterator[QueuedCall]:
    streams: defaultdict[StreamKey, list[RecordedEvent]] = defaultdict(list)
    for event in events:
        streams[event.stream].append(event)
    for stream, of_stream in streams.items():
        of_stream.sort(key=lambda event: event.version)
        before: list[OrderFact] = []
        for event in of_stream:
            fact = decode(event)
            if event.type in LEADS_TO_CALL:
                call = call_for(fact, before=before)
                if call is not None:
                    request = call.request.model_dump_json()
                    yield QueuedCall(stream, event.version, call.kind, request, "")
            before.append(fact)


def _named(stream: StreamKey, cause_version: int, kind: str) -> str:
    return f"{stream} {kind} of version {cause_version}"
