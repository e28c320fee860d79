"""Every way in which a partition of the topic can differ from the log is counted."""

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.publish.audit_ledger import Ledger, Report
from service.publish.audit_window import digest_of, window_of
from topics import Sent

UPTO = 6


def record(position: int, *, id_: bytes | None = None, replay: bool = False) -> Sent:
    headers: list[tuple[str, bytes | None]] = [
        ("ce_sequence", b"%020d" % position),
        ("ce_id", id_ or b"id-%d" % position),
    ]
    return Sent(headers=[*headers, ("ce_replay", b"true")] if replay else headers)


def at_offsets(records: Iterable[Sent]) -> list[Sent]:
    return [
        Sent(offset=offset, headers=each.headers) for offset, each in enumerate(records)
    ]


def log(upto: int = UPTO) -> Mapping[int, int]:
    return {n: digest_of(n, b"id-%d" % n, b"{}") for n in range(1, upto + 1)}


def report_of(
    records: Iterable[Sent], *, archived: frozenset[int] = frozenset()
) -> Report:
    ledger = Ledger(0, upto=UPTO)
    for each in at_offsets(records):
        ledger.add(each)
    left = {n: digest for n, digest in log().items() if n not in archived}
    ledger.compare(left, after=0, upto=UPTO, archived=archived)
    ledger.judge_order(after=0)
    return ledger.report


def all_but(*positions: int) -> list[Sent]:
    return [record(n) for n in range(1, UPTO + 1) if n not in positions]


class TestLedger:
    def test_clean(self) -> None:
        """The log's events in order are no difference."""
        found = report_of(all_but())

        assert found.is_clean
        assert (found.log, found.topic) == (UPTO, UPTO)

    def test_missing(self) -> None:
        """Events that are nowhere are named."""
        assert report_of(all_but(3, 4)).missing == [3, 4]

    def test_repaired(self) -> None:
        """An event that was published again is there; it needs no order."""
        found = report_of([*all_but(3), record(3, replay=True)])

        assert found.is_clean
        assert found.replayed == 1

    def test_replayed_beside(self) -> None:
        """What was published again though it was there is no duplicate."""
        assert report_of([record(2, replay=True), *all_but()]).is_clean

    def test_duplicate(self) -> None:
        """An event that is there twice in its turn is counted once."""
        found = report_of([*all_but(), record(2)])

        assert (found.duplicate, found.missing, found.foreign) == (1, [], 0)

    def test_swapped(self) -> None:
        """Two that changed places are one out of order."""
        records = all_but()
        records[2], records[3] = records[3], records[2]

        assert report_of(records).reordered == 1

    def test_late(self) -> None:
        """One that came late is out of order, not all that came before it."""
        assert report_of([*all_but(2), record(2)]).reordered == 1

    @pytest.mark.parametrize(
        "stranger",
        [
            record(3, id_=b"another"),
            record(0),
            Sent(),
            record(2, id_=b"x", replay=True),
        ],
    )
    def test_foreign(self, stranger: Sent) -> None:
        """What is not the log's is foreign, and hides nothing that is."""
        found = report_of([stranger, *all_but()])

        assert found.foreign == 1
        assert found.missing == []

    def test_changed(self) -> None:
        """An event with other content is foreign, and its own is missing."""
        changed = [*all_but(3), Sent(headers=record(3).headers, value=b'{"a": 1}')]
        ledger = Ledger(0, upto=UPTO)
        for each in changed:
            ledger.add(each)
        ledger.compare(log(), after=0, upto=UPTO, archived=frozenset())

        assert (ledger.report.foreign, ledger.report.missing) == (1, [3])

    def test_archived(self) -> None:
        """Events that left the log for the archive may be on the topic, or not."""
        assert report_of(all_but(), archived=frozenset({1, 2})).is_clean
        assert report_of(all_but(1), archived=frozenset({1, 2})).is_clean

    @given(st.permutations(range(1, UPTO + 1)))
    def test_no_order_is_clean_but_one(self, order: list[int]) -> None:
        """Whatever was moved shows, and nothing counts as missing."""
        found = report_of(record(n) for n in order)

        assert found.is_clean == (order == sorted(order))
        assert found.missing == []


class TestWindow:
    def test_sum_knows_no_order(self) -> None:
        """Count and digest do not depend on the order of the events."""
        forwards = window_of(0, all_but(), after=0)
        backwards = window_of(0, reversed(all_but()), after=0)

        assert forwards.sum(UPTO) == backwards.sum(UPTO)
        assert not list(forwards.faults(head=UPTO, same=True))
        assert backwards.reordered == UPTO - 1

    def test_tells_events_apart(self) -> None:
        """Another id at the same position gives another digest."""
        other = [*all_but(3), record(3, id_=b"another")]

        assert window_of(0, other, after=0).sum(UPTO)[0] == UPTO
        assert window_of(0, other, after=0).sum(UPTO) != window_of(
            0, all_but(), after=0
        ).sum(UPTO)

    def test_leaves_out_the_archived(self) -> None:
        """Positions that are left out do not count."""
        whole = window_of(0, all_but(), after=0)

        assert whole.sum(UPTO, leaving={3}) == window_of(0, all_but(3), after=0).sum(
            UPTO
        )

    def test_names_faults(self) -> None:
        """Duplicates, late ones and strangers are named."""
        window = window_of(0, [*all_but(2), record(2), record(5), Sent()], after=0)

        assert list(window.faults(head=UPTO - 1, same=False)) == [
            "events missing, or others than in the log",
            "1 again",
            "1 out of order",
            "2 not of the log",
        ]
