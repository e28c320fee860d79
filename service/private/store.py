"""Keeps the customer data of orders, shows it, erases it, and never takes it again."""

from collections.abc import Mapping

import asyncpg
from pydantic import ValidationError

from service.db import Pool, connection, load_sql
from service.errors import (
    CustomerDataNotFoundError,
    PersonalDataErasedError,
    UnreadableCustomerDataError,
)
from service.eventlog.ports import Clock
from service.eventlog.records import StreamKey
from service.private.customer import CustomerData, customer_data
from service.private.keys import KeyRing, Sealed

_LOAD = load_sql("service.private", "load_customer")
_KEEP = load_sql("service.private", "keep_customer")
_ERASE = load_sql("service.private", "erase_customer")


class CustomerStore:
    """The customer data of all orders; without a master key nothing new is kept."""

    def __init__(self, pool: Pool, *, keys: KeyRing, clock: Clock) -> None:
        self._pool = pool
        self._keys = keys
        self._clock = clock

    async def keep(self, stream: StreamKey, order: Mapping[str, object]) -> None:
        """Keep the persons of VTEX's document, unless they are known or were erased.

        Raises:
            DatabaseUnavailableError: It may not be kept; try again.
            UnreadableCustomerDataError: What is known cannot be compared; it stays.
        """
        if not self._keys:
            return
        plaintext = customer_data(order).model_dump_json().encode()
        async with connection(self._pool) as lent:
            row = await lent.fetchrow(_LOAD, *stream)
            if row is not None and (row["erased_at"] or self._holds(row, plaintext)):
                return
            sealed = self._keys.seal(plaintext, stream=stream)
            # An erasure that comes between is not undone: the statement looks again.
            await lent.execute(_KEEP, *stream, *sealed, self._clock.now())

    async def load(self, stream: StreamKey) -> CustomerData:
        """Return the customer data of an order.

        Raises:
            CustomerDataNotFoundError: None was ever kept.
            PersonalDataErasedError: It was erased.
            UnreadableCustomerDataError: Its key is not there, or it was changed.
        """
        async with connection(self._pool) as lent:
            row = await lent.fetchrow(_LOAD, *stream)
        if row is None:
            raise CustomerDataNotFoundError
        if row["erased_at"] is not None:
            raise PersonalDataErasedError
        try:
            return CustomerData.model_validate_json(self._opened(row))
        except ValidationError:
            # Without its cause, which would show the data.
            raise UnreadableCustomerDataError(
                f"The customer data of {stream} is of another version of the service."
            ) from None

    async def knows(self, stream: StreamKey) -> bool:
        """Say whether customer data is kept of an order, or was erased."""
        async with connection(self._pool) as lent:
            return await lent.fetchrow(_LOAD, *stream) is not None

    async def erase(self, stream: StreamKey) -> None:
        """Delete the order's key and data for good; harmless to repeat."""
        async with connection(self._pool) as lent:
            await lent.execute(_ERASE, *stream, self._clock.now())

    def _holds(self, row: asyncpg.Record, plaintext: bytes) -> bool:
        return self._opened(row) == plaintext

    def _opened(self, row: asyncpg.Record) -> bytes:
        sealed = Sealed(row["master_key"], row["wrapped_key"], row["ciphertext"])
        stream = StreamKey(row["account"], row["order_id"])
        return self._keys.open(sealed, stream=stream)
