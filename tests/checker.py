"""What the sandbox saw against what the service recorded and shows of it.

Each function returns all violations that it finds, a sentence each; none means that the
two agree. Whether log and topic are sound in themselves is for `chaos.checker`.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from operator import itemgetter
from typing import Any, NamedTuple

from service.clock import SystemClock
from service.domain.document import OrderDocument, normalise
from service.domain.facts import (
    CallParked,
    CallRefused,
    CallSucceeded,
    CancellationRequested,
    CourierUpdateReceived,
    HandlingRequested,
    InvoiceIssued,
    OrderDetailsFetched,
    OrderFact,
    OrderStatusReported,
    TrackingNumberAssigned,
)
from service.domain.stage import (
    Stage,
    channel_of,
    stage_of,
    stage_of_status,
    triggers,
)
from service.domain.statuses import START_HANDLING, overlay_of
from service.eventlog.codec import decode
from service.eventlog.records import RecordedEvent, StreamKey
from service.sandbox.document import order_document
from service.sandbox.orders import Order
from service.sandbox.state import LedgerEntry

Fact = tuple[RecordedEvent, OrderFact]


class Deed(NamedTuple):
    """Something done to an order, named alike by whoever tells of it."""

    stream: StreamKey
    kind: str
    detail: tuple[Hashable, ...] = ()


def facts_of(events: Iterable[RecordedEvent]) -> list[Fact]:
    """Decode *events* but for the documents, which are judged by what is shown."""
    return [
        (event, decode(event))
        for event in events
        if event.type != OrderDetailsFetched.__name__
    ]


def status_violations(
    ledger: Iterable[LedgerEntry], facts: Iterable[Fact]
) -> list[str]:
    """Each status that an order came into is reported once, and no other is."""
    entered = [
        Deed(_stream(entry), str(entry.detail["state"]), (entry.at,))
        for entry in ledger
        if entry.kind == "status"
    ]
    reported = [
        Deed(event.stream, str(fact.state), (fact.last_change,))
        for event, fact in facts
        if isinstance(fact, OrderStatusReported)
    ]
    return _compared("status reported", wanted=entered, found=reported)


def paper_violations(accepted: Iterable[Deed], facts: Iterable[Fact]) -> list[str]:
    """Each command that was accepted is one fact, and no other fact is there."""
    recorded = [
        Deed(event.stream, *paper)
        for event, fact in facts
        if (paper := _paper(fact)) is not None
    ]
    return _compared("command recorded", wanted=accepted, found=recorded)


def call_violations(
    ledger: Sequence[LedgerEntry],
    facts: Sequence[Fact],
    *,
    ours: Collection[str],
) -> list[str]:
    """Each call that the sandbox took from us, or refused, is told once in the log."""
    sent = [entry for entry in ledger if entry.by in ours]
    # Who dies before a refusal is kept asks once more, which changes nothing.
    refused = {
        (_stream(entry), entry.kind, str(entry.detail))
        for entry in sent
        if entry.outcome == "refused"
    }
    return [
        *_compared(
            "call succeeded",
            wanted=[_call_deed(entry) for entry in sent if entry.outcome == "done"],
            found=[deed for _, deed in _succeeded(facts)],
        ),
        *_compared(
            "call refused",
            wanted=[Deed(stream, kind) for stream, kind, _ in refused],
            found=[
                Deed(event.stream, fact.kind)
                for event, fact in facts
                if isinstance(fact, CallRefused)
            ],
        ),
    ]


def order_violations(
    ledger: Iterable[LedgerEntry], facts: Sequence[Fact], *, ours: Collection[str]
) -> list[str]:
    """An order's calls reached the sandbox in the order of what caused them."""
    sent: defaultdict[StreamKey, list[Deed]] = defaultdict(list)
    for entry in ledger:
        if entry.by in ours and entry.outcome == "done":
            sent[_stream(entry)].append(_call_deed(entry))
    caused: defaultdict[StreamKey, list[Deed]] = defaultdict(list)
    for _, deed in sorted(_succeeded(facts), key=itemgetter(0)):
        caused[deed.stream].append(deed)
    return [
        f"call out of order: {_told(came)} instead of {_told(due)}"
        for stream, deeds in sent.items()
        if Counter(deeds) == Counter(caused[stream])
        for came, due in zip(deeds, caused[stream], strict=True)
        if came != due
    ]


def _succeeded(facts: Sequence[Fact]) -> list[tuple[int, Deed]]:
    """Return the calls that the log tells as done, each with its cause's version."""
    causes = {(event.stream, event.version): fact for event, fact in facts}
    return [
        (
            fact.cause_version,
            Deed(
                event.stream,
                fact.kind,
                _call_detail(causes.get((event.stream, fact.cause_version))),
            ),
        )
        for event, fact in facts
        if isinstance(fact, CallSucceeded)
    ]


def outcome_violations(facts: Sequence[Fact]) -> list[str]:
    """Each fact that leads to a call has one outcome, and none was parked."""
    leading = [
        Deed(event.stream, str(event.version))
        for event, fact in facts
        if isinstance(fact, HandlingRequested) or _paper(fact) is not None
    ]
    ended = [
        Deed(event.stream, str(fact.cause_version))
        for event, fact in facts
        if isinstance(fact, CallSucceeded | CallRefused | CallParked)
    ]
    parked = [
        f"call parked: {event.stream} {fact.kind}: {fact.reason}"
        for event, fact in facts
        if isinstance(fact, CallParked)
    ]
    return [*_compared("call outcome", wanted=leading, found=ended), *parked]


def repetitions(ledger: Iterable[LedgerEntry], *, ours: Collection[str]) -> list[str]:
    """No call did again what one of ours had done already."""
    done: Counter[Deed] = Counter()
    found = []
    for entry in ledger:
        if entry.by not in ours or entry.outcome == "refused":
            continue
        deed = _call_deed(entry)
        done[deed] += 1
        if done[deed] > 1 or entry.outcome == "repeated":
            found.append(f"sent again: {_told(deed)} in ledger entry {entry.number}")
    return found


def shown_violations(
    orders: Iterable[Order],
    ledger: Iterable[LedgerEntry],
    shown: Iterable[Mapping[str, Any]],
) -> list[str]:
    """Each order is shown as the rules say of its own document at the sandbox."""
    known = {StreamKey(item["account"], item["order_id"]): item for item in shown}
    passed: defaultdict[StreamKey, list[str]] = defaultdict(list)
    for entry in ledger:
        if entry.kind == "status":
            passed[_stream(entry)].append(str(entry.detail["state"]))
    found = []
    for order in orders:
        stream = StreamKey(order.account, order.order_id)
        wanted = _view(normalise(order_document(order)), passed[stream])
        item = known.pop(stream, {})
        found += [
            f"shown otherwise: {stream} {name} is {item.get(name)!r}, not {value!r}"
            for name, value in wanted.items()
            if item.get(name) != value
        ]
    return found + [f"shown though there is no such order: {one}" for one in known]


def _view(document: OrderDocument, passed: Iterable[str]) -> dict[str, object]:
    stage = stage_of(document, SystemClock().now()) or _furthest(document, passed)
    return {
        "status": document.status,
        "overlay": overlay_of(document.status),
        "stage": stage.number if stage else None,
        "triggers": list(triggers(stage)) if stage else None,
    }


def _furthest(document: OrderDocument, passed: Iterable[str]) -> Stage | None:
    told = ("handling" if state == START_HANDLING else state for state in passed)
    stages = (stage_of_status(state, pickup=False) for state in told)
    furthest = max(filter(None, stages), key=lambda stage: stage.rank, default=None)
    if furthest is None:  # a seller's order, before it is handled
        return None
    return replace(furthest, pickup=channel_of(document) == "pickup")


def _paper(fact: OrderFact) -> tuple[str, tuple[Hashable, ...]] | None:
    match fact:
        case InvoiceIssued():
            return "invoice", (fact.invoice_number,)
        case TrackingNumberAssigned():
            return "tracking-number", (fact.invoice_number, fact.tracking_number)
        case CourierUpdateReceived():
            seen = len(fact.checkpoints)
            return "tracking", (fact.invoice_number, fact.is_delivered, seen)
        case CancellationRequested():
            return "cancel", ()
        case _:
            return None


def _call_detail(cause: OrderFact | None) -> tuple[Hashable, ...]:
    paper = cause and _paper(cause)
    return paper[1] if paper else ()


_DETAILS: Mapping[str, Sequence[str]] = {
    "invoice": ("invoiceNumber",),
    "tracking-number": ("invoiceNumber", "trackingNumber"),
    "tracking": ("invoiceNumber", "isDelivered", "events"),
}


def _call_deed(entry: LedgerEntry) -> Deed:
    names = _DETAILS.get(entry.kind, ())
    detail: Callable[[str], Any] = entry.detail.__getitem__
    return Deed(_stream(entry), entry.kind, tuple(map(detail, names)))


def _stream(entry: LedgerEntry) -> StreamKey:
    return StreamKey(entry.account, entry.order_id)


def _compared(what: str, *, wanted: Iterable[Deed], found: Iterable[Deed]) -> list[str]:
    is_wanted, is_found = Counter(wanted), Counter(found)
    return [
        *(f"{what}: lost {_told(deed)}" for deed in (is_wanted - is_found).elements()),
        *(
            f"{what}: {'once too often' if deed in is_wanted else 'unheard of'} "
            f"{_told(deed)}"
            for deed in (is_found - is_wanted).elements()
        ),
    ]


def _told(deed: Deed) -> str:
    return " ".join(map(str, (deed.stream, deed.kind, *deed.detail)))
