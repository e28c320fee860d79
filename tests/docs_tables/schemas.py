"""Types as a reader of the docs knows them, from the JSON Schemas of models."""

from collections.abc import Mapping
from typing import Any, Final

from service.domain import document

_PLAIN: Final = {
    "string": "text",
    "date-time": "timestamp",
    "password": "secret text",
    "path": "path",
    "uri": "URL",
}
PARTS: Final = {
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
"""Parts of the order document, which have a page of their own."""

_ANCHORS: Final = {
    "Account": "accounts",
    "ApiKey": "api-keys",
    "MasterKey": "master-keys",
}


def type_of(schema: Mapping[str, Any]) -> str:
    """Return the type that *schema* describes, with its bounds."""
    if "anyOf" in schema:
        return " or ".join(map(type_of, schema["anyOf"]))
    if "$ref" in schema:
        return _linked(schema["$ref"].rpartition("/")[2])
    if "items" in schema:
        return f"list of {type_of(schema['items'])}"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    plain = _PLAIN.get(schema.get("format", schema["type"]), schema["type"])
    return f"{plain}{_bounds(schema)}"


def _bounds(schema: Mapping[str, Any]) -> str:
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
    page = "order-document.md" if name in PARTS else ""
    return f"[{name}]({page}#{_ANCHORS.get(name, name.lower())})"
