"""The command that sends any operation of VTEX's Orders API."""

import os
import re
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import ValidationError

from service.cli.console import VTEX, app, errors, run, set_up
from service.cli.gates import open_gate
from service.config import Account, Settings, settings_from_env
from service.errors import (
    CallRefusedError,
    CredentialsRefusedError,
    InvalidSettingsError,
    OrdersApiError,
    ResourceNotFoundError,
    ThrottledError,
)
from service.orders_api.answer import Answer, Operation, parse
from service.orders_api.bodies import Body
from service.orders_api.client import OrdersApi
from service.orders_api.operations import OPERATIONS
from service.orders_api.question import Query
from service.orders_api.transport import open_session

CREDENTIALS: Final = {
    "app_key": "VTEX_APP_KEY",
    "app_token": "VTEX_APP_TOKEN",
    "auth_cookie": "VTEX_AUTH_COOKIE",
}
"""Variables that hold the credentials for `--base-url`: arguments are seen by others."""


@app.command("orders-api", rich_help_panel=VTEX)
def orders_api(
    operation: Annotated[
        str | None, typer.Argument(help="What to do; `--list` shows all there is.")
    ] = None,
    arguments: Annotated[
        list[str] | None, typer.Argument(help="What its path names, in order.")
    ] = None,
    *,
    account: Annotated[
        str | None, typer.Option(help="Which of the accounts in the settings.")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(
            help=f"Another address; {', '.join(CREDENTIALS.values())} open it."
        ),
    ] = None,
    body: Annotated[
        Path | None, typer.Option(help="File with the JSON to send; - reads stdin.")
    ] = None,
    query: Annotated[
        list[str] | None, typer.Option(help="A parameter as NAME=VALUE; repeat it.")
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List the operations instead.")
    ] = False,
) -> None:
    """Send an operation of VTEX's Orders API and print the JSON that it answers."""
    if list_ or operation is None:
        for each in OPERATIONS:
            print(_described(each))
        return
    wanted = _operation(operation)
    path = _path(wanted, arguments or [])
    asked = _query(wanted, query or [])
    content = _body(wanted, body)
    settings = _settings(account, base_url)
    set_up(settings)
    answers: list[Answer] = []

    async def send() -> None:
        answer = await _send(settings, wanted, path=path, query=asked, body=content)
        answers.append(answer)

    try:
        run(send())
    except OrdersApiError as error:
        errors.print(f"order-tracking: {error}", style="red", markup=False)
        errors.print(next_step(error), markup=False, highlight=False)
    if not answers:
        raise typer.Exit(code=1)
    _print(answers[0].body)


def name_of(operation: Operation) -> str:
    """Return what *operation* is called on the command line."""
    return operation.call.replace("_", "-")


def usage_of(operation: Operation) -> str:
    """Return *operation* with the arguments of its path, and its body."""
    words = [name_of(operation), *map(_shouted, _names(operation))]
    if operation.body is not None:
        words.append("--body FILE" if operation.needs_body else "[--body FILE]")
    return " ".join(words)


def _described(operation: Operation) -> str:
    line = f"{usage_of(operation):<60} {operation.title}"
    if operation.query:
        line += f"\n    --query {' '.join(f'{name}=' for name in operation.query)}"
    return line


def _names(operation: Operation) -> list[str]:
    return re.findall(r"{(\w+)}", operation.path)


def _shouted(name: str) -> str:
    return re.sub(r"(?=[A-Z])", "_", name).upper()


def _operation(name: str) -> Operation:
    for operation in OPERATIONS:
        if name_of(operation) == name:
            return operation
    raise typer.BadParameter(f"No operation {name}; --list shows all there is.")


def _path(operation: Operation, arguments: Sequence[str]) -> Mapping[str, str]:
    names = _names(operation)
    if len(names) != len(arguments):
        raise typer.BadParameter(f"Write it as: {usage_of(operation)}")
    return dict(zip(names, arguments, strict=True))


def _query(operation: Operation, given: Sequence[str]) -> Query:
    values = defaultdict[str, list[str]](list)
    for each in given:
        name, equals, value = each.partition("=")
        if not equals or name not in operation.query:
            known = ", ".join(operation.query) or "no parameters"
            raise typer.BadParameter(
                f"Write --query NAME=VALUE; {name_of(operation)} takes {known}."
            )
        values[name].append(value)
    return dict(values)


def _body(operation: Operation, file: Path | None) -> Body | None:
    if file is None:
        if operation.needs_body:
            raise typer.BadParameter(f"Write it as: {usage_of(operation)}")
        return None
    if operation.body is None:
        raise typer.BadParameter(f"{name_of(operation)} takes no --body.")
    try:
        content = parse(_read(file))
        operation.body.model_validate(content)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        told = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}"
            for fault in faults
        )
        raise typer.BadParameter(f"The body does not fit: {told}.") from None
    except ValueError:
        raise typer.BadParameter(f"{file} holds no JSON.") from None
    return content if isinstance(content, dict) else None


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}.") from error


def _settings(account: str | None, base_url: str | None) -> Settings:
    """Return settings that have the one account in question."""
    if base_url is not None:
        return Settings(accounts=(_elsewhere(account, base_url),))
    settings = settings_from_env()
    found = [a for a in settings.accounts if account in {None, a.name}]
    if len(found) == 1:
        return settings.model_copy(update={"accounts": tuple(found)})
    known = ", ".join(a.name for a in settings.accounts) or "none"
    raise InvalidSettingsError(
        f"Choose one account by --account; ORDER_TRACKING_ACCOUNTS has {known}."
    )


def _elsewhere(account: str | None, base_url: str) -> Account:
    if account is None:
        raise typer.BadParameter("Name the account at --base-url by --account.")
    given = {
        field: os.environ[variable]
        for field, variable in CREDENTIALS.items()
        if variable in os.environ
    }
    try:
        return Account.model_validate({"name": account, "base_url": base_url, **given})
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(map(str, fault['loc']))} {fault['msg']}".strip()
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise InvalidSettingsError(
            f"{told}; credentials come from {', '.join(CREDENTIALS.values())}."
        ) from None


async def _send(
    settings: Settings,
    operation: Operation,
    *,
    path: Mapping[str, str],
    query: Query,
    body: Body | None,
) -> Answer:
    (account,) = settings.accounts
    async with open_gate(settings, account.name) as gate, open_session() as session:
        api = OrdersApi(account, session, gate=gate)
        return await api.send(operation, path=path, query=query, body=body)


def next_step(error: OrdersApiError) -> str:
    """Return what to do after *error*."""
    match error:
        case ThrottledError():
            return f"Nothing was done; send it again in {error.retry_after:.0f} s."
        case _ if error.outcome_unknown:
            return "VTEX may have done it: look there before you send it again."
        case CredentialsRefusedError():
            return "Nothing was done; the account's credentials do not open this."
        case ResourceNotFoundError():
            return "VTEX has no such thing: check the arguments, or create it first."
        case CallRefusedError():
            return "Nothing was done; change the request before you send it again."
        case _:
            return "Nothing was done; send it again later."


def _print(body: bytes) -> None:
    if body:
        sys.stdout.buffer.write(body.rstrip(b"\n") + b"\n")
        sys.stdout.buffer.flush()
