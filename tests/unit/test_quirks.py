"""VTEX's quirks: what no other test shows, and that the page about them is true."""

import ast
import re
from functools import cache
from typing import Any, Final, get_args

from builders import NOON, details_fetched, document, minutes
from docs_tables import ROOT
from service.domain.document import (
    Cancellation,
    OrderDocument,
    document_hash,
    normalise,
)
from service.domain.facts import CallKind
from service.domain.tracking import Tracking, evolve_tracking
from service.sandbox.known_issues import KNOWN

PAGE: Final = ROOT / "docs" / "explanation" / "vtex-quirks.md"

_TABLE: Final = re.compile(r"^\|[-|]+\|\n((?:\|.*\n)+)", re.MULTILINE)
_TEST: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+)::(\w+)`")
_MODULE: Final = re.compile(r"^`([a-z_]+(?:\.[a-z_]+)+)`$")


def rows() -> list[list[str]]:
    """Return the cells of each line of the page's tables, without their headings."""
    tables = _TABLE.findall(PAGE.read_text("utf-8"))
    lines = [line for table in tables for line in table.splitlines()]
    return [line.strip("| ").split(" | ") for line in lines]


@cache
def methods_of(path: str) -> frozenset[tuple[str, str]]:
    """Return the methods of a file's classes, each with its class."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    return frozenset(
        (group.name, method.name)
        for group in tree.body
        if isinstance(group, ast.ClassDef)
        for method in group.body
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def shown(*documents: OrderDocument) -> Tracking:
    """Return what is shown after *documents*, read a minute after each other."""
    tracking = None
    for version, read in enumerate(documents, 1):
        tracking = evolve_tracking(
            tracking, details_fetched(read), version=version, at=minutes(version)
        )
    assert tracking is not None
    return tracking


class TestPage:
    def test_tests_exist(self) -> None:
        """Every test that the page names is there."""
        named = _TEST.findall(PAGE.read_text("utf-8"))

        assert named
        assert [
            f"{path}::{group}::{name}"
            for path, group, name in named
            if not (ROOT / path).exists() or (group, name) not in methods_of(path)
        ] == []

    def test_modules_exist(self) -> None:
        """So is every module."""
        named = [
            match[1] for row in rows() for match in map(_MODULE.match, row) if match
        ]

        assert named
        assert [
            name
            for name in named
            if not (ROOT / "service" / f"{name.replace('.', '/')}.py").exists()
        ] == []

    def test_every_row_is_answered(self) -> None:
        """A row has a module and a test that shows it, or says why it has none."""
        for row in rows():
            does = _MODULE.match(row[-2]) and _TEST.search(row[-1])
            assert does or re.match(r"(not done|nothing to do): ", row[-1]), row

    def test_known_issues_of_the_sandbox_are_told(self) -> None:
        """What the sandbox can reproduce, the page says what we do about."""
        numbers = {name.removeprefix("KI-") for name in KNOWN if name[3:].isdigit()}

        assert numbers <= set(re.findall(r"\d{6,7}", PAGE.read_text("utf-8")))


class TestCancellation:
    def test_who_cancelled_is_not_shown(self) -> None:
        """VTEX may say later that another cancelled: nothing that is shown changes."""
        told = [
            document("canceled").model_copy(update={"cancellation": cancellation})
            for cancellation in (
                Cancellation(by_user=True),
                Cancellation(by_system=True),
            )
        ]

        before, after = shown(told[0]), shown(*told)

        unlike = {"version": 1, "updated_at": NOON, "document_hash": None}
        assert vars(after) | unlike == vars(before) | unlike

    def test_the_service_denies_none(self) -> None:
        """No call denies a cancellation."""
        assert not any("deny" in kind for kind in get_args(CallKind))


class TestPartialInvoice:
    def test_first_payment_counts(self) -> None:
        """A later date of payment, after a partial invoice, changes no time."""
        first, second = (
            document("handling", last_change=minutes(changed)).model_copy(
                update={"authorized_date": minutes(paid)}
            )
            for changed, paid in ((1, -50), (2, -5))
        )

        assert shown(first, second).reached_at[2] == minutes(-50)


class TestDocument:
    def test_words_of_packed_items_are_no_news(self) -> None:
        """What VTEX writes anew into a package's items leaves the document the same."""
        first, second = (normalise(_packed(words)) for words in ("Mug", None))

        assert document_hash(first) == document_hash(second)


def _packed(description: str | None) -> dict[str, Any]:
    line = {"itemIndex": 0, "quantity": 1, "price": 100, "description": description}
    packages = [{"invoiceNumber": "1", "type": "Output", "items": [line]}]
    return {"orderId": "1-01", "packageAttachment": {"packages": packages}}
