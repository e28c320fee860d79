"""Telling the sandbox what to do wrong, under /sandbox/faults."""

from collections.abc import Collection
from http import HTTPStatus

from aiohttp import web
from pydantic import BaseModel

from service.sandbox.answers import answer, read_json
from service.sandbox.endpoint import Endpoint
from service.sandbox.fault_book import Entry, FaultBook
from service.sandbox.fault_rules import FaultRule
from service.sandbox.known_issues import KNOWN
from service.sandbox.refusals import FaultUnknownError, InvalidBodyError


class _Noted(BaseModel):
    number: int
    struck: int
    rule: FaultRule


class _Book(BaseModel):
    faults: list[_Noted]
    known: dict[str, str]
    operations: list[str]


class FaultRoutes:
    """Open to everybody who reaches the port, as all under /sandbox."""

    def __init__(self, book: FaultBook, *, operations: Collection[str]) -> None:
        self._book = book
        self._operations = operations

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="GET",
                path="/sandbox/faults",
                handler=self._read,
                summary="Read faults",
                tag="Sandbox",
                rule="What was told to go wrong, how often it did, and what else can.",
                answer=_Book,
            ),
            Endpoint(
                method="POST",
                path="/sandbox/faults",
                handler=self._add,
                summary="Add fault",
                tag="Sandbox",
                rule="From now on, beside those that are there; a mix adds many.",
                body=FaultRule,
                answer=_Book,
                status=HTTPStatus.CREATED,
            ),
            Endpoint(
                method="DELETE",
                path="/sandbox/faults",
                handler=self._clear,
                summary="Remove all faults",
                tag="Sandbox",
                rule="Nothing goes wrong any more; what went wrong stays so.",
                status=HTTPStatus.NO_CONTENT,
            ),
            Endpoint(
                method="DELETE",
                path="/sandbox/faults/{number}",
                handler=self._drop,
                summary="Remove fault",
                tag="Sandbox",
                rule="By its number; what went wrong stays so.",
                status=HTTPStatus.NO_CONTENT,
                errors=(404,),
            ),
        ]

    async def _read(self, request: web.Request) -> web.Response:
        """Tell what goes wrong."""
        return answer(self._words(self._book.entries))

    async def _add(self, request: web.Request) -> web.Response:
        """Let something go wrong."""
        rule = await read_json(FaultRule, request)
        if rule.operation is not None and rule.operation not in self._operations:
            raise InvalidBodyError({"operation": "is no operation of the Orders API"})
        added = self._book.add(rule)
        return answer(self._words(added), status=HTTPStatus.CREATED)

    async def _clear(self, request: web.Request) -> web.Response:
        """Let nothing go wrong any more."""
        self._book.clear()
        return web.Response(status=HTTPStatus.NO_CONTENT)

    async def _drop(self, request: web.Request) -> web.Response:
        """Take one fault back."""
        number = request.match_info["number"]
        if not (number.isascii() and number.isdigit() and self._book.drop(int(number))):
            raise FaultUnknownError
        return web.Response(status=HTTPStatus.NO_CONTENT)

    def _words(self, entries: list[Entry]) -> dict[str, object]:
        return {
            "faults": [
                {
                    "number": entry.number,
                    "struck": entry.struck,
                    "rule": entry.rule.model_dump(mode="json"),
                }
                for entry in entries
            ],
            "known": dict(KNOWN),
            "operations": sorted(self._operations),
        }
