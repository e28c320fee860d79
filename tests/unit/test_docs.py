"""The documentation names only what exists, and its tables are the code's."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

import pytest
from typer.main import get_command

from docs_tables import ROOT
from docs_tables.metrics import instruments
from docs_tables.pages import COMMAND, generated, pages
from service import failpoints
from service.__main__ import app
from service.config import PREFIX, Settings
from service.eventlog.store import PostgresEventLog
from service.eventlog.wake import Wake
from service.house import House
from service.read.openapi import openapi_endpoint
from service.read.probes import probe_endpoints
from service.roles import ROLES
from service.sandbox.assembly import assemble
from service.sandbox.clock import ManualClock

LONGEST: Final = 200
"""Lines of a page; who needs more has two pages."""

ELSEWHERE: Final = {
    "/v1/metrics": "a collector's",
    "/v1/traces": "a collector's",
}
"""Paths that others serve."""

PAGES: Final = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("migrations/*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
]
every_page = pytest.mark.parametrize(
    "page", PAGES, ids=lambda page: str(page.relative_to(ROOT))
)

_FENCED: Final = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE: Final = re.compile(r"`([^`\n]+)`")
_LINK: Final = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")
_HEADING: Final = re.compile(r"^#+ (.*)$", re.MULTILINE)
_PATH: Final = re.compile(
    r"(?:/(?:v1|api|sandbox)/|/(?:livez|readyz|metrics|openapi\.json)\b)[^\s'\"`?|)\\]*"
)


def blocks(page: Path, *languages: str) -> list[str]:
    """Return the fenced blocks of *page* in one of *languages*."""
    found = _FENCED.findall(page.read_text("utf-8"))
    return [text for language, text in found if language in languages]


def code(page: Path) -> list[str]:
    """Return what *page* shows as code to type: blocks of shell, and inline code."""
    prose = _FENCED.sub("", page.read_text("utf-8"))
    shell = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    return [*shell.splitlines(), *_INLINE.findall(prose)]


def anchors(page: Path) -> set[str]:
    """Return the anchors that a code host gives the headings of *page*."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(_FENCED.sub("", page.read_text("utf-8")))
    }


@cache
def options() -> dict[str, set[str]]:
    """Return the options of each command."""
    commands = cast("Any", get_command(app)).commands
    return {name: options_of(command) for name, command in commands.items()}


def options_of(command: Any) -> set[str]:
    """Return the options of *command* and of the commands below it."""
    spelt = {"--help", *(spelt for given in command.params for spelt in given.opts)}
    below = getattr(command, "commands", {}).values()
    return spelt.union(*map(options_of, below))


@cache
def paths() -> list[re.Pattern[str]]:
    """Return what each path that is served looks like, placeholders filled or not."""
    served = [*service_paths(), *sandbox_paths()]
    return [re.compile(re.sub(r"{\w+}", "[^/]+", path)) for path in served]


def service_paths() -> list[str]:
    nothing, wake = cast("Any", None), Wake("")
    log = PostgresEventLog(nothing, partitions=1, lanes=1, wake=wake)
    house = House(
        settings=Settings(),
        pool=nothing,
        log=log,
        handler=nothing,
        wake=wake,
        clock=nothing,
        shared_clock=nothing,
        member=UUID(int=0),
        apis={},
        spans=None,
    )
    endpoints = [
        *(e for role in ("ingest", "read") for e in ROLES[role](house).endpoints),
        *probe_endpoints([]),
        openapi_endpoint([], version="0"),
    ]
    return [endpoint.path for endpoint in endpoints]


def sandbox_paths() -> list[str]:
    made = assemble([], seed=1, clock=ManualClock())
    return [endpoint.path for endpoint in made.endpoints()]


def invocations(page: Path) -> Iterator[tuple[str, str]]:
    """Find what *page* tells to run of the command line, and with which words."""
    for text in code(page):
        yield from re.findall(r"\border-tracking ([a-z][a-z-]*)([^|;#]*)", text)


class TestTables:
    @pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
    def test_are_those_of_the_code(self, page: Path) -> None:
        """A generated table says what the code says."""
        text = page.read_text("utf-8")

        assert text == generated(text), f"run: {COMMAND}"

    def test_each_command_is_listed(self) -> None:
        """No command is missing from the list of all, and each leads to its options."""
        page = ROOT / "docs" / "reference" / "command-line.md"
        listed = re.findall(r"^\| \[`([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)

        assert set(listed) == set(options())

    def test_alarms_go_by_metrics_that_exist(self) -> None:
        """What should wake somebody is measured under that name."""
        page = ROOT / "docs" / "howto" / "run-in-production.md"
        table = page.read_text("utf-8").partition("| metric |")[2].partition("\n\n")[0]
        named = re.findall(r"^\| `([a-z_]+)", table, re.MULTILINE)

        assert named
        assert {name.removesuffix("_count") for name in named} <= set(instruments())


class TestPages:
    @every_page
    def test_links_lead_somewhere(self, page: Path) -> None:
        """A link goes to a file that exists, and to a heading that it has."""
        for target, anchor in _LINK.findall(page.read_text("utf-8")):
            found = (page.parent / target).resolve() if target else page
            assert found.exists(), target
            assert not anchor or anchor in anchors(found), f"{target}#{anchor}"

    @every_page
    def test_are_short(self, page: Path) -> None:
        """A page can be read at one go; only the changelog grows."""
        lines = len(page.read_text("utf-8").splitlines())

        assert lines < LONGEST or page.name == "CHANGELOG.md"

    @every_page
    def test_examples_are_well_formed(self, page: Path) -> None:
        """JSON parses, and Python compiles."""
        for text in blocks(page, "json"):
            json.loads(text)
        for text in blocks(page, "python"):
            compile(text, page.name, "exec")

    def test_code_points_to_pages_that_exist(self) -> None:
        """A page that the code names is there."""
        for file in (ROOT / "service").rglob("*.py"):
            for name in re.findall(r"docs/[\w/-]+\.md", file.read_text("utf-8")):
                assert (ROOT / name).exists(), f"{file}: {name}"


class TestNames:
    @every_page
    def test_settings_exist(self, page: Path) -> None:
        """A setting that a page names can be set."""
        named = set(re.findall(rf"\b{PREFIX}[A-Z_]+", page.read_text("utf-8")))

        settings = {PREFIX + name.upper() for name in Settings.model_fields}
        assert named <= settings | {failpoints.VARIABLE}

    @every_page
    def test_examples_of_settings_are_valid(self, page: Path) -> None:
        """Accounts and keys may be set as a page shows."""
        shell = "\n".join(blocks(page, "sh"))
        for name, value in re.findall(
            rf"{PREFIX}([A-Z_]+)='(\[.*?)'", shell, re.DOTALL
        ):
            Settings.model_validate({name.lower(): json.loads(value)})

    def test_configuration_shows_valid_lists(self) -> None:
        """The reference's own examples are valid."""
        page = ROOT / "docs" / "reference" / "configuration.md"
        lists = map(json.loads, blocks(page, "json"))

        Settings.model_validate(
            dict(zip(("accounts", "api_keys", "master_keys"), lists, strict=True))
        )

    @every_page
    def test_commands_and_their_options_exist(self, page: Path) -> None:
        """What a page tells to run, the command line takes."""
        for command, words in invocations(page):
            assert command in options()
            assert set(re.findall(r"(?<=\s)--[a-z-]+", words)) <= options()[command]

    @every_page
    def test_options_by_themselves_exist(self, page: Path) -> None:
        """An option that is named alone is one of some command."""
        known = set[str]().union(*options().values())
        alone = (re.match(r"--[a-z-]+", text) for text in code(page))

        assert {found[0] for found in alone if found} <= known

    @every_page
    def test_targets_exist(self, page: Path) -> None:
        """What a page tells to make is in the Makefile."""
        makefile = (ROOT / "Makefile").read_text("utf-8")
        targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
        named = (re.findall(r"^make ([a-z]+)", text) for text in code(page))

        assert {name for names in named for name in names} <= targets

    @every_page
    def test_endpoints_exist(self, page: Path) -> None:
        """A path that a page names is served by the service or by the sandbox."""
        text = "\n".join(code(page)).replace("$URL", "/v1/orders/mystore/1-01")
        for path in _PATH.findall(re.sub(r"\b[\w.-]+\.com\.br(?=/)", "", text)):
            known = path in ELSEWHERE or any(p.fullmatch(path) for p in paths())
            assert known, path
