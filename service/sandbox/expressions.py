"""Expressions in JSONata that say which orders a feed or a hook wants."""

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Self

import jsonata  # type: ignore[import-untyped]
from pydantic import (
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    TypeAdapter,
    WithJsonSchema,
)

from service.sandbox.refusals import ExpressionError

_LONGEST: Final = 10_000
_DEEPEST: Final = 100
_MILLISECONDS: Final = 200

_BARE_QUOTE: Final = re.compile(r'(?<!\\)"')

_NESTED: Final = re.compile(r"[*+}][^()]*\)[*+{]")
"""A repetition of a repetition: no time limit stops Python's matching of those."""

_TEXT: Final[TypeAdapter[str]] = TypeAdapter(
    Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST)],
    config=ConfigDict(strict=True),
)


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression, compiled once; it holds or does not hold for an order document."""

    text: str
    _compiled: Any = field(compare=False, repr=False)

    @classmethod
    def read(cls, text: str) -> Self:
        """Compile *text*.

        Raises:
            ExpressionError: It is not JSONata.
        """
        try:
            compiled = jsonata.Jsonata(unescaped(text), regex_engine=_pattern)
        # The library lets slips of its own through, such as a KeyError for a lone "!".
        except Exception as error:
            raise ExpressionError(f"is not JSONata: {error}") from error
        # The document was JSON a moment ago: there is nothing to check in it.
        compiled.set_validate_input(False)
        return cls(text, compiled)

    def holds(self, document: object) -> bool:
        """Say whether *document* meets it, as JSONata takes any value for true or false.

        Raises:
            ExpressionError: It fails on this document, goes too deep or takes too long.
        """
        try:
            # The limits count from here; the library alone would count from compiling.
            self._compiled.environment.set_runtime_bounds(_MILLISECONDS, _DEEPEST)
            return bool(jsonata.Functions.to_boolean(self._compiled.evaluate(document)))
        except Exception as error:
            raise ExpressionError(str(error)) from error


def unescaped(text: str) -> str:
    r"""Return *text* with `"` for `\"` if it has no other: it was escaped twice.

    VTEX's own examples are, and its guide asks for it.
    """
    return text if _BARE_QUOTE.search(text) else text.replace('\\"', '"')


def _pattern(text: str, flags: Any) -> Any:
    if _NESTED.search(text):
        raise ExpressionError("repeats within a repetition are not taken in patterns")
    return jsonata.regex_engine.default_regex_engine(text, flags)


def _compile(value: object) -> Expression:
    # Pydantic names the field only for a ValueError.
    try:
        return Expression.read(_TEXT.validate_python(value))
    except ExpressionError as error:
        raise ValueError(str(error)) from error


CompiledExpression = Annotated[
    Expression,
    PlainValidator(_compile),
    PlainSerializer(lambda expression: expression.text, return_type=str),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": _LONGEST}),
]
"""The field of a body that holds an expression."""
