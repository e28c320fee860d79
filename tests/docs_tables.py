"""Tables of the docs, made from the code; `python -m tests.docs_tables` rewrites them."""

import ast
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, cast

from pydantic import BaseModel
from typer.main import get_command

from service import errors, web
from service.__main__ import app
from service.cli.console import CARE, RUN, VTEX
from service.cli.orders_api import usage_of
from service.config import PREFIX, Account, ApiKey, AppKey, MasterKey, Settings
from service.domain import document, facts
from service.errors import ServiceError
from service.orders_api.answer import Operation
from service.orders_api.operations import OPERATIONS
from service.sandbox.assembly import assemble
from service.sandbox.clock import ManualClock
from service.sandbox.endpoint import Endpoint
from service.sandbox.invention import Wish
from service.sandbox.known_issues import FOR_EVER, KNOWN

ROOT: Final = Path(__file__).parents[1]
BLOCK: Final = re.compile(
    r"(<!-- generated: ([a-z-]+) -->\n).*?(?=<!-- end -->)", re.DOTALL
)
COMMAND: Final = ".venv/bin/python -m tests.docs_tables"

_PLAIN: Final = {
    "string": "text",
    "date-time": "timestamp",
    "password": "secret text",
    "path": "path",
    "uri": "URL",
}
_PARTS: Final = {
    part.__name__: part
    for part in (
        document.OrderDocument,
        document.Total,
        document.Item,
        document.Logistics,
        document.Package,
        document.PackageItem,
        document.CourierStatus,
        document.PartialCheckpoint,
        document.Cancellation,
    )
}
_ANCHORS: Final = {
    "Account": "accounts",
    "ApiKey": "api-keys",
    "MasterKey": "master-keys",
}
_Schema = Mapping[str, Any]


def generated(page: str) -> str:
    """Return *page* with all its generated blocks as the code has them now."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{_BLOCKS[found[2]]()}\n", page)


def pages() -> list[Path]:
    """Return the pages with generated blocks."""
    found = (ROOT / "docs").rglob("*.md")
    return sorted(page for page in found if BLOCK.search(page.read_text("utf-8")))


def instruments() -> list[str]:
    """Return the name of every metric, as it is at `/metrics`."""
    return [_prometheus(kind, name, words["unit"]) for kind, name, words in _created()]


def _table(head: str, rows: Iterable[Iterable[str]]) -> str:
    lines = [head, re.sub(r"[^|]+", "---", head)]
    lines += [f"| {' | '.join(cell or '' for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _settings() -> str:
    head = "| variable | type | default | meaning |"
    return _table(head, _setting_rows(Settings, prefix=PREFIX))


def _members(model: type[BaseModel]) -> Callable[[], str]:
    head = "| name | type | default | meaning |"
    return lambda: _table(head, _setting_rows(model))


def _setting_rows(model: type[BaseModel], prefix: str = "") -> Iterator[list[str]]:
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else _shown(field.default)
        named = f"{prefix}{name}".upper() if prefix else name
        type_ = _type(schema["properties"][name])
        yield [f"`{named}`", type_, default, field.description or ""]


def _shown(default: object) -> str:
    if default is None:
        return ""
    if isinstance(default, bool):
        return f"`{default}`".lower()
    return "`[]`" if default == () else f"`{default}`"


def _type(schema: _Schema) -> str:
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "$ref" in schema:
        return _linked(schema["$ref"].rpartition("/")[2])
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    plain = _PLAIN.get(schema.get("format", schema["type"]), schema["type"])
    return f"{plain}{_bounds(schema)}"


def _bounds(schema: _Schema) -> str:
    if "maximum" in schema:
        return f", {schema['minimum']:.15g} to {schema['maximum']:.15g}"
    if "minimum" in schema:
        return f", {schema['minimum']} or more"
    return (
        f", above {above}"
        if (above := schema.get("exclusiveMinimum")) is not None
        else ""
    )


def _linked(name: str) -> str:
    page = "order-document.md" if name in _PARTS else ""
    return f"[{name}]({page}#{_ANCHORS.get(name, name.lower())})"


def _facts() -> str:
    parts = (facts.InvoiceItem, facts.Checkpoint)
    return "\n".join(map(_described, (*facts.FACTS.values(), *parts)))


def _document() -> str:
    return "\n".join(map(_described, _PARTS.values()))


def _described(model: type[BaseModel]) -> str:
    schema, words = model.model_json_schema(), _field_docstrings(model)
    version = getattr(model, "schema_version", None)
    rows = [
        [f"`{name}`", _type(schema["properties"][name]), words.get(name, "")]
        for name in model.model_fields
        if name != "type" or version is None
    ]
    text = inspect.cleandoc(model.__doc__ or "")
    if version is not None:
        text += f"\nSchema version {version}."
    table = _table("| field | type | meaning |", rows) if rows else ""
    return f"### {model.__name__}\n\n{text}\n\n{table}".rstrip() + "\n"


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


def _errors() -> str:
    return _table(
        "| code | HTTP | class | meaning |",
        (
            [f"`{error.code}`", str(_status(error)), f"`{error.__name__}`", _doc(error)]
            for error in _subclasses(ServiceError)
        ),
    )


def _subclasses(error: type[ServiceError]) -> Iterator[type[ServiceError]]:
    # The sandbox's refusals speak to those who call it, not to those who run this.
    for kind in error.__subclasses__():
        if (
            kind.__module__ in {errors.__name__, web.__name__}
            and kind.__base__ is error
        ):
            yield kind
            yield from _subclasses(kind)


def _status(error: type[ServiceError]) -> int:
    return next(status for kind, status in web._STATUS if issubclass(error, kind))


def _doc(error: type[ServiceError]) -> str:
    return inspect.cleandoc(error.__doc__ or "").split("\n\n", maxsplit=1)[0]


def _metrics() -> str:
    rows = {
        (
            name,
            _prometheus(kind, name, words["unit"]),
            words["unit"],
            words["description"],
        )
        for kind, name, words in _created()
    }
    return _table(
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


_OPERATION_COLUMNS: Final[Mapping[str, Callable[[Operation], str]]] = {
    "operation": lambda operation: operation.title,
    "request": lambda operation: f"{operation.method} {operation.path}",
    "client": lambda operation: f"`{operation.call}`",
    "`order-tracking orders-api …`": lambda operation: f"`{usage_of(operation)}`",
    "in the sandbox": lambda operation: _in_the_sandbox(operation).rule,
    "sandbox tested by": lambda operation: f"`{_test_of(_in_the_sandbox(operation))}`",
}
"""A column of the table of operations, and what it says of one."""


_TESTS: Final[Mapping[str, str]] = {
    "OrdersRoutes": "test_sandbox_orders_api",
    "ListingRoutes": "test_sandbox_reading_api",
    "ConversationRoutes": "test_sandbox_reading_api",
    "PaymentsRoutes": "test_sandbox_reading_api",
    "ChangeRoutes": "test_sandbox_changes_api",
    "ChangeSettingsRoutes": "test_sandbox_changes_api",
    "FeedRoutes": "test_sandbox_feed_api",
    "OldFeedRoutes": "test_sandbox_feed_api",
    "HookRoutes": "test_sandbox_hook_api",
    "ExpressionRoutes": "test_sandbox_feed_api",
}
"""Who serves operations of the sandbox, and the module that tests them over HTTP."""


def _in_the_sandbox(operation: Operation) -> Endpoint:
    return _sandbox_endpoints()[operation.method, _blank(operation.path)]


@cache
def _sandbox_endpoints() -> Mapping[tuple[str, str], Endpoint]:
    made = assemble([], seed=1, clock=ManualClock())
    return {(e.method, _blank(e.path)): e for e in made.endpoints()}


def _blank(path: str) -> str:
    return re.sub(r"{\w+}", "{}", path)


def _test_of(endpoint: Endpoint) -> str:
    name = _TESTS[type(cast("Any", endpoint.handler).__self__).__name__]
    return (ROOT / "tests" / "integration" / f"{name}.py").resolve(strict=True).stem


def _operations() -> str:
    head = "".join(f"| {column} " for column in _OPERATION_COLUMNS) + "|"
    return _table(
        head,
        (
            [cell(operation) for cell in _OPERATION_COLUMNS.values()]
            for operation in OPERATIONS
        ),
    )


def _beyond_the_api() -> str:
    rows = (
        [f"`{e.method} {e.path}`", e.summary, e.rule]
        for e in _sandbox_endpoints().values()
        if e.path.startswith("/sandbox/") or (e.vtex is None and e.rule)
    )
    return _table("| request | what it does | how |", rows)


def _wishes() -> str:
    schema = Wish.model_json_schema()["properties"]
    rows = (
        [
            f"`{name}`",
            _type(schema[name]).removesuffix(" or null"),
            field.description or "",
        ]
        for name, field in Wish.model_fields.items()
    )
    return _table("| wish | type | meaning |", rows)


def _faults() -> str:
    rows = (
        [f"`{name}`", sentence, "" if name in FOR_EVER else "yes"]
        for name, sentence in KNOWN.items()
    )
    return _table("| name | what goes wrong | in a mix |", rows)


_COMMAND_PAGES: Final[Mapping[str, str]] = {
    RUN: "",
    CARE: "command-line-operations.md",
    VTEX: "command-line-vtex.md",
}
"""Under what a command is listed, and the page that has its options."""


def _all_commands() -> str:
    return "\n".join(map(_command_list, _COMMAND_PAGES))


def _command_list(panel: str) -> str:
    rows = (
        [f"[`{name}`]({_COMMAND_PAGES[panel]}#{name.replace(' ', '-')})", command.help]
        for name, command in _commands_of(panel)
    )
    return f"{panel}:\n\n{_table('| command | what it does |', rows)}"


def _commands(panel: str) -> Callable[[], str]:
    return lambda: "\n".join(_command(*command) for command in _commands_of(panel))


def _commands_of(panel: str) -> Iterator[tuple[str, Any]]:
    # Not in the order of `--help`, which is that in which modules were imported.
    known = sorted(cast("Any", get_command(app)).commands.items())
    return _leaves("", {n: c for n, c in known if c.rich_help_panel == panel})


def _leaves(above: str, commands: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, command in commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(f"{above}{name} ", command.commands)
        else:
            yield f"{above}{name}", command


def _command(name: str, command: Any) -> str:
    rows = [
        [f"`{_spelling(parameter)}`", _given(parameter), parameter.help or ""]
        for parameter in command.params
    ]
    table = _table("| option | default | meaning |", rows) if rows else ""
    return f"## {name}\n\n{command.help}\n\n{table}".rstrip() + "\n"


def _spelling(parameter: Any) -> str:
    spelt: str = max(parameter.opts, key=len)
    return spelt if spelt.startswith("-") else spelt.upper()


def _given(parameter: Any) -> str:
    return "required" if parameter.required else _shown(parameter.default)


_BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    "settings": _settings,
    "account": _members(Account),
    "app-key": _members(AppKey),
    "api-key": _members(ApiKey),
    "master-key": _members(MasterKey),
    "facts": _facts,
    "order-document": _document,
    "errors": _errors,
    "metrics": _metrics,
    "all-commands": _all_commands,
    "commands-to-run": _commands(RUN),
    "commands-to-look-after": _commands(CARE),
    "commands-for-vtex": _commands(VTEX),
    "operations": _operations,
    "beyond-the-api": _beyond_the_api,
    "wishes": _wishes,
    "faults": _faults,
}


if __name__ == "__main__":
    for path in pages():
        path.write_text(generated(path.read_text("utf-8")), encoding="utf-8")
