"""VTEX DO: notes, tasks and comments, and how they outlive a process."""

import orjson
import pytest

from service.sandbox.clock import ManualClock
from service.sandbox.refusals import NotAllowedError, RecordUnknownError
from service.sandbox.tasks import (
    Author,
    Board,
    NewComment,
    NewNote,
    NewTask,
    TaskChange,
)

ANA = Author("acme", "ana", ManualClock().now())
OTHER = Author("other", "bob", ManualClock().now())


def note(target: str = "1-01", text: str = "ring twice") -> NewNote:
    return NewNote.model_validate(
        {"target": {"id": target}, "domain": "oms", "description": text}
    )


def task() -> NewTask:
    return NewTask.model_validate(
        {
            "target": [{"id": "1-01", "type": "order", "url": None}],
            "domain": "oms",
            "context": "Marketplace",
            "name": "pricing",
            "priority": "Critical",
            "surrogateKey": "1-0",
            "description": "look at the price",
            "dueDate": "2026-03-03",
            "assignee": {"email": "ana@example.com"},
            "followers": [],
            "parentTaskId": None,
        }
    )


class TestNotes:
    def test_belong_to_an_order_of_an_account(self) -> None:
        """Notes are found by their order and by themselves, in their account alone."""
        board = Board()
        first, second = board.write(ANA, note()), board.write(ANA, note())
        board.write(ANA, note("2-01"))

        assert board.notes("acme", "1-01") == [first, second]
        assert board.note("acme", first.note_id) == first
        assert board.notes("other", "1-01") == []
        with pytest.raises(RecordUnknownError):
            board.note("other", first.note_id)

    def test_are_thirty_at_most(self) -> None:
        """The thirty-first note about an order is refused; another order takes it."""
        board = Board()
        for _ in range(30):
            board.write(ANA, note())

        with pytest.raises(NotAllowedError):
            board.write(ANA, note())
        board.write(ANA, note("2-01"))
        board.write(OTHER, note())

        assert len(board.notes("acme", "1-01")) == 30
        assert len(board.notes("acme", "2-01")) == 1
        assert len(board.notes("other", "1-01")) == 1

    @pytest.mark.parametrize("text", ["", "x" * 2001])
    def test_have_a_length(self, text: str) -> None:
        """A note says something, in two thousand characters."""
        with pytest.raises(ValueError, match="validation error"):
            note(text=text)


class TestTasks:
    def test_go_on(self) -> None:
        """A task is open until somebody says otherwise."""
        board = Board()
        made = board.assign(ANA, task())
        board.move(ANA, made.task_id, TaskChange(status="Closed"))

        assert made.status == "Open"
        assert board.task("acme", made.task_id).status == "Closed"

    def test_hold_comments(self) -> None:
        """Every comment stays, with its author."""
        board = Board()
        made = board.assign(ANA, task())
        board.comment(ANA, made.task_id, NewComment(text="one"))
        board.comment(ANA, made.task_id, NewComment(text="two"))
        comments = board.task("acme", made.task_id).comments

        assert [comment.text for comment in comments] == ["one", "two"]
        assert comments[0].by == ANA

    def test_are_unknown_to_others(self) -> None:
        """Another account neither sees a task nor changes it."""
        board = Board()
        made = board.assign(ANA, task())

        assert board.tasks("other") == []
        with pytest.raises(RecordUnknownError):
            board.move(OTHER, made.task_id, TaskChange(status="Closed"))
        with pytest.raises(RecordUnknownError):
            board.comment(OTHER, made.task_id, NewComment(text="mine"))


class TestKeeping:
    def test_comes_back_as_it_was(self) -> None:
        """What was kept, in any order, makes the same board; each change once."""
        board = Board()
        for number in range(12):
            board.write(ANA, note(text=str(number)))
        made = board.assign(ANA, task())
        kept = dict(board.changes())
        board.comment(ANA, made.task_id, NewComment(text="one"))
        kept |= board.changes()
        again = Board()
        again.restore(
            {key: orjson.loads(orjson.dumps(kept[key])) for key in sorted(kept)}
        )

        assert again.notes("acme", "1-01") == board.notes("acme", "1-01")
        assert again.tasks("acme") == board.tasks("acme")
        assert board.changes() == {}
        assert again.changes() == {}
        assert again.write(ANA, note()).number == 12
