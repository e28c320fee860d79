"""Customer data in PostgreSQL: kept, shown, erased for good, its keys rotated."""

import asyncpg
import pytest

from conftest import ManualClock
from private_kit import MARK, customer_store, marked_order, master_key
from service.db import Pool, load_sql
from service.errors import (
    CustomerDataNotFoundError,
    InvalidSettingsError,
    PersonalDataErasedError,
    UnreadableCustomerDataError,
)
from service.eventlog.records import StreamKey
from service.private.customer import Profile, customer_data
from service.private.keys import KeyRing
from service.private.rotation import BATCH, rotate
from service.private.store import CustomerStore

pytestmark = pytest.mark.postgres

ORDER = StreamKey("acme", "1-01")


@pytest.fixture
def customers(pool: Pool, clock: ManualClock) -> CustomerStore:
    return customer_store(pool, clock, "k1")


async def row_of(pool: Pool, stream: StreamKey = ORDER) -> asyncpg.Record:
    row = await pool.fetchrow(
        "SELECT * FROM private.customer_data WHERE account = $1 AND order_id = $2",
        *stream,
    )
    assert row is not None
    return row


class TestKeep:
    async def test_is_shown_again(self, customers: CustomerStore) -> None:
        """What VTEX says of the persons is what is shown."""
        await customers.keep(ORDER, marked_order())

        assert await customers.load(ORDER) == customer_data(marked_order())

    async def test_is_encrypted(self, customers: CustomerStore, pool: Pool) -> None:
        """No column holds any of it in clear."""
        await customers.keep(ORDER, marked_order())

        stored = repr(list((await row_of(pool)).values()))
        assert MARK not in stored
        assert MARK.encode().hex() not in stored

    async def test_only_changes_are_written(
        self, customers: CustomerStore, pool: Pool
    ) -> None:
        """The same persons again write nothing; others replace them, key and all."""
        await customers.keep(ORDER, marked_order())
        first = await row_of(pool)

        await customers.keep(ORDER, marked_order(status="invoiced"))
        assert await row_of(pool) == first

        await customers.keep(ORDER, {"clientProfileData": {"firstName": "Bia"}})
        assert (await customers.load(ORDER)).profile == Profile(first_name="Bia")
        assert (await row_of(pool))["wrapped_key"] != first["wrapped_key"]

    async def test_nothing_without_a_master_key(
        self, pool: Pool, clock: ManualClock
    ) -> None:
        """By default nothing personal is stored at all."""
        await customer_store(pool, clock).keep(ORDER, marked_order())

        assert await pool.fetchval("SELECT count(*) FROM private.customer_data") == 0

    async def test_unreadable_stays(
        self, customers: CustomerStore, pool: Pool, clock: ManualClock
    ) -> None:
        """What another key protects is not overwritten by who cannot read it."""
        await customers.keep(ORDER, marked_order())

        with pytest.raises(UnreadableCustomerDataError, match="'k1'"):
            await customer_store(pool, clock, "k2").keep(ORDER, {})

        assert await customers.load(ORDER) == customer_data(marked_order())


class TestLoad:
    async def test_nothing_kept(self, customers: CustomerStore) -> None:
        """An order of which nothing was kept has no customer data."""
        with pytest.raises(CustomerDataNotFoundError):
            await customers.load(ORDER)

    async def test_tampered(self, customers: CustomerStore, pool: Pool) -> None:
        """Another order's ciphertext in the row is refused."""
        other = StreamKey("acme", "2-01")
        await customers.keep(ORDER, marked_order())
        await customers.keep(other, marked_order())
        await pool.execute(
            "UPDATE private.customer_data AS c SET ciphertext = o.ciphertext, "
            "wrapped_key = o.wrapped_key FROM private.customer_data AS o "
            "WHERE c.order_id = '1-01' AND o.order_id = '2-01'"
        )

        with pytest.raises(UnreadableCustomerDataError, match=r"acme/1-01.*changed"):
            await customers.load(ORDER)
        assert await customers.load(other) == customer_data(marked_order())

    async def test_shape_of_another_version(
        self, customers: CustomerStore, pool: Pool
    ) -> None:
        """What decrypts but does not read says so, and shows nothing of it."""
        plaintext = b'{"delivery_addresses": "zq7x"}'
        sealed = KeyRing([master_key("k1")]).seal(plaintext, stream=ORDER)
        await pool.execute(
            "INSERT INTO private.customer_data VALUES ($1, $2, $3, $4, $5, now())",
            *ORDER,
            *sealed,
        )

        with pytest.raises(UnreadableCustomerDataError) as caught:
            await customers.load(ORDER)
        assert MARK not in str(caught.value)
        assert caught.value.__cause__ is None


class TestErase:
    async def test_leaves_neither_key_nor_data(
        self, customers: CustomerStore, pool: Pool, clock: ManualClock
    ) -> None:
        """After it the row says when, and nothing else."""
        await customers.keep(ORDER, marked_order())

        await customers.erase(ORDER)

        found = {name: value for name, value in (await row_of(pool)).items() if value}
        assert found == {**ORDER._asdict(), "erased_at": clock.now()}
        with pytest.raises(PersonalDataErasedError):
            await customers.load(ORDER)

    async def test_is_for_good(
        self, customers: CustomerStore, pool: Pool, clock: ManualClock
    ) -> None:
        """Nothing is kept of the order any more, and a repetition changes nothing."""
        await customers.erase(ORDER)
        erased = await row_of(pool)
        clock.advance(hours=1)

        await customers.keep(ORDER, marked_order())
        await customers.erase(ORDER)

        assert await row_of(pool) == erased

    async def test_erased_while_it_is_written(
        self, customers: CustomerStore, pool: Pool
    ) -> None:
        """A writer that looked before the erasure does not undo it."""
        keep = load_sql("service.private", "keep_customer")
        sealed = KeyRing([master_key("k1")]).seal(b"{}", stream=ORDER)
        await customers.erase(ORDER)

        await pool.execute(keep, *ORDER, *sealed, (await row_of(pool))["erased_at"])

        assert (await row_of(pool))["ciphertext"] is None


class TestRotate:
    async def test_old_key_can_leave(self, pool: Pool, clock: ManualClock) -> None:
        """After it all orders open with the new key alone, in however many batches."""
        old = KeyRing([master_key("k1")])
        await keep_many(pool, old, BATCH + 1)
        told: list[int] = []

        rotated = await rotate(pool, ring("k2", "k1"), progress=told.append)

        assert (rotated.rewrapped, told) == (BATCH + 1, [BATCH, BATCH + 1])
        assert rotated.needed == {"k2": BATCH + 1}
        last = await customer_store(pool, clock, "k2").load(numbered(BATCH))
        assert last.profile == Profile(first_name=str(BATCH))

    async def test_goes_on_where_it_broke_off(
        self, pool: Pool, clock: ManualClock
    ) -> None:
        """A second rotation does what the first left, and a third nothing."""
        await keep_many(pool, KeyRing([master_key("k1")]), BATCH + 1)

        def stop(_: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await rotate(pool, ring("k2", "k1"), progress=stop)

        assert (await rotate(pool, ring("k2", "k1"))).rewrapped == 1
        assert (await rotate(pool, ring("k2", "k1"))).rewrapped == 0

    async def test_tells_which_keys_are_needed(
        self, customers: CustomerStore, pool: Pool, clock: ManualClock
    ) -> None:
        """Orders under a key that is not there, and broken ones, are left and told."""
        broken, lost, erased = (StreamKey("acme", f"{n}-01") for n in range(2, 5))
        for stream in (ORDER, broken, erased):
            await customers.keep(stream, marked_order())
        await customer_store(pool, clock, "lost").keep(lost, marked_order())
        await customers.erase(erased)
        await pool.execute(
            "UPDATE private.customer_data SET wrapped_key = $1 WHERE order_id = $2",
            bytes(60),
            broken.order_id,
        )

        rotated = await rotate(pool, ring("k2", "k1"))

        assert rotated.rewrapped == 1
        assert rotated.unreadable == [broken]
        assert rotated.needed == {"k1": 1, "k2": 1, "lost": 1}

    async def test_without_a_master_key(self, pool: Pool) -> None:
        """There is nothing to rotate to."""
        with pytest.raises(InvalidSettingsError, match="ORDER_TRACKING_MASTER_KEYS"):
            await rotate(pool, KeyRing([]))


def ring(*names: str) -> KeyRing:
    return KeyRing(list(map(master_key, names)))


def numbered(number: int) -> StreamKey:
    return StreamKey("acme", f"{number:04d}-01")


async def keep_many(pool: Pool, keys: KeyRing, count: int) -> None:
    """Keep customers whose names are their numbers, in one statement."""
    rows = []
    for number in range(count):
        stream = numbered(number)
        order = {"clientProfileData": {"firstName": str(number)}}
        plaintext = customer_data(order).model_dump_json().encode()
        rows.append((*stream, *keys.seal(plaintext, stream=stream)))
    await pool.executemany(
        "INSERT INTO private.customer_data VALUES ($1, $2, $3, $4, $5, now())", rows
    )
