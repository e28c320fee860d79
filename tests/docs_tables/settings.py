"""The settings of the service, and what they consist of."""

from collections.abc import Callable, Iterator

from pydantic import BaseModel

from docs_tables.markdown import shown, table
from docs_tables.schemas import type_of
from service.config import PREFIX, Settings


def every_setting() -> str:
    head = "| variable | type | default | meaning |"
    return table(head, _setting_rows(Settings, prefix=PREFIX))


def members(model: type[BaseModel]) -> Callable[[], str]:
    head = "| name | type | default | meaning |"
    return lambda: table(head, _setting_rows(model))


def _setting_rows(model: type[BaseModel], prefix: str = "") -> Iterator[list[str]]:
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        default = "required" if field.is_required() else shown(field.default)
        named = f"{prefix}{name}".upper() if prefix else name
        type_ = type_of(schema["properties"][name])
        yield [f"`{named}`", type_, default, field.description or ""]
