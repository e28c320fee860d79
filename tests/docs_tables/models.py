"""The facts, and the order document that one of them carries."""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import cast

from pydantic import BaseModel

from docs_tables.markdown import table
from docs_tables.schemas import PARTS, type_of
from service.domain import facts


def every_fact() -> str:
    parts = (facts.InvoiceItem, facts.Checkpoint)
    return "\n".join(map(_described, (*facts.FACTS.values(), *parts)))


def order_document() -> str:
    return "\n".join(map(_described, PARTS.values()))


def _described(model: type[BaseModel]) -> str:
    schema, words = model.model_json_schema(), _field_docstrings(model)
    version = getattr(model, "schema_version", None)
    rows = [
        [f"`{name}`", type_of(schema["properties"][name]), words.get(name, "")]
        for name in model.model_fields
        if name != "type" or version is None
    ]
    text = inspect.cleandoc(model.__doc__ or "")
    if version is not None:
        text += f"\nSchema version {version}."
    told = table("| field | type | meaning |", rows) if rows else ""
    return f"### {model.__name__}\n\n{text}\n\n{told}".rstrip() + "\n"


def _field_docstrings(model: type[BaseModel]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in reversed(model.__mro__):
        if part.__module__.startswith("service."):
            found |= _docstrings_below(inspect.getsource(part))
    return found


def _docstrings_below(source: str) -> Iterator[tuple[str, str]]:
    body = cast("ast.ClassDef", ast.parse(source).body[0]).body
    for field, below in pairwise(body):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(words))),
            ):
                yield name, " ".join(words.split())
            case _:
                pass
