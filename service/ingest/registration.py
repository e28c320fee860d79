"""One feed or hook of an account at VTEX: look at it, put it right, take it away."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from service.config import Account
from service.errors import ResourceNotFoundError
from service.ingest.configuration import feed_of, hook_of, tracking_feed_of
from service.orders_api.client import OrdersApi

Kind = Literal["feed", "tracking-feed", "hook"]
Shown = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What an account should have at VTEX, and the operations that see to it.

    All raise `OrdersApiError`; its subclass says what to do next.
    """

    account: str
    kind: Kind
    wanted: Shown | None
    """None where the settings say nothing of it: it is left to others."""
    take_over: bool
    """Whether what others configured may be replaced."""
    get: Callable[[], Awaitable[Shown]]
    post: Callable[[Shown], Awaitable[None]]
    remove: Callable[[], Awaitable[None]]

    async def show(self) -> Shown | None:
        """Return what VTEX has; None where it has none, or dropped it as unused."""
        try:
            return await self.get()
        except ResourceNotFoundError:
            return None

    async def apply(self) -> None:
        """Configure it as wanted, if it is; what a feed holds stays."""
        if self.wanted is not None:
            await self.post(self.wanted)

    async def delete(self) -> bool:
        """Remove it, with all that a feed holds; say whether there was one."""
        try:
            await self.remove()
        except ResourceNotFoundError:
            return False
        return True


def registrations_of(
    account: Account, api: OrdersApi, *, tracking: OrdersApi | None
) -> Iterator[Registration]:
    """Yield what *account* may have; *tracking* has the key of its tracking feed."""
    polled = account.feed is True  # the old feed cannot be configured
    yield _feed(account, "feed", feed_of(account) if polled else None, api)
    if tracking is not None:
        yield _feed(account, "tracking-feed", tracking_feed_of(account), tracking)
    yield Registration(
        account=account.name,
        kind="hook",
        wanted=hook_of(account),
        take_over=account.take_over,
        get=api.hook_config,
        post=api.configure_hook,
        remove=api.delete_hook_config,
    )


def _feed(
    account: Account, kind: Kind, wanted: Shown | None, api: OrdersApi
) -> Registration:
    return Registration(
        account=account.name,
        kind=kind,
        wanted=wanted,
        take_over=account.take_over,
        get=api.feed_config,
        post=api.configure_feed,
        remove=api.delete_feed_config,
    )
