"""Commands about the feeds and hooks of the accounts at VTEX."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Final

import orjson
import typer

from service.cli.console import VTEX, app, run
from service.cli.gates import open_gate
from service.config import Account, Settings, settings_from_env
from service.errors import InvalidSettingsError
from service.ingest.configuration import differences, masked
from service.ingest.registration import Kind, Registration, registrations_of
from service.orders_api.client import OrdersApi
from service.orders_api.transport import open_session

_FEEDS: Final[Sequence[Kind]] = ("feed", "tracking-feed")
_HOOK: Final[Sequence[Kind]] = ("hook",)

feed = typer.Typer(
    no_args_is_help=True, help="Show, configure or delete the accounts' feeds at VTEX."
)
hook = typer.Typer(
    no_args_is_help=True, help="Show, configure or delete the accounts' hooks at VTEX."
)
app.add_typer(feed, name="feed", rich_help_panel=VTEX)
app.add_typer(hook, name="hook", rich_help_panel=VTEX)

_Name = Annotated[
    str | None, typer.Option("--account", help="One account; without it, all.")
]
_One = Annotated[
    str | None, typer.Option("--account", help="Which; needed where there are several.")
]


@feed.command("show")
def show_feed(account: _Name = None) -> None:
    """Show the feeds and what the settings want otherwise; exit code 1 if anything."""
    _each(_FEEDS, account, _show)


@feed.command("apply")
def apply_feed(account: _Name = None) -> None:
    """Configure the feeds as the settings say; harmless to repeat."""
    _each(_FEEDS, account, _apply)


@feed.command("delete")
def delete_feed(account: _One = None) -> None:
    """Delete the feeds of an account, with all they hold."""
    _each(_FEEDS, _the_one(account), _delete)


@hook.command("show")
def show_hook(account: _Name = None) -> None:
    """Show the hooks and what the settings want otherwise; exit code 1 if anything."""
    _each(_HOOK, account, _show)


@hook.command("apply")
def apply_hook(account: _Name = None) -> None:
    """Configure the hooks as the settings say; harmless to repeat."""
    _each(_HOOK, account, _apply)


@hook.command("delete")
def delete_hook(account: _One = None) -> None:
    """Delete the hook of an account."""
    _each(_HOOK, _the_one(account), _delete)


async def _show(registration: Registration) -> bool:
    shown = await registration.show()
    found = _found(registration, shown)
    named = _named(registration)
    if shown is None:
        print(f"{named}: none")
    else:
        print(f"{named}: {orjson.dumps(masked(shown)).decode()}")
    for difference in found:
        print(f"{named}: {difference}")
    return not found


async def _apply(registration: Registration) -> bool:
    named = _named(registration)
    if registration.wanted is None:
        print(f"{named}: the settings say nothing of it, nothing is changed")
        return True
    found = _found(registration, await registration.show())
    if not found:
        print(f"{named}: is as the settings say")
        return True
    await registration.apply()
    for difference in found:
        print(f"{named}: was put right: {difference}")
    left = _found(registration, await registration.show())
    for difference in left:
        print(f"{named}: VTEX keeps it: {difference}")
    return not left


async def _delete(registration: Registration) -> bool:
    was_there = await registration.delete()
    print(f"{_named(registration)}: {'deleted' if was_there else 'there was none'}")
    return True


def _found(registration: Registration, shown: object) -> list[str]:
    if registration.wanted is None:
        return []
    if not isinstance(shown, dict):
        return ["It is missing."]
    return differences(registration.wanted, shown)


def _named(registration: Registration) -> str:
    return f"{registration.account} {registration.kind}"


def _each(
    kinds: Sequence[Kind],
    account: str | None,
    act: Callable[[Registration], Awaitable[bool]],
) -> None:
    settings = settings_from_env()
    accounts = _accounts(settings, account)
    good: list[bool] = []

    async def act_on_all() -> None:
        for each in accounts:
            async with _registrations(settings, each) as registrations:
                wanted = (one for one in registrations if one.kind in kinds)
                good.extend([await act(registration) for registration in wanted])

    run(act_on_all())
    if not good or not all(good):
        raise typer.Exit(code=1)


@asynccontextmanager
async def _registrations(
    settings: Settings, account: Account
) -> AsyncIterator[list[Registration]]:
    async with open_gate(settings, account.name) as gate, open_session() as session:
        key = account.tracking_feed
        yield list(
            registrations_of(
                account,
                OrdersApi(account, session, gate=gate),
                tracking=OrdersApi(account.with_key(key), session, gate=gate)
                if key
                else None,
            )
        )


def _accounts(settings: Settings, name: str | None) -> Sequence[Account]:
    found = [each for each in settings.accounts if name in {None, each.name}]
    if not found:
        raise InvalidSettingsError(
            f"ORDER_TRACKING_ACCOUNTS has no account{f' {name}' if name else ''}."
        )
    return found


def _the_one(name: str | None) -> str:
    names = [each.name for each in settings_from_env().accounts]
    if name is None and len(names) != 1:
        raise typer.BadParameter("Name the account: --account.")
    return name or names[0]
