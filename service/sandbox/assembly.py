"""All parts of a sandbox put together, before it has a port: one place lists them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from service.sandbox.accounts import Credentials, Keyring
from service.sandbox.change_desk import Changes
from service.sandbox.change_routes import ChangeRoutes
from service.sandbox.change_settings import ChangeSettings
from service.sandbox.change_settings_routes import ChangeSettingsRoutes
from service.sandbox.checkout import Checkout
from service.sandbox.checkout_routes import CheckoutRoutes
from service.sandbox.clock import MovableClock, ScaledClock
from service.sandbox.clock_routes import ClockRoutes
from service.sandbox.control_routes import ControlRoutes
from service.sandbox.conversation_routes import ConversationRoutes
from service.sandbox.custom_data_routes import CustomDataRoutes
from service.sandbox.endpoint import Endpoint, Part
from service.sandbox.expression_routes import ExpressionRoutes
from service.sandbox.fault_book import FaultBook
from service.sandbox.fault_http import operations
from service.sandbox.fault_routes import FaultRoutes
from service.sandbox.feed import Feeds
from service.sandbox.feed_routes import FeedRoutes
from service.sandbox.feed_v2 import OldFeeds
from service.sandbox.feed_v2_routes import OldFeedRoutes
from service.sandbox.hook_routes import HookRoutes
from service.sandbox.hook_sender import HookSender, answers_ping
from service.sandbox.hooks import Hooks
from service.sandbox.index import LAG, OrderIndex
from service.sandbox.integration import Integration
from service.sandbox.integration_routes import IntegrationRoutes
from service.sandbox.keeping import Kept
from service.sandbox.listing_routes import ListingRoutes
from service.sandbox.mailroom import Mailroom
from service.sandbox.news import News
from service.sandbox.oms import Oms
from service.sandbox.openapi import OpenApi
from service.sandbox.orders_routes import OrdersRoutes
from service.sandbox.page_routes import PageRoutes
from service.sandbox.payments_routes import PaymentsRoutes
from service.sandbox.tasks import Board
from service.sandbox.tasks_routes import TasksRoutes
from service.sandbox.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """A sandbox without a port: what it serves, and what of it can be kept."""

    oms: Oms
    world: World
    keyring: Keyring
    clock: MovableClock
    faults: FaultBook
    sender: HookSender
    parts: Sequence[Part]
    kept: Sequence[Kept]

    def endpoints(self) -> list[Endpoint]:
        """Return the operations of all parts."""
        return [endpoint for part in self.parts for endpoint in part.endpoints()]


def assemble(
    credentials: Sequence[Credentials],
    *,
    seed: int,
    clock: MovableClock,
    speed: float = 1.0,
    orders_per_minute: float = 0.0,
    index_lag: float = LAG.total_seconds(),
) -> Assembly:
    """Put a sandbox together for the accounts of *credentials*."""
    keyring = Keyring(credentials)
    faults = FaultBook(seed=seed, clock=clock)
    settings = ChangeSettings()
    oms = Oms(
        accounts=list(dict.fromkeys(known.account for known in credentials)),
        seed=seed,
        clock=clock,
        speed=speed,
        orders_per_minute=orders_per_minute,
        faults=faults,
        seller_window=settings.window_to_change_seller,
    )
    feeds = Feeds(keyring.account_of, clock=clock, seed=seed, faults=faults)
    old_feeds = OldFeeds(seed=seed)
    hooks = Hooks(keyring.account_of, clock=clock, faults=faults)
    news = News([feeds, old_feeds, hooks])
    world = World(oms=oms, merchant=None)
    oms.listen(news.hear)
    oms.watch(news.see)
    index = OrderIndex(oms, lag=timedelta(seconds=index_lag), faults=faults)
    mailroom, board = Mailroom(oms), Board()
    checkout = Checkout(oms)
    parts: list[Part] = [
        OrdersRoutes(oms),
        FeedRoutes(oms, feeds, clock=clock),
        OldFeedRoutes(oms, old_feeds, clock=clock),
        HookRoutes(oms, hooks, ping=answers_ping),
        ExpressionRoutes(),
        ListingRoutes(oms, index, mailroom, faults=faults),
        ConversationRoutes(oms, mailroom),
        PaymentsRoutes(oms),
        CustomDataRoutes(oms, checkout),
        ChangeRoutes(oms, Changes(oms, settings, speed=speed)),
        ChangeSettingsRoutes(settings),
        TasksRoutes(board, clock=clock),
        CheckoutRoutes(checkout),
        IntegrationRoutes(Integration(oms, checkout)),
        ControlRoutes(oms),
        PageRoutes(oms),
        ClockRoutes(world, clock),
    ]
    known = operations(e for part in parts for e in part.endpoints())
    parts.append(FaultRoutes(faults, operations=set(known.values())))
    clocks = [clock] if isinstance(clock, ScaledClock) else []
    described = [endpoint for part in parts for endpoint in part.endpoints()]
    return Assembly(
        oms=oms,
        world=world,
        keyring=keyring,
        clock=clock,
        faults=faults,
        sender=HookSender(hooks, clock=clock),
        parts=[*parts, OpenApi(described)],
        kept=[
            *clocks,
            oms.kept,
            checkout,
            checkout.custom,
            faults,
            feeds,
            old_feeds,
            hooks,
            mailroom,
            board,
            settings,
        ],
    )
