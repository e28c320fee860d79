"""Envelope encryption: a key for each order, wrapped by a master key from the settings."""

import json
import secrets
from collections.abc import Sequence
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from service.config import MasterKey
from service.errors import InvalidSettingsError, UnreadableCustomerDataError
from service.eventlog.records import StreamKey

_KEY_BITS: Final = 256
_NONCE: Final = 12


class Sealed(NamedTuple):
    """What is stored of an order: the ciphertext, and its key under a master key."""

    master_key: str
    wrapped_key: bytes
    ciphertext: bytes


class KeyRing:
    """The master keys: the first one wraps, every one unwraps.

    What it seals belongs to one order, and opens for no other.
    """

    def __init__(self, keys: Sequence[MasterKey]) -> None:
        self._ciphers = {key.id: AESGCM(key.secret) for key in keys}
        self._current = keys[0].id if keys else None

    def __bool__(self) -> bool:
        return self._current is not None

    @property
    def current(self) -> str:
        """Id of the key that wraps.

        Raises:
            InvalidSettingsError: There is none.
        """
        if self._current is None:
            raise InvalidSettingsError(
                "Set ORDER_TRACKING_MASTER_KEYS: no customer data is kept without; "
                "docs/reference/configuration.md shows how a key is made."
            )
        return self._current

    @property
    def ids(self) -> Sequence[str]:
        return list(self._ciphers)

    def seal(self, plaintext: bytes, *, stream: StreamKey) -> Sealed:
        """Encrypt *plaintext* under a key of its own."""
        key = AESGCM.generate_key(_KEY_BITS)
        return Sealed(
            self.current,
            _encrypt(self._ciphers[self.current], key, _bound("key", stream)),
            _encrypt(AESGCM(key), plaintext, _bound("data", stream)),
        )

    def open(self, sealed: Sealed, *, stream: StreamKey) -> bytes:
        """Decrypt what `seal` made of the same order.

        Raises:
            UnreadableCustomerDataError: Its master key is not there, or it was changed.
        """
        key = AESGCM(self._unwrap(sealed.master_key, sealed.wrapped_key, stream=stream))
        return _decrypt(key, sealed.ciphertext, "data", stream=stream)

    def rewrap(self, master_key: str, wrapped: bytes, *, stream: StreamKey) -> bytes:
        """Return the key that *master_key* wrapped, wrapped by the current one.

        Raises:
            UnreadableCustomerDataError: See `open`.
        """
        key = self._unwrap(master_key, wrapped, stream=stream)
        return _encrypt(self._ciphers[self.current], key, _bound("key", stream))

    def _unwrap(self, master_key: str, wrapped: bytes, *, stream: StreamKey) -> bytes:
        cipher = self._ciphers.get(master_key)
        if cipher is None:
            raise UnreadableCustomerDataError(
                f"The customer data of {stream} needs master key {master_key!r}; "
                "add it to ORDER_TRACKING_MASTER_KEYS."
            )
        return _decrypt(cipher, wrapped, "key", stream=stream)


def _bound(what: str, stream: StreamKey) -> bytes:
    # JSON, so that no two orders and no two uses are bound to the same bytes.
    return json.dumps([what, *stream]).encode()


def _encrypt(cipher: AESGCM, plaintext: bytes, bound: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + cipher.encrypt(nonce, plaintext, bound)


def _decrypt(cipher: AESGCM, sealed: bytes, what: str, *, stream: StreamKey) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(what, stream))
    except (InvalidTag, ValueError):
        raise UnreadableCustomerDataError(
            f"The customer data of {stream} does not decrypt: it was changed outside "
            "the service, or a key in ORDER_TRACKING_MASTER_KEYS has another's id."
        ) from None
