"""The one endpoint that answers with personal data."""

import hashlib

import pytest

from conftest import ManualClock
from private_kit import customer_store, marked_order, master_key
from reading import reading
from service.config import ApiKey
from service.db import Pool
from service.eventlog.records import StreamKey
from service.private.customer import CustomerData, customer_data

pytestmark = pytest.mark.postgres

ORDER = StreamKey("acme", "1-01")
PATH = "/v1/orders/acme/1-01/customer"


class TestGetCustomer:
    async def test_answers_for_no_cache(self, pool: Pool, clock: ManualClock) -> None:
        """All that is kept is told, and nobody is to keep the answer."""
        await customer_store(pool, clock, "k1").keep(ORDER, marked_order())
        async with reading(pool, clock, master_keys=[master_key()]) as api:
            response = await api.get(PATH)

            assert response.status == 200
            assert response.headers["Cache-Control"] == "no-store"
            told = CustomerData.model_validate_json(await response.read())
            assert told == customer_data(marked_order())

    async def test_nothing_kept_and_erased(
        self, pool: Pool, clock: ManualClock
    ) -> None:
        """What never was is not found; what was erased is gone."""
        erased = StreamKey("acme", "2-01")
        await customer_store(pool, clock).erase(erased)
        async with reading(pool, clock, master_keys=[master_key()]) as api:
            answers = [
                await api.get(PATH),
                await api.get("/v1/orders/acme/%00/customer"),
                await api.get("/v1/orders/acme/2-01/customer"),
            ]

            codes = [(each.status, (await each.json())["code"]) for each in answers]
            assert codes == [
                (404, "customer-data-not-found"),
                (404, "customer-data-not-found"),
                (410, "personal-data-erased"),
            ]

    async def test_missing_key(self, pool: Pool, clock: ManualClock) -> None:
        """Without its master key the problem names the setting; other orders are told."""
        other = StreamKey("acme", "2-01")
        await customer_store(pool, clock, "lost").keep(ORDER, marked_order())
        await customer_store(pool, clock, "k1").keep(other, marked_order())
        async with reading(pool, clock, master_keys=[master_key()]) as api:
            response = await api.get(PATH)

            assert response.status == 500
            problem = await response.json()
            assert problem["code"] == "unreadable-customer-data"
            assert "ORDER_TRACKING_MASTER_KEYS" in problem["detail"]
            assert (await api.get("/v1/orders/acme/2-01/customer")).status == 200

    async def test_needs_an_api_key(self, pool: Pool, clock: ManualClock) -> None:
        """Where keys are configured, nobody is answered without one."""
        key = ApiKey(name="shop", sha256=hashlib.sha256(b"sesame").hexdigest())
        await customer_store(pool, clock, "k1").keep(ORDER, marked_order())
        async with reading(pool, clock, keys=[key], master_keys=[master_key()]) as api:
            assert (await api.get(PATH)).status == 401
            assert (await api.get(PATH, Authorization="Bearer sesame")).status == 200
