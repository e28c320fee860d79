"""What stands for one receipt of a change: a feed's handle, the old feed's token."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Final

import orjson

from service.sandbox.feed_queue import FeedItem
from service.sandbox.oms import Caller

_HEADER: Final = urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
_SIGNS_WITH: Final = b"sandbox"
_NAME_CLAIM: Final = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name"


def handle_of(item: FeedItem, caller: Caller, *, now: datetime) -> str:
    """Return a JWT that carries the receipt, as VTEX's handles do."""
    change = item.change
    claims = {
        _NAME_CLAIM: caller.name,
        "AppKey": caller.name,
        "Account": caller.account,
        "Handle": item.handle,
        "OrderId": change.order_id,
        "MessageId": item.event_id.lower(),
        "Domain": change.domain,
        "State": change.state,
        "LastState": change.last_state,
        "LastChange": _us(change.at),
        "CurrentChange": _us(change.at),
        "CreatedAt": _us(now),
        "iss": "sandbox",
        "aud": f"{caller.account}_{caller.name}",
    }
    signed = f"{_HEADER}.{_encode(orjson.dumps(claims))}"
    return f"{signed}.{_signature(signed)}"


def receipt_of(handle: str) -> str | None:
    """Return the receipt in *handle*; None: it is not a handle of ours."""
    signed, _, signature = handle.rpartition(".")
    if not hmac.compare_digest(
        signature.encode("utf-8", "replace"), _signature(signed).encode()
    ):
        return None
    payload = signed.partition(".")[2]
    claims = orjson.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["Handle"])


def token_of(item: FeedItem) -> str:
    """Return the commit token of the old feed."""
    event = item.event_id.lower()
    receipt = {
        "Receipt": item.handle,
        "PublisheId": item.event_id,
        "PublisheId_Item": item.event_id,
        "EventId": "-".join(
            (event[:8], event[8:12], event[12:16], event[16:20], event[20:])
        ),
        "LastSendOverwrite": None,
    }
    return f"{item.change.domain}##{orjson.dumps(receipt).decode()}"


def receipt_of_token(token: str) -> str | None:
    """Return the receipt in the commit *token*; None: it is not one of ours."""
    try:
        content = orjson.loads(token.partition("##")[2])
    except orjson.JSONDecodeError:
        return None
    receipt = content.get("Receipt") if isinstance(content, Mapping) else None
    return receipt if isinstance(receipt, str) else None


def _us(at: datetime) -> str:
    return at.strftime("%m/%d/%Y %H:%M:%S")


def _encode(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _signature(signed: str) -> str:
    content = signed.encode("utf-8", "replace")
    return _encode(hmac.digest(_SIGNS_WITH, content, hashlib.sha256))
