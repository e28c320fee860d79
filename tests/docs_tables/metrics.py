"""The metrics of the service, from the calls that create them."""

import ast
from collections.abc import Iterable, Iterator

from docs_tables import ROOT
from docs_tables.markdown import table


def instruments() -> list[str]:
    """Return the name of every metric, as it is at `/metrics`."""
    return [_prometheus(kind, name, words["unit"]) for kind, name, words in _created()]


def every_metric() -> str:
    rows = {
        (
            name,
            _prometheus(kind, name, words["unit"]),
            words["unit"],
            words["description"],
        )
        for kind, name, words in _created()
    }
    return table(
        "| metric | at `/metrics` | unit | meaning |",
        (
            [f"`{name}`", f"`{there}`", f"`{unit}`", words]
            for name, there, unit, words in sorted(rows)
        ),
    )


def _created() -> Iterator[tuple[str, str, dict[str, str]]]:
    for file in sorted((ROOT / "service").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="meter"), attr=kind),
                    args=[ast.Constant(value=str(name))],
                    keywords=keywords,
                ):
                    yield kind, name, dict(_constants(keywords))
                case _:
                    pass


def _constants(keywords: Iterable[ast.keyword]) -> Iterator[tuple[str, str]]:
    for keyword in keywords:
        if keyword.arg and isinstance(keyword.value, ast.Constant):
            yield keyword.arg, str(keyword.value.value)


def _prometheus(kind: str, name: str, unit: str) -> str:
    there = name.replace(".", "_")
    if unit == "s" and not there.endswith("_seconds"):
        there += "_seconds"
    return f"{there}_total" if kind == "create_counter" else there
