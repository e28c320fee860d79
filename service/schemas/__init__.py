"""The JSON Schemas of what is published, a file for each name and version, for ever."""

from collections.abc import Mapping
from importlib import resources
from typing import Any

import orjson


def published_schemas() -> Mapping[tuple[str, int], dict[str, Any]]:
    """Return the schema of each payload that ever was published, by name and version.

    `NAME.VERSION.json`, JSON Schema 2020-12. A file never goes, and changes only so
    that whoever reads by its earlier form still can; those of new versions are added
    by `python -m tests.published_schemas`.
    """
    found = {}
    for file in resources.files(__name__).iterdir():
        name, dot, rest = file.name.partition(".")
        if dot and rest.endswith(".json"):
            version = int(rest.removesuffix(".json"))
            found[name, version] = orjson.loads(file.read_bytes())
    return dict(sorted(found.items()))
