"""VTEX DO: the notes and tasks that people keep about orders."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from typing_extensions import override

from service.sandbox.bodies import Text
from service.sandbox.keeping import Document, Kept
from service.sandbox.refusals import NotAllowedError, RecordUnknownError

_MOST_NOTES: Final = 30
_LONGEST_NOTE: Final = 2000


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True)


class Target(_Body):
    """What a note or a task is about, such as an order."""

    id: Text
    type: str = "order"
    url: str | None = None


class Person(_Body):
    """Who made something, or should do it."""

    id: str | None = None
    name: str | None = None
    email: str | None = None
    key: str | None = None


class NewNote(_Body):
    """A note to keep."""

    target: Target
    domain: str
    description: Annotated[str, Field(min_length=1, max_length=_LONGEST_NOTE)]


class NewTask(_Body):
    """A task to do."""

    target: tuple[Target, ...]
    domain: str
    context: str
    name: str
    priority: str
    surrogate_key: str = Field(alias="surrogateKey")
    description: str
    due_date: str = Field(alias="dueDate")
    assignee: Person | None
    followers: tuple[Person, ...]
    parent_task_id: str | None = Field(alias="parentTaskId")


class TaskChange(_Body):
    """What becomes of a task."""

    status: Text


class NewComment(_Body):
    """A word on a task."""

    text: Text


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes into which account, and when."""

    account: str
    name: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note; *number* counts them, from 0."""

    number: int
    by: Author
    content: NewNote

    @property
    def note_id(self) -> str:
        return _id(f"note/{self.number}")


@dataclass(frozen=True, slots=True)
class Comment:
    """A word on a task."""

    by: Author
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A task, and how far it is; *number* counts them, from 0."""

    number: int
    by: Author
    content: NewTask
    status: str = "Open"
    comments: tuple[Comment, ...] = ()

    @property
    def task_id(self) -> str:
        return _id(f"task/{self.number}")


def _id(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32].upper()


_NOTE: Final = TypeAdapter(Note)
_TASK: Final = TypeAdapter(Task)


class Board(Kept):
    """The notes and tasks of every account.

    Nobody looks whether the order of a note is there: VTEX DO is another system.
    """

    def __init__(self) -> None:
        self.part = "do"
        self._notes: dict[str, Note] = {}
        self._tasks: dict[str, Task] = {}
        self._unkept: dict[str, Document] = {}

    def write(self, author: Author, content: NewNote) -> Note:
        """Keep a note.

        Raises:
            NotAllowedError: There are too many about this order.
        """
        if len(self.notes(author.account, content.target.id)) >= _MOST_NOTES:
            raise NotAllowedError(f"An order has at most {_MOST_NOTES} notes")
        note = Note(number=len(self._notes), by=author, content=content)
        self._notes[note.note_id] = note
        document = _NOTE.dump_python(note, mode="json", by_alias=True)
        self._unkept[f"note/{note.number}"] = document
        return note

    def notes(self, account: str, target: str) -> list[Note]:
        """Return the notes about *target*, oldest first."""
        return [
            note
            for note in self._notes.values()
            if note.by.account == account and note.content.target.id == target
        ]

    def note(self, account: str, note_id: str) -> Note:
        """Return one note.

        Raises:
            RecordUnknownError: There is no such note.
        """
        note = self._notes.get(note_id)
        if note is None or note.by.account != account:
            raise RecordUnknownError(f"There is no note {note_id}")
        return note

    def assign(self, author: Author, content: NewTask) -> Task:
        """Keep a task, open."""
        return self._put(Task(number=len(self._tasks), by=author, content=content))

    def tasks(self, account: str) -> list[Task]:
        """Return all tasks, oldest first."""
        return [task for task in self._tasks.values() if task.by.account == account]

    def task(self, account: str, task_id: str) -> Task:
        """Return one task.

        Raises:
            RecordUnknownError: There is no such task.
        """
        task = self._tasks.get(task_id)
        if task is None or task.by.account != account:
            raise RecordUnknownError(f"There is no task {task_id}")
        return task

    def move(self, author: Author, task_id: str, change: TaskChange) -> Task:
        """Give a task another status."""
        task = self.task(author.account, task_id)
        return self._put(replace(task, status=change.status))

    def comment(self, author: Author, task_id: str, word: NewComment) -> Task:
        """Add a word to a task."""
        task = self.task(author.account, task_id)
        comment = Comment(author, word.text)
        return self._put(replace(task, comments=(*task.comments, comment)))

    def _put(self, task: Task) -> Task:
        self._tasks[task.task_id] = task
        document = _TASK.dump_python(task, mode="json", by_alias=True)
        self._unkept[f"task/{task.number}"] = document
        return task

    @override
    def changes(self) -> Mapping[str, Document | None]:
        unkept, self._unkept = self._unkept, {}
        return unkept

    @override
    def restore(self, documents: Mapping[str, Document]) -> None:
        for key in sorted(documents, key=_number):
            if key.startswith("note/"):
                note = _NOTE.validate_python(documents[key])
                self._notes[note.note_id] = note
            else:
                task = _TASK.validate_python(documents[key])
                self._tasks[task.task_id] = task


def _number(key: str) -> int:
    return int(key.rpartition("/")[2])
