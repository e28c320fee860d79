"""What the OMS tells of changes: Get order, history, details, summary; and settings."""

from datetime import timedelta
from typing import Any, cast

import pytest

from change_kit import ACCOUNT, ERP, ChangeShop, absent, lines, priced
from sandbox_kit import bring
from service.sandbox import calls
from service.sandbox.change_documents import detailed, history, previewed, requested
from service.sandbox.change_settings import ChangeSettings, ModificationSettings
from service.sandbox.change_summary import summary
from service.sandbox.clock import moment
from service.sandbox.document import order_document
from service.sandbox.invention import Wish
from service.sandbox.orders import Order


@pytest.fixture
def shop() -> ChangeShop:
    return ChangeShop()


def told(document: object) -> Any:
    return cast("Any", document)


def document_of(order: Order) -> Any:
    return told(order_document(order))


class TestOrderDocument:
    def test_has_no_changes_at_first(self, shop: ChangeShop) -> None:
        """An order that nobody changed has null there, and may be edited."""
        document = document_of(shop.handled())

        assert document["changesAttachment"] is None
        assert document["allowEdition"] is True

    def test_tells_changes_of_the_first_version(self, shop: ChangeShop) -> None:
        """Reason, values, lines and receipt are those of the request."""
        order = shop.handled()
        gone = order.items[0]
        change = shop.register(order, itemsRemoved=[priced(gone.sku, 5)])

        assert document_of(order)["changesAttachment"]["changesData"] == [
            {
                "reason": "out of stock",
                "discountValue": 100,
                "incrementValue": 0,
                "itemsAdded": [],
                "itemsRemoved": [
                    {
                        "id": gone.sku,
                        "name": gone.name,
                        "quantity": 1,
                        "price": 5,
                        "unitMultiplier": None,
                    }
                ],
                "receipt": {
                    "date": moment(change.at),
                    "orderId": order.order_id,
                    "receipt": change.receipt,
                },
            }
        ]

    def test_tells_changes_of_the_second_version_once_done(
        self, shop: ChangeShop
    ) -> None:
        """The value that came or went is what the OMS worked out."""
        order = shop.handled()
        asked = shop.ask(order, manualIncrementValue=70)
        before = document_of(order)["changesAttachment"]
        shop.wait()

        (change,) = document_of(order)["changesAttachment"]["changesData"]
        assert before is None
        assert (change["discountValue"], change["incrementValue"]) == (0, 70)
        assert change["receipt"]["receipt"] == asked.request_id

    def test_adds_up_to_its_value(self, shop: ChangeShop) -> None:
        """The totals of a changed order are its value."""
        order = shop.handled()
        shop.change(order, add=lines(absent(order)), manualDiscountValue=33)

        document = document_of(order)
        assert sum(total["value"] for total in document["totals"]) == document["value"]

    def test_may_not_be_edited_once_invoiced(self, shop: ChangeShop) -> None:
        """What is invoiced wholly is not changed any more."""
        order = shop.handled()
        shop.invoice(order)
        bring(shop.oms, shop.clock, order, "invoiced")

        assert document_of(order)["allowEdition"] is False


class TestDetails:
    def test_follow_the_change(self, shop: ChangeShop) -> None:
        """In progress at first, finished in the end, with a word for each step."""
        order = shop.handled()
        asked = shop.ask(order, manualDiscountValue=1)
        first = detailed(order, asked)
        shop.wait()
        last = told(detailed(order, asked))

        assert (first["inProgress"], first["finished"]) == (True, False)
        assert (last["inProgress"], last["finished"]) == (False, True)
        assert [entry["status"] for entry in last["logs"]] == [
            "waiting-confirmation",
            "done",
        ]

    def test_say_why_it_was_canceled(self, shop: ChangeShop) -> None:
        """The reason is that of the rule that was broken."""
        order = shop.handled()
        asked = shop.ask(order, manualDiscountValue=1)
        shop.invoice(order)
        shop.wait()

        data = told(detailed(order, asked))["cancellationData"]
        assert data["requestedByUser"] is False
        assert "invoiced" in data["reason"]

    def test_name_both_sides_of_a_replacement(self, shop: ChangeShop) -> None:
        """What goes and what comes is told from the first answer on."""
        order = shop.handled()
        line, sku = order.items[0], absent(order)
        replacement = {"from": lines(line.sku), "to": lines(sku)}
        asked = shop.ask(order, replace=[replacement])

        (pair,) = told(requested(order, asked))["replace"]
        assert [item["id"] for item in pair["from"]["items"]] == [line.sku]
        assert [item["id"] for item in pair["to"]["items"]] == [sku]
        assert told(previewed(order, asked))["totalChangeValue"] == asked.effect.total


class TestHistory:
    def test_has_what_was_carried_out(self, shop: ChangeShop) -> None:
        """A change that came to nothing is not in it."""
        order = shop.handled()
        done = shop.change(order, add=lines(absent(order)))
        shop.faults.names.add("KI-1275957")
        shop.change(order, manualDiscountValue=1)

        past = told(history(order))
        assert [r["requestId"] for r in past["requests"]] == [done.request_id]
        assert [a["status"] for a in past["actions"]] == [
            "waiting-confirmation",
            "done",
        ]
        assert len(past["requests"][0]["add"]["items"]) == 1


class TestSummary:
    def test_tells_all_changes_together(self, shop: ChangeShop) -> None:
        """What was bought stays in it; what came and went adds up."""
        order = shop.handled()
        bought = [item.sku for item in order.items]
        value, gone = order.value, order.items[0]
        shop.change(order, add=lines(absent(order)), manualIncrementValue=9)
        shop.change(order, remove=lines(gone.sku, quantity=gone.quantity))

        seen = told(summary(order))
        assert [item["id"] for item in seen["original"]] == bought
        assert [line["id"] for line in seen["removed"]] == [gone.sku]
        assert len(seen["added"]) == 1
        assert seen["manualIncrementValueAggregated"] == 9
        assert seen["totalChangeValueAggregated"] == order.value - value

    @pytest.mark.parametrize(
        ("to", "kind"),
        [
            ({"price": 1}, "PriceChange"),
            ({"quantity": 9}, "QuantityChange"),
            ({"id": "{other}"}, "ItemReplacement"),
        ],
    )
    def test_names_the_kind_of_a_replacement(
        self, shop: ChangeShop, to: dict[str, object], kind: str
    ) -> None:
        """Another price, another quantity, or another item."""
        order = shop.handled()
        line = order.items[0]
        other = {"id": absent(order)} if "id" in to else to
        put = {"id": line.sku, "quantity": line.quantity} | other
        taken = lines(line.sku, quantity=line.quantity)
        shop.change(order, replace=[{"from": taken, "to": {"items": [put]}}])

        (replaced,) = told(summary(order))["replaced"]
        assert replaced["replaceType"] == kind

    def test_of_an_unchanged_order_has_its_items(self, shop: ChangeShop) -> None:
        """Nothing came and nothing went."""
        order = shop.handled()

        seen = told(summary(order))
        assert len(seen["original"]) == 2
        assert (seen["added"], seen["totalChangeValueAggregated"]) == ([], 0)


class TestSettings:
    def test_change_only_what_is_set(self) -> None:
        """What is left out stays as it was."""
        settings = ChangeSettings()
        payments = {"paymentConfiguration": {"customPaymentSystemsAllowed": ["201"]}}
        pipeline = {"pipelineConfiguration": {"compensateShippingChanges": True}}
        for given in (payments, pipeline):
            settings.update("acme", ModificationSettings.model_validate(given))

        document = told(settings.modifications("acme").document())
        assert document["paymentConfiguration"]["customPaymentSystemsAllowed"] == [
            "201"
        ]
        assert document["pipelineConfiguration"]["compensateShippingChanges"] is True
        assert document["rolloutConfiguration"]["usingDefaultBehavior"] is False

    def test_are_each_accounts_own(self) -> None:
        """Another account has what VTEX gives it."""
        settings = ChangeSettings()
        settings.set_days_to_change_seller("acme", 4)

        assert settings.days_to_change_seller("acme") == 4
        assert settings.window_to_change_seller("other") == timedelta(days=2)

    def test_can_be_kept(self) -> None:
        """A sandbox that is started again has them still."""
        settings, later = ChangeSettings(), ChangeSettings()
        settings.changes()
        settings.set_days_to_change_seller("acme", 4)
        off = {"rolloutConfiguration": {"enableApi": False}}
        settings.update("acme", ModificationSettings.model_validate(off))
        later.restore({k: v for k, v in settings.changes().items() if v is not None})

        assert later.days_to_change_seller("acme") == 4
        assert later.modifications("acme") == settings.modifications("acme")
        assert settings.changes() == {}

    @pytest.mark.parametrize(
        ("days", "status"), [(0, "canceled"), (2, "window-to-change-seller")]
    )
    def test_rule_how_long_a_sale_waits(
        self, shop: ChangeShop, days: int, status: str
    ) -> None:
        """With a window of no days, a sale whose seller cancels is cancelled too."""
        shop.settings.set_days_to_change_seller(ACCOUNT, days)
        sale = shop.order_in(
            "payment-approved", Wish(flow="marketplace", fate="completed", sellers=1)
        )
        assert sale.twin is not None
        shop.oms.carry_out(ERP, sale.twin, calls.cancel({"reason": "no stock"}))
        shop.wait(60)

        assert sale.status == status


class TestKeeping:
    def test_brings_a_change_back_on_its_way(self, shop: ChangeShop) -> None:
        """A change that was on its way goes on after a restart."""
        order = shop.handled()
        shop.ask(order, manualDiscountValue=100)
        later = ChangeShop()
        documents = {k: v for k, v in shop.oms.kept.changes().items() if v is not None}
        later.oms.kept.restore(documents)
        later.clock.set(shop.clock.now())
        later.wait()

        again = later.oms.order(ACCOUNT, order.order_id)
        assert [r.status for r in again.change_requests] == ["done"]
        assert again.value == order.value - 100
