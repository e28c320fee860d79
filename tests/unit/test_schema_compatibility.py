"""What counts as a change that a schema's readers survive."""

from copy import deepcopy
from typing import Any

import pytest

from schema_compatibility import breaks

PERSON: dict[str, Any] = {
    "title": "Person",
    "type": "object",
    "additionalProperties": False,
    "required": ["name", "home"],
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "kind": {"enum": ["a", "b"]},
        "home": {"$ref": "#/$defs/Place"},
        "stays": {"type": "array", "items": {"$ref": "#/$defs/Place"}},
        "age": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
    },
    "$defs": {
        "Place": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def changed(*path: str, to: object) -> dict[str, Any]:
    """Return the schema with one place changed; None takes it out."""
    schema = deepcopy(PERSON)
    place = schema
    for step in path[:-1]:
        place = place[step]
    if to is None:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return schema


class TestBreaks:
    @pytest.mark.parametrize(
        "new",
        [
            PERSON,
            changed("title", to="Somebody"),
            changed("properties", "name", "description", to="Words."),
            changed("properties", "nick", to={"type": "string"}),
            changed("$defs", "Place", "properties", "zip", to={"type": "string"}),
            changed("required", to=["home", "name"]),
        ],
    )
    def test_lets_pass(self, new: dict[str, Any]) -> None:
        """Words may change and optional fields be added, wherever they stand."""
        assert breaks(PERSON, new) == []

    @pytest.mark.parametrize(
        ("new", "where"),
        [
            (changed("properties", "kind", to=None), "#/kind"),
            (changed("properties", "name", "type", to="integer"), "#/name"),
            (changed("properties", "name", "minLength", to=2), "#/name"),
            (changed("properties", "name", "minLength", to=None), "#/name"),
            (changed("properties", "kind", "enum", to=["a"]), "#/kind"),
            (changed("properties", "kind", "enum", to=["a", "b", "c"]), "#/kind"),
            (changed("required", to=["name"]), "#: required"),
            (changed("required", to=["name", "home", "kind"]), "#: required"),
            (changed("additionalProperties", to=True), "#: additionalProperties"),
            (changed("properties", "age", "anyOf", to=[{"type": "integer"}]), "#/age"),
            (changed("$defs", "Place", "properties", "city", to=None), "#/home/city"),
            (
                changed("properties", "stays", "items", to={"type": "string"}),
                "#/stays[0]",
            ),
        ],
    )
    def test_finds(self, new: dict[str, Any], where: str) -> None:
        """Everything else is told, with its place."""
        found = breaks(PERSON, new)

        assert found
        assert found[0].startswith(where)
