"""What follows the accounts at VTEX: a poller for each feed, a watch over all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from service.config import Account
from service.db import Pool
from service.eventlog.ports import Clock
from service.ingest.config_watch import ConfigWatch
from service.ingest.feed import Feed
from service.ingest.intake import Intake
from service.ingest.lockout import Lockouts
from service.ingest.poller import FeedPoller, Restore
from service.ingest.registration import Kind, Registration, registrations_of
from service.ingest.tracking import TrackingIntake, Wishes
from service.orders_api.client import OrdersApi


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """An account with its clients: *tracking* has the key of its second feed."""

    account: Account
    api: OrdersApi
    tracking: OrdersApi | None
    intake: Intake

    @property
    def registrations(self) -> Iterator[Registration]:
        return registrations_of(self.account, self.api, tracking=self.tracking)


def follow(
    accounts: Sequence[Followed],
    *,
    pool: Pool,
    wishes: Wishes,
    lockouts: Lockouts,
    clock: Clock,
    every: timedelta,
) -> tuple[ConfigWatch, list[FeedPoller]]:
    """Return the watch over all accounts, which looks *every* so often, and the pollers."""
    watch = ConfigWatch(
        [registration for each in accounts for registration in each.registrations],
        pool=pool,
        clock=clock,
        lockouts=lockouts,
        every=every,
    )
    pollers = [
        FeedPoller(
            feed, kind=kind, restore=_restore(each, kind, watch), lockouts=lockouts
        )
        for each in accounts
        for kind, feed in _feeds(each, wishes=wishes, clock=clock)
    ]
    return watch, pollers


def _restore(followed: Followed, kind: Kind, watch: ConfigWatch) -> Restore | None:
    """Say how a missing feed is made; the old one has no configuration."""
    for each in followed.registrations:
        if each.kind == kind and each.wanted is not None:
            return partial(watch.restore, each)
    return None


def _feeds(
    followed: Followed, *, wishes: Wishes, clock: Clock
) -> Iterator[tuple[Kind, Feed]]:
    if followed.account.feed == "v2":
        yield "feed", Feed.v2_of(followed.api, followed.intake)
    elif followed.account.feed:
        yield "feed", Feed.of(followed.api, followed.intake)
    if followed.tracking is not None:
        taker = TrackingIntake(followed.intake, wishes=wishes, clock=clock)
        yield "tracking-feed", Feed.of(followed.tracking, taker)
