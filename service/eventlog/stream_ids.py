"""Ids of new streams: UUIDv7 (RFC 9562), so that a month of orders lies together."""

import secrets
from datetime import datetime
from uuid import UUID


def new_stream_id(at: datetime) -> UUID:
    """Return a random UUIDv7 of the moment *at*."""
    milliseconds = int(at.timestamp() * 1000)
    random = secrets.randbits(74)
    return UUID(
        int=milliseconds << 80
        | 0x7 << 76
        | (random >> 62) << 64
        | 0b10 << 62
        | random & ((1 << 62) - 1)
    )
