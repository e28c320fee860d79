"""A history tells what its writer knew, even if the writer was killed in the middle."""

from pathlib import Path
from uuid import UUID

import pytest

from chaos.history import NEVER, Operation, Recorder, Result, read_histories
from events import append_of
from service.errors import ConcurrencyError, DatabaseUnavailableError
from service.eventlog.records import Appended

APPENDED = Appended(UUID(int=1), partition=3, position=7, version=2, new=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.jsonl"


@pytest.fixture
def recorder(path: Path) -> Recorder:
    return Recorder(path)


def only(path: Path) -> Operation:
    [operation] = read_histories([path])
    return operation


class TestRecorder:
    def test_done(self, recorder: Recorder, path: Path) -> None:
        """An append that was acknowledged is told with its place and its time."""
        recorder.invoke("1-1", append_of("k1", "k2", expected=0))
        recorder.ok("1-1", APPENDED)

        operation = only(path)

        assert operation.outcome == "ok"
        assert operation.keys == ("k1", "k2")
        assert operation.expected == 0
        assert operation.result == Result(3, 7, 2, 1)
        assert 0 < operation.invoked <= operation.ended < NEVER

    def test_refused(self, recorder: Recorder, path: Path) -> None:
        """An append that was refused is surely not done."""
        recorder.invoke("1-1", append_of())
        recorder.fail("1-1", ConcurrencyError())

        assert only(path).outcome == "fail"
        assert only(path).errors == ("ConcurrencyError",)

    def test_unknown(self, recorder: Recorder, path: Path) -> None:
        """An append without an answer, or with an unclear one, may be done or not."""
        recorder.invoke("1-1", append_of())
        recorder.invoke("1-2", append_of())
        recorder.info("1-2", DatabaseUnavailableError())

        found = read_histories([path])

        assert [operation.outcome for operation in found] == ["info", "info"]
        assert {operation.ended for operation in found} == {NEVER}

    def test_tried_again(self, recorder: Recorder, path: Path) -> None:
        """An append is one operation over all its tries, from the first."""
        recorder.invoke("1-1", append_of())
        first = only(path).invoked
        recorder.info("1-1", DatabaseUnavailableError())
        recorder.invoke("1-1", append_of())
        assert only(path).outcome == "info"
        recorder.ok("1-1", APPENDED)

        assert only(path).outcome == "ok"
        assert only(path).tries == 2
        assert only(path).invoked == first

    def test_torn(self, recorder: Recorder, path: Path) -> None:
        """A last line that was cut off is passed over, and the next starts anew."""
        recorder.invoke("1-1", append_of())
        with path.open("ab") as file:
            file.write(b'{"id":"1-1","ki')
        assert only(path).outcome == "info"

        Recorder(path).ok("1-1", APPENDED)

        assert only(path).outcome == "ok"

    def test_none(self, path: Path) -> None:
        """A writer that was killed before its first append has no history."""
        assert read_histories([path]) == []
