"""What the feeds and the hook of an account should be like, and how they differ."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlsplit, urlunsplit

import orjson

from service.config import Account
from service.domain import raw
from service.domain.statuses import KNOWN_STATUSES

SECRET_HEADER: Final = "X-Order-Tracking-Secret"  # noqa: S105 - the name, not the secret

TRACKED: Final = (
    "$count(packageAttachment.packages[$boolean(trackingNumber)"
    " or $count(courierStatus.data) > 0 or courierStatus.finished = true]) > 0"
)
"""Which orders tell a change of tracking, in JSONata: those of which a package is."""

_RETENTION: Final = "MessageRetentionPeriodInSeconds"
_HIDDEN: Final = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A feed's or a hook's configuration, as far as it matters to us."""

    filter_type: str | None = None
    statuses: frozenset[str] = frozenset()
    expression: str | None = None
    repeats: bool | None = None
    """Whether an order comes again whenever it changes (`disableSingleFire`)."""
    visibility_timeout: int | None = None
    retention: int | None = None
    url: str | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, shown: Mapping[str, object]) -> Self:
        """Read what VTEX shows, whatever it lacks."""
        wanted, queue = (
            raw.mapping(shown.get("filter")),
            raw.mapping(shown.get("queue")),
        )
        hook = raw.mapping(shown.get("hook"))
        # VTEX spells the retention in both ways.
        retention = queue.get(
            _RETENTION, queue.get(_RETENTION[0].lower() + _RETENTION[1:])
        )
        return cls(
            filter_type=raw.text(wanted.get("type")),
            statuses=frozenset(
                filter(None, map(raw.text, raw.entries(wanted.get("status"))))
            ),
            expression=raw.text(wanted.get("expression")),
            repeats=raw.flag(wanted.get("disableSingleFire")),
            visibility_timeout=raw.number(queue.get("visibilityTimeoutInSeconds")),
            retention=raw.number(retention),
            url=raw.text(hook.get("url")),
            headers={
                name.lower(): raw.text(value)
                for name, value in raw.mapping(hook.get("headers")).items()
            },
        )

    @property
    def fingerprint(self) -> bytes:
        """What tells this configuration from others, without showing its secrets."""
        content = (
            self.filter_type,
            sorted(self.statuses),
            self.expression,
            self.repeats,
            self.visibility_timeout,
            self.retention,
            self.url,
            sorted(self.headers.items()),
        )
        return hashlib.sha256(orjson.dumps(content)).digest()


def feed_of(account: Account) -> dict[str, object]:
    """Return the wanted feed, in VTEX's words.

    By workflow: a feed filtered by properties of the order skips versions.
    """
    return {"filter": _workflow(account), "queue": _queue(account)}


def tracking_feed_of(account: Account) -> dict[str, object]:
    """Return the wanted feed of the second appKey, which tells changes of tracking."""
    return {
        "filter": {
            "type": "FromOrders",
            "expression": TRACKED,
            # Else it tells of each order once, with its first tracking number.
            "disableSingleFire": True,
        },
        "queue": _queue(account),
    }


def hook_of(account: Account) -> dict[str, object] | None:
    """Return the wanted hook; None where somebody else sees to it."""
    if account.hook_url is None or account.hook_secret is None:
        return None
    return {
        "filter": _workflow(account),
        "hook": {
            "url": str(account.hook_url),
            "headers": {SECRET_HEADER: account.hook_secret.get_secret_value()},
        },
    }


def _workflow(account: Account) -> dict[str, object]:
    statuses = account.statuses or KNOWN_STATUSES
    return {"type": "FromWorkflow", "status": sorted(statuses)}


def _queue(account: Account) -> dict[str, object]:
    return {
        "visibilityTimeoutInSeconds": account.feed_visibility_timeout,
        _RETENTION: account.feed_retention,
    }


def differences(wanted: Mapping[str, object], shown: Mapping[str, object]) -> list[str]:
    """Say in a sentence each how *shown* is not what was *wanted*; no secret is told.

    What else a hook sends is nobody's harm: a gateway may need it.
    """
    ours, theirs = Configuration.read(wanted), Configuration.read(shown)
    return [
        *_of_filter(ours, theirs),
        *_of_queue(ours, theirs),
        *_of_hook(ours, theirs),
    ]


def _of_filter(ours: Configuration, theirs: Configuration) -> Iterator[str]:
    if theirs.filter_type != ours.filter_type:
        yield f"Its filter is {theirs.filter_type}, not {ours.filter_type}."
        return
    if missing := ours.statuses - theirs.statuses:
        yield f"It does not tell {', '.join(sorted(missing))}."
    if extra := theirs.statuses - ours.statuses:
        yield f"It also tells {', '.join(sorted(extra))}."
    if theirs.expression != ours.expression:
        yield "Its filter has another expression."
    if ours.repeats and not theirs.repeats:
        yield "It tells each order only once."


def _of_queue(ours: Configuration, theirs: Configuration) -> Iterator[str]:
    if theirs.visibility_timeout != ours.visibility_timeout:
        yield (
            f"Its visibility timeout is {theirs.visibility_timeout} s, "
            f"not {ours.visibility_timeout} s."
        )
    if theirs.retention != ours.retention:
        yield f"Its retention is {theirs.retention} s, not {ours.retention} s."


def _of_hook(ours: Configuration, theirs: Configuration) -> Iterator[str]:
    if theirs.url != ours.url:
        yield f"It goes to {_without_secrets(theirs.url)}, not to {ours.url}."
    for name, value in ours.headers.items():
        if name not in theirs.headers:
            yield f"It does not send the header {name}."
        elif theirs.headers[name] != value:
            yield f"It sends another {name}."


def masked(shown: Mapping[str, object]) -> dict[str, object]:
    """Return *shown* with the values of a hook's headers, and its URL's secrets, hidden."""
    hook = raw.mapping(shown.get("hook"))
    if not hook:
        return dict(shown)
    headers = dict.fromkeys(raw.mapping(hook.get("headers")), _HIDDEN)
    url = _without_secrets(raw.text(hook.get("url")))
    return {**shown, "hook": {**hook, "url": url, "headers": headers}}


def _without_secrets(url: str | None) -> str:
    if url is None:
        return "nowhere"
    try:
        parts = urlsplit(url)
    except ValueError:
        return _HIDDEN
    host = parts.netloc.rpartition("@")[2]
    query = _HIDDEN if parts.query else ""
    return urlunsplit((parts.scheme, host, parts.path, query, ""))
