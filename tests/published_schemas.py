"""The schemas that the code publishes; `python -m tests.published_schemas` stores them.

A schema that is stored is changed only where its readers survive it; anything else is a
new version.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from schema_compatibility import breaks
from service.domain.facts import FACTS
from service.eventlog.codec import public_name
from service.publish.contract import STATE
from service.publish.state import OrderState
from service.schemas import published_schemas

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "service" / "schemas"


def schemas_of_the_code() -> Mapping[tuple[str, int], dict[str, Any]]:
    """Return the schema of each payload as the code writes it today."""
    schemas = {STATE: OrderState.model_json_schema()}
    for name, fact in FACTS.items():
        schema = fact.model_json_schema()
        del schema["properties"]["type"]
        schemas[public_name(name), fact.schema_version] = schema
    return schemas


def earlier_forms(name: str, version: int) -> Iterator[dict[str, Any]]:
    """Yield the forms that a stored schema had in the history of the repository."""
    path = file_of(name, version).relative_to(ROOT).as_posix()
    for commit in _git("log", "--format=%H", "--diff-filter=AM", "--", path).split():
        yield orjson.loads(_git("show", f"{commit}:{path}"))


def file_of(name: str, version: int) -> Path:
    return FOLDER / f"{name}.{version}.json"


def _git(*words: str) -> str:
    # A copy of the sources without their history has no earlier forms.
    done = subprocess.run(  # noqa: S603  # every word is ours
        ("git", "-C", str(ROOT), *words),  # noqa: S607  # git is where it is
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else ""


def main() -> None:
    stored = published_schemas()
    for (name, version), schema in schemas_of_the_code().items():
        found = breaks(stored.get((name, version), schema), schema)
        if found:
            sys.exit(
                f"{name} {version} would break its readers; raise its schema_version:\n"
                + "\n".join(found)
            )
        encoded = orjson.dumps(schema, option=orjson.OPT_INDENT_2)
        file_of(name, version).write_bytes(encoded + b"\n")


if __name__ == "__main__":
    main()
