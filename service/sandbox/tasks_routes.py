"""VTEX DO under /api/do: notes, tasks and comments about orders."""

from collections.abc import Sequence
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from service.sandbox.accounts import CALLER
from service.sandbox.answers import answer, read_json, read_query
from service.sandbox.clock import Clock, zulu
from service.sandbox.endpoint import Endpoint
from service.sandbox.shapes import JsonObject
from service.sandbox.tasks import (
    Author,
    Board,
    NewComment,
    NewNote,
    NewTask,
    Note,
    Task,
    TaskChange,
)

_MOST_ON_PAGE = 30
_TAG = "VTEX DO"


class _Page(BaseModel):
    model_config = ConfigDict(frozen=True)

    page: Annotated[int, Field(ge=1)] = 1
    per_page: Annotated[int, Field(ge=1, le=_MOST_ON_PAGE, alias="perPage")] = 10


class NotesQuery(_Page):
    """Whose notes."""

    target: str = Field(alias="target.id")


class TasksQuery(_Page):
    """Which tasks; a status with a minus before it: all others."""

    target: str | None = Field(None, alias="target.id")
    assignee: str | None = Field(None, alias="assignee.email")
    context: str | None = None
    status: str | None = None


class TasksRoutes:
    """Write notes, keep tasks, comment on them."""

    def __init__(self, board: Board, *, clock: Clock) -> None:
        self._board = board
        self._clock = clock

    def endpoints(self) -> list[Endpoint]:
        return [*self._note_endpoints(), *self._task_endpoints()]

    def _note_endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="POST",
                path="/api/do/notes",
                handler=self._write,
                summary="Write note",
                tag=_TAG,
                vtex="Create note",
                rule="At most 30 notes about one order, of 2000 characters each.",
                body=NewNote,
                answer=JsonObject,
            ),
            Endpoint(
                method="GET",
                path="/api/do/notes",
                handler=self._notes,
                summary="List notes",
                tag=_TAG,
                vtex="Get notes by order ID",
                rule="The notes about one order, oldest first.",
                query=NotesQuery,
                answer=JsonObject,
            ),
            Endpoint(
                method="GET",
                path="/api/do/notes/{noteId}",
                handler=self._note,
                summary="Get note",
                tag=_TAG,
                vtex="Retrieve note",
                rule="One note of the account.",
                answer=JsonObject,
                errors=(404,),
            ),
        ]

    def _task_endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="POST",
                path="/api/do/tasks",
                handler=self._assign,
                summary="Create task",
                tag=_TAG,
                vtex="Create task",
                rule="A task begins as `Open`.",
                body=NewTask,
                answer=JsonObject,
            ),
            Endpoint(
                method="GET",
                path="/api/do/tasks",
                handler=self._tasks,
                summary="List tasks",
                tag=_TAG,
                vtex="List tasks",
                rule="By assignee, target, context and status; `-Closed` is all that "
                "are not closed.",
                query=TasksQuery,
                answer=JsonObject,
            ),
            Endpoint(
                method="GET",
                path="/api/do/tasks/{taskId}",
                handler=self._task,
                summary="Get task",
                tag=_TAG,
                vtex="Retrieve task",
                rule="One task of the account, with its comments.",
                answer=JsonObject,
                errors=(404,),
            ),
            Endpoint(
                method="PUT",
                path="/api/do/tasks/{taskId}",
                handler=self._move,
                summary="Update task",
                tag=_TAG,
                vtex="Update task",
                rule="The task gets another status; any word will do.",
                body=TaskChange,
                answer=JsonObject,
                errors=(404,),
            ),
            Endpoint(
                method="POST",
                path="/api/do/tasks/{taskId}/comments",
                handler=self._comment,
                summary="Comment on task",
                tag=_TAG,
                vtex="Add comment on a task",
                rule="The task keeps every comment, oldest first.",
                body=NewComment,
                answer=JsonObject,
                errors=(404,),
            ),
        ]

    def _author(self, request: web.Request) -> Author:
        caller = request[CALLER]
        return Author(caller.account, caller.name, self._clock.now())

    async def _write(self, request: web.Request) -> web.Response:
        """Write a note."""
        body = await read_json(NewNote, request)
        return answer(_note(self._board.write(self._author(request), body)))

    async def _notes(self, request: web.Request) -> web.Response:
        """List the notes about an order."""
        query = read_query(NotesQuery, request)
        notes = self._board.notes(request[CALLER].account, query.target)
        return answer(_page([_note(note) for note in notes], query))

    async def _note(self, request: web.Request) -> web.Response:
        """Show one note."""
        note = self._board.note(request[CALLER].account, request.match_info["noteId"])
        return answer(_note(note))

    async def _assign(self, request: web.Request) -> web.Response:
        """Create a task."""
        body = await read_json(NewTask, request)
        return answer(_task(self._board.assign(self._author(request), body)))

    async def _tasks(self, request: web.Request) -> web.Response:
        """List the tasks."""
        query = read_query(TasksQuery, request)
        tasks = self._board.tasks(request[CALLER].account)
        return answer(_page([_task(t) for t in tasks if _wanted(t, query)], query))

    async def _task(self, request: web.Request) -> web.Response:
        """Show one task."""
        task = self._board.task(request[CALLER].account, request.match_info["taskId"])
        return answer(_task(task))

    async def _move(self, request: web.Request) -> web.Response:
        """Give a task another status."""
        change = await read_json(TaskChange, request)
        task_id = request.match_info["taskId"]
        return answer(_task(self._board.move(self._author(request), task_id, change)))

    async def _comment(self, request: web.Request) -> web.Response:
        """Comment on a task."""
        word = await read_json(NewComment, request)
        task_id = request.match_info["taskId"]
        return answer(_task(self._board.comment(self._author(request), task_id, word)))


def _wanted(task: Task, query: TasksQuery) -> bool:
    content = task.content
    email = content.assignee.email if content.assignee else None
    targets = {target.id for target in content.target}
    return (
        (query.target is None or query.target in targets)
        and (query.assignee is None or query.assignee == email)
        and (query.context is None or query.context == content.context)
        and (query.status is None or _stands(task.status, query.status))
    )


def _stands(status: str, wanted: str) -> bool:
    # VTEX's own examples separate with a semicolon, and write statuses in either case.
    name = wanted.strip(";").casefold()
    others = name.startswith("-")
    return (status.casefold() == name.removeprefix("-")) is not others


def _page(records: Sequence[JsonObject], query: _Page) -> JsonObject:
    start = (query.page - 1) * query.per_page
    return {
        "items": records[start : start + query.per_page],
        "paging": {
            "page": query.page,
            "perPage": query.per_page,
            "total": len(records),
            "pages": -(-len(records) // query.per_page),
        },
    }


def _note(note: Note) -> JsonObject:
    content = note.content
    return {
        "id": note.note_id,
        "domain": content.domain,
        "owner": note.by.account,
        "target": content.target.model_dump(),
        "description": content.description,
        "creationDate": zulu(note.by.at),
        "lastUpdate": zulu(note.by.at),
        "createdBy": _person(note.by),
    }


def _task(task: Task) -> JsonObject:
    comments = [
        {
            "text": comment.text,
            "createdBy": _person(comment.by),
            "creationDate": zulu(comment.by.at),
        }
        for comment in task.comments
    ]
    return {
        "id": task.task_id,
        **task.content.model_dump(by_alias=True),
        "status": task.status,
        "creationDate": zulu(task.by.at),
        "createdBy": _person(task.by),
        "comments": comments,
    }


def _person(author: Author) -> JsonObject:
    return {"id": author.name, "name": author.name, "email": None, "key": author.name}
