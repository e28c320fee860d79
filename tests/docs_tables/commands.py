"""The commands of the command line, and their options."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, cast

from typer.main import get_command

from docs_tables.markdown import shown, table
from service.__main__ import app
from service.cli.console import CARE, RUN, VTEX

_COMMAND_PAGES: Final[Mapping[str, str]] = {
    RUN: "",
    CARE: "command-line-operations.md",
    VTEX: "command-line-vtex.md",
}
"""Under what a command is listed, and the page that has its options."""


def every_command() -> str:
    return "\n".join(map(_command_list, _COMMAND_PAGES))


def _command_list(panel: str) -> str:
    rows = (
        [f"[`{name}`]({_COMMAND_PAGES[panel]}#{name.replace(' ', '-')})", command.help]
        for name, command in _commands_of(panel)
    )
    return f"{panel}:\n\n{table('| command | what it does |', rows)}"


def options(panel: str) -> Callable[[], str]:
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
    told = table("| option | default | meaning |", rows) if rows else ""
    return f"## {name}\n\n{command.help}\n\n{told}".rstrip() + "\n"


def _spelling(parameter: Any) -> str:
    spelt: str = max(parameter.opts, key=len)
    return spelt if spelt.startswith("-") else spelt.upper()


def _given(parameter: Any) -> str:
    return "required" if parameter.required else shown(parameter.default)
