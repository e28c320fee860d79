"""One operation of the sandbox, declared: its route and its OpenAPI come from here."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One operation: where it is, what it takes, what it answers, what may fail.

    It only declares: *handler* reads *query* and *body* itself, because a call that
    is refused for its body still gets into the ledger.

    Attributes:
        summary: What it does, in a few words; no two endpoints share it.
        tag: Groups the operations of one subject.
        vtex: VTEX's name of the operation; None: only the sandbox has it.
        rule: What the sandbox does, and how far it goes, in one sentence.
        body: What the request carries: a model, or any type that pydantic knows.
        answer: What the response carries, likewise; None: nothing.
        errors: Statuses that may come instead, besides those of every operation.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    vtex: str | None = None
    rule: str = ""
    query: type[BaseModel] | None = None
    body: Any = None
    answer: Any = None
    status: int = HTTPStatus.OK
    media_type: str = "application/json"
    errors: tuple[int, ...] = ()

    def route(self) -> web.RouteDef:
        return web.route(self.method, self.path, self.handler)


class Part(Protocol):
    """Some operations that belong together."""

    def endpoints(self) -> Sequence[Endpoint]:
        """Return the operations, each once."""
        ...
