"""What the OpenAPI documents of all rooms have in common."""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from pydantic import BaseModel

REF: Final = "#/components/schemas/{model}"

_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_PARAMETER: Final = re.compile(r"{(\w+)}")

Json = dict[str, Any]


class Declared(Protocol):
    """An operation, as far as all rooms declare it in one way."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def query(self) -> type[BaseModel] | None: ...


_Declared = TypeVar("_Declared", bound=Declared)


def paths_of(
    endpoints: Sequence[_Declared], describe: Callable[[_Declared], Json]
) -> dict[str, Json]:
    """Describe *endpoints*, each by its id and summary and by what *describe* adds.

    Raises:
        ValueError: Two of them share a summary, from which their ids are made.
    """
    ids = [operation_id(endpoint) for endpoint in endpoints]
    if len(set(ids)) < len(ids):
        raise ValueError(f"operations share an id: {sorted(ids)}")
    paths: dict[str, Json] = {}
    for endpoint, name in zip(endpoints, ids, strict=True):
        operation = {"operationId": name, "summary": endpoint.summary}
        operations = paths.setdefault(endpoint.path, {})
        operations[endpoint.method.lower()] = operation | describe(endpoint)
    return paths


def operation_id(endpoint: Declared) -> str:
    """Return the name that *endpoint* has in the document."""
    words = "".join(word.capitalize() for word in _WORD.findall(endpoint.summary))
    return words[0].lower() + words[1:]


def parameters_of(endpoint: Declared) -> list[Json]:
    """Return the parameters that *endpoint* has in its path and in its query."""
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(endpoint.path)
    ]
    if endpoint.query is not None:
        schema = endpoint.query.model_json_schema(ref_template=REF)
        required = schema.get("required", [])
        parameters += [
            {
                "name": name,
                "in": "query",
                "required": name in required,
                # Left out is not null: a query has no null.
                "schema": {k: v for k, v in of.items() if (k, v) != ("default", None)},
            }
            for name, of in schema.get("properties", {}).items()
        ]
    return parameters
