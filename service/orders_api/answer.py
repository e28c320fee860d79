"""What VTEX answered, and what its refusals say once nothing private is left in them."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple, TypeVar

import orjson
from pydantic import TypeAdapter, ValidationError
from typing_extensions import override

from service.errors import UnreadableAnswerError
from service.orders_api.bodies import Request

_T = TypeVar("_T")

_LONGEST_REASON: Final = 200
# The services behind the Orders API word their errors in different ways.
_REASONS: Final = ("message", "Message", "detail", "title")
# E-mail addresses; documents and telephone numbers; handles and tokens.
_PRIVATE: Final = re.compile(r"\S+@\S+|\+?\d[\d./() -]{7,}\d|\S{40,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation of the Orders API.

    *name* is what its spans are called after, *title* what VTEX's documentation calls
    it, *call* the client's method, and *query* what it takes there. *own_account* is
    the parameter that names an account: ours, unless a caller names another. One that
    *only_asks* does nothing at VTEX, whatever its method.
    """

    method: str
    name: str
    path: str
    title: str
    call: str
    query: tuple[str, ...] = ()
    own_account: str | None = None
    body: type[Request] | None = None
    only_asks: bool = False
    largest_answer: int = 1024 * 1024

    @property
    def needs_body(self) -> bool:
        """Whether VTEX refuses it without a body."""
        fields = self.body.model_fields.values() if self.body else ()
        return any(field.is_required() for field in fields)

    @property
    def changes(self) -> bool:
        """Whether it does something at VTEX, so that sending it twice matters."""
        return self.method != "GET" and not self.only_asks

    @override
    def __str__(self) -> str:
        return f"{self.method} {self.name}"


class Refusal(NamedTuple):
    """Why VTEX refused, in its words: shortened, without personal data or secrets."""

    code: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One complete answer."""

    operation: Operation
    status: int
    headers: Mapping[str, str]
    body: bytes

    def read_as(self, wanted: TypeAdapter[_T], *, called: str) -> _T:
        """Return the answer as *wanted*, which people call *called*.

        Raises:
            UnreadableAnswerError: It holds something else.
        """
        try:
            return wanted.validate_python(self._parsed(), strict=True)
        except ValidationError:
            raise self._unreadable(called) from None

    def json_object(self) -> Mapping[str, object]:
        """Return the JSON object that the answer holds.

        Raises:
            UnreadableAnswerError: It holds something else.
        """
        content = self._parsed()
        if not isinstance(content, dict):
            raise self._unreadable("a JSON object")
        return content

    def json_array(self) -> Sequence[object]:
        """Return the JSON array that the answer holds.

        Raises:
            UnreadableAnswerError: It holds something else.
        """
        content = self._parsed()
        if not isinstance(content, list):
            raise self._unreadable("a JSON array")
        return content

    def _parsed(self) -> object:
        try:
            return parse(self.body)
        except ValueError:
            raise self._unreadable("JSON") from None

    def _unreadable(self, wanted: str) -> UnreadableAnswerError:
        return UnreadableAnswerError(
            f"VTEX's answer to {self.operation} is not {wanted}.",
            size=len(self.body),
            outcome_unknown=self.operation.changes,
        )

    def refusal(self) -> Refusal:
        """Return the code and the message of VTEX's error document, in any shape."""
        try:
            content = parse(self.body)
        except ValueError:
            return Refusal(None, "an answer that is no JSON")
        error = content.get("error", content) if isinstance(content, dict) else content
        if not isinstance(error, dict):
            return Refusal(None, _without_private(error))
        code = error.get("code")
        return Refusal(
            None if code is None else _without_private(code),
            _without_private(next(filter(None, map(error.get, _REASONS)), "")),
        )

    def retry_after(self) -> float | None:
        """Return the seconds to wait that VTEX asks for, where it says so legibly."""
        value = self.headers.get("Retry-After", "").strip()
        if value.isdecimal():
            return float(value)
        try:
            # Against the answer's own date: our clock need not be VTEX's.
            until, said = (
                parsedate_to_datetime(text).replace(tzinfo=UTC)
                for text in (value, self.headers.get("Date", ""))
            )
        except ValueError:
            return None
        return max(0.0, (until - said).total_seconds())


def parse(body: bytes) -> object:
    """Parse JSON, with the lone surrogates and odd bytes that VTEX lets through.

    Raises:
        ValueError: It is no JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            return json.loads(body.decode(errors="replace"))
        except RecursionError:
            raise ValueError("nested too deeply") from None


def _without_private(value: object) -> str:
    words = " ".join(str(value).split())
    printable = "".join(letter for letter in words if letter.isprintable())
    return _PRIVATE.sub("[removed]", printable)[:_LONGEST_REASON]
