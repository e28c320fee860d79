"""The names of what can go wrong inside the sandbox's OMS, and what each does."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

KNOWN: Final[Mapping[str, str]] = MappingProxyType(
    {
        # Feed and hook.
        "feed-duplicate": "a change is in the feed twice, and each wants its commit",
        "feed-reorder": "a change can be read ten seconds late, after later ones",
        "hook-duplicate": "a notification is delivered twice",
        "hook-reorder": "a notification is delivered ten seconds late",
        "hook-outside-filter": "the hook delivers a status that it does not ask for",
        "KI-832400": "a filter by expression skips a change",
        "KI-640925": "a filter by expression never hears of payment-approved",
        # Statuses.
        "KI-680919": "the status of an order is null",
        "KI-1242813": "a canceled order falls back to cancel and is canceled again",
        "KI-792650": "the reason of a cancellation comes seconds late",
        "KI-1249934": "who cancelled an order is overwritten",
        "KI-1218615": "an order stays on-order-completed",
        "KI-1031035": "an order that is paid for stays payment-pending",
        "KI-1218606": "an order stays in start-handling, and every call fails",
        "KI-1198719": "a seller's order stays in cancel, its twin is canceled",
        "KI-1089344": "an order that failed when it was created stays in cancel",
        "KI-1400005": "the marketplace stays in request-cancel, the seller invoiced",
        "KI-1004978": "a seller's denial of its own request leaves the order stuck",
        "KI-1372902": "an order stays payment-approved, its twin is invoiced",
        "KI-376646": "an order stays in invoice: the capture of the payment failed",
        "KI-authorized-date": "a partial invoice changes the date of the authorization",
        "KI-345526": "a seller's order goes on while its sale is incomplete",
        "KI-421137": "an order that was paid for stays incomplete",
        # Documents.
        "KI-360783": "the shopper's data is masked",
        "KI-680500": "the shopper's phone number is junk",
        "KI-575219": "fields of the delivery are null",
        "KI-269104": "an estimate of the delivery is wrong",
        "KI-1330069": "an invoice for everything has its items written anew",
        "KI-1350336": "the document has no items",
        # Lists.
        "KI-577103": "the list of orders shows a status of before",
        "KI-756314": "the list of orders shows a rounded total",
        "list-loses-orders": "the list of orders never shows an order",
        # Changes.
        "change-fails": "a change stops on an error until somebody retries or cancels it",
        "KI-1275957": "a change is canceled, and nothing says why",
        "KI-1348894": "a change goes on though an invoice has come in the meantime",
        "KI-784171": "an order that items were taken out of is not invoiced by item",
        "KI-412526": "an invoice does not find the lines that a change put in",
    }
)

FOR_EVER: Final = frozenset(
    {
        "KI-1218615",
        "KI-1031035",
        "KI-1218606",
        "KI-1198719",
        "KI-1089344",
        "KI-1400005",
        "KI-1004978",
        "KI-1372902",
        "KI-376646",
        "KI-784171",
        "KI-421137",
        "KI-412526",
        # Whoever looks at the sale before an invoice waits for its status.
        "KI-680919",
    }
)
"""Those after which an order never comes to its end: no part of a mix."""
