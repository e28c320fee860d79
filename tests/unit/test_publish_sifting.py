"""A follower takes what is new and in order, and knows a hole when it meets one."""

import pytest

from events import append_of
from memory_log import MemoryEventLog
from service.publish.sifting import Gap, sift
from topics import CONTRACT, Sent, sent, with_header

BROKEN = Sent(offset=70, value=b"{")


@pytest.fixture
async def records() -> list[Sent]:
    """Positions 1 to 6 of a partition, at offsets 10, 20 …"""
    log = MemoryEventLog()
    await log.append(append_of(*(f"key-{number}" for number in range(6))))
    return [
        sent(CONTRACT.message(event), offset=event.position * 10)
        for event in log.events
    ]


def positions(records: list[Sent], position: int) -> list[int]:
    return [event.position for event in sift(records, position=position).events]


class TestSift:
    async def test_takes_what_is_new(self, records: list[Sent]) -> None:
        """What comes after the position is taken, in order."""
        sifted = sift(records, position=2)

        assert [event.position for event in sifted.events] == [3, 4, 5, 6]
        assert (sifted.position, sifted.next_offset, sifted.gap) == (6, 61, None)

    async def test_leaves_out_repetitions(self, records: list[Sent]) -> None:
        """What is there twice is taken once."""
        assert positions([*records[:3], records[1], *records[2:]], 0) == list(
            range(1, 7)
        )

    async def test_leaves_out_replays(self, records: list[Sent]) -> None:
        """A replay out of its turn is no hole, and no progress."""
        replay = with_header(records[5], "ce_replay", b"true")
        sifted = sift([*records[:4], replay], position=0)

        assert (sifted.position, sifted.next_offset, sifted.gap) == (4, 61, None)

    async def test_takes_a_replay_that_is_next(self, records: list[Sent]) -> None:
        """What was missing and published again is taken where it fits."""
        replay = with_header(records[4], "ce_replay", b"true")

        assert positions([*records[:4], replay, records[5]], 0) == list(range(1, 7))

    async def test_stops_at_a_hole(self, records: list[Sent]) -> None:
        """What stands before a hole is taken; reading goes on at what is behind it."""
        sifted = sift([*records[:2], *records[4:]], position=0)

        assert [event.position for event in sifted.events] == [1, 2]
        assert sifted.gap == Gap(records[0].partition, after=2, next=5, offset=50)
        assert (sifted.position, sifted.next_offset) == (2, 21)

    async def test_sets_aside_what_cannot_be_decoded(self, records: list[Sent]) -> None:
        """A stranger is set aside and moves nothing but the offset."""
        sifted = sift([*records, BROKEN], position=0)

        assert [record.offset for record, _ in sifted.undecodable] == [BROKEN.offset]
        assert (sifted.position, sifted.next_offset, sifted.gap) == (6, 71, None)

    async def test_passes_a_broken_event(self, records: list[Sent]) -> None:
        """A broken event whose turn it is makes no hole."""
        records[2] = with_header(records[2], "ce_type", None)
        sifted = sift(records, position=0)

        assert [event.position for event in sifted.events] == [1, 2, 4, 5, 6]
        assert len(sifted.undecodable) == 1
