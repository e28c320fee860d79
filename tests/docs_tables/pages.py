"""The pages that have generated blocks, and what belongs into each."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from docs_tables import (
    ROOT,
    commands,
    errors,
    metrics,
    models,
    sandbox,
    settings,
)
from service.cli.console import CARE, RUN, VTEX
from service.config import Account, ApiKey, AppKey, MasterKey

COMMAND: Final = ".venv/bin/python -m tests.docs_tables"

_BLOCK: Final = re.compile(
    r"(<!-- generated: ([a-z-]+) -->\n).*?(?=<!-- end -->)", re.DOTALL
)
_BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    "settings": settings.every_setting,
    "account": settings.members(Account),
    "app-key": settings.members(AppKey),
    "api-key": settings.members(ApiKey),
    "master-key": settings.members(MasterKey),
    "facts": models.every_fact,
    "order-document": models.order_document,
    "errors": errors.every_error,
    "metrics": metrics.every_metric,
    "all-commands": commands.every_command,
    "commands-to-run": commands.options(RUN),
    "commands-to-look-after": commands.options(CARE),
    "commands-for-vtex": commands.options(VTEX),
    "operations": sandbox.operations,
    "beyond-the-api": sandbox.beyond_the_api,
    "wishes": sandbox.wishes,
    "faults": sandbox.faults,
}


def generated(page: str) -> str:
    """Return *page* with all its generated blocks as the code has them now."""
    return _BLOCK.sub(lambda found: f"{found[1]}\n{_BLOCKS[found[2]]()}\n", page)


def pages() -> list[Path]:
    """Return the pages with generated blocks."""
    found = (ROOT / "docs").rglob("*.md")
    return sorted(page for page in found if _BLOCK.search(page.read_text("utf-8")))
