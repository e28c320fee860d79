"""What breaks the readers of a JSON Schema's earlier form."""

from collections.abc import Iterator, Mapping
from typing import Any

_WORDS = frozenset({"title", "description", "default", "examples", "$comment", "$defs"})
"""Say something about a value, but do not restrict it."""

Schema = Mapping[str, Any]


def breaks(old: Schema, new: Schema) -> list[str]:
    """Return why a reader that knows *old* could fail on what *new* describes, or not.

    The rule is simpler than the theory: a field that is optional may be added, and
    words may change. Everything else is a new version. A reader has to overlook
    fields that it does not know, as every consumer of events should.
    """
    return list(_breaks(_Within(old), _Within(new), at="#"))


class _Within:
    """A schema together with the document that its references point into."""

    def __init__(self, schema: Schema, root: Schema | None = None) -> None:
        self.root = root or schema
        while "$ref" in schema:
            schema = self.root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
        self.rules = {k: v for k, v in schema.items() if k not in _WORDS}

    def properties(self) -> Mapping[str, "_Within"]:
        fields = self.rules.get("properties", {})
        return {name: _Within(schema, self.root) for name, schema in fields.items()}

    def parts(self) -> list["_Within"]:
        """Return the schemas of which this one is made, but for its properties."""
        rules = self.rules
        found = [*rules.get("anyOf", ()), *rules.get("prefixItems", ())]
        found += [
            rules[word]
            for word in ("items", "additionalProperties")
            if isinstance(rules.get(word), dict)
        ]
        return [_Within(schema, self.root) for schema in found]

    def shape(self) -> Mapping[str, object]:
        """Return the rules that stand in this schema itself."""
        shape: dict[str, object] = {}
        for word, rule in self.rules.items():
            if word in {"anyOf", "prefixItems"}:
                shape[word] = len(rule)
            elif word in {"required", "enum"}:
                shape[word] = sorted(rule, key=str)
            elif word != "properties":
                shape[word] = "a schema" if isinstance(rule, dict) else rule
        return shape


def _breaks(old: _Within, new: _Within, *, at: str) -> Iterator[str]:
    before, after = old.shape(), new.shape()
    for word in sorted(before.keys() | after.keys()):
        if before.get(word) != after.get(word):
            yield f"{at}: {word} was {before.get(word)}, is {after.get(word)}"
    known, found = old.properties(), new.properties()
    for name in known:
        if name not in found:
            yield f"{at}/{name}: is gone"
        else:
            yield from _breaks(known[name], found[name], at=f"{at}/{name}")
    for number, (one, other) in enumerate(zip(old.parts(), new.parts(), strict=False)):
        yield from _breaks(one, other, at=f"{at}[{number}]")
