"""What each account has set about changes of its orders, and of their sellers."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import override

from service.sandbox.keeping import Document, Kept
from service.sandbox.marks import Marks

_DAYS: Final = 2
"""The window to change the seller, unless an account sets another."""


class _Section(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        coerce_numbers_to_str=True,
        serialize_by_alias=True,
    )


class PaymentConfiguration(_Section):
    """Which payment systems of the account's own may be charged again."""

    custom_payment_systems_allowed: tuple[str, ...] = Field(
        (), alias="customPaymentSystemsAllowed"
    )


class Workspaces(_Section):
    """Where a feature is on; `*` is everywhere."""

    enabled_workspaces: tuple[str, ...] = Field(("*",), alias="enabledWorkspaces")


class RolloutConfiguration(_Section):
    """Who may change orders."""

    using_default_behavior: bool = Field(True, alias="usingDefaultBehavior")
    enable_api: bool = Field(True, alias="enableApi")
    enable_admin_orders: Workspaces = Field(Workspaces(), alias="enableAdminOrders")
    enable_my_orders: Workspaces = Field(Workspaces(), alias="enableMyOrders")


class PipelineConfiguration(_Section):
    """What a change works out anew; the sandbox has neither taxes nor promotions."""

    enable_tax_hub_recalculation: bool = Field(False, alias="enableTaxHubRecalculation")
    compensate_shipping_changes: bool = Field(False, alias="compensateShippingChanges")
    enable_promotion_recalculation: bool = Field(
        False, alias="enablePromotionRecalculation"
    )
    enable_native_tax_recalculation: bool = Field(
        False, alias="enableNativeTaxRecalculation"
    )


class ModificationSettings(_Section):
    """How an account changes its orders."""

    payment_configuration: PaymentConfiguration = Field(
        PaymentConfiguration(), alias="paymentConfiguration"
    )
    rollout_configuration: RolloutConfiguration = Field(
        RolloutConfiguration(), alias="rolloutConfiguration"
    )
    pipeline_configuration: PipelineConfiguration = Field(
        PipelineConfiguration(), alias="pipelineConfiguration"
    )

    def document(self) -> dict[str, object]:
        """Return them in VTEX's words."""
        return self.model_dump(mode="json")


class _AccountSettings(BaseModel):
    model_config = ConfigDict(frozen=True)

    modifications: ModificationSettings = ModificationSettings()
    days_to_change_seller: int = _DAYS


_Model = TypeVar("_Model", bound=BaseModel)


def merged(known: _Model, given: _Model) -> _Model:
    """Return *known* with what was set in *given* in its place."""
    found = {name: getattr(given, name) for name in given.model_fields_set}
    return known.model_copy(
        update={
            name: merged(getattr(known, name), value)
            if isinstance(value, BaseModel)
            else value
            for name, value in found.items()
        }
    )


class ChangeSettings(Kept):
    """The settings of every account; who has set nothing has VTEX's own."""

    def __init__(self) -> None:
        self.part = "change-settings"
        self._settings: dict[str, _AccountSettings] = {}
        self._marks: Marks[str] = Marks()

    def modifications(self, account: str) -> ModificationSettings:
        """Say how *account* changes its orders."""
        return self._of(account).modifications

    def update(self, account: str, given: ModificationSettings) -> ModificationSettings:
        """Set what is in *given*; the rest stays."""
        changed = merged(self.modifications(account), given)
        rollout = changed.rollout_configuration
        rollout = rollout.model_copy(update={"using_default_behavior": False})
        changed = changed.model_copy(update={"rollout_configuration": rollout})
        self._set(account, {"modifications": changed})
        return changed

    def days_to_change_seller(self, account: str) -> int:
        """Say for how many days a sale waits for another seller."""
        return self._of(account).days_to_change_seller

    def window_to_change_seller(self, account: str) -> timedelta:
        """Say how long a sale waits for another seller."""
        return timedelta(days=self.days_to_change_seller(account))

    def set_days_to_change_seller(self, account: str, days: int) -> None:
        """Let sales wait for another seller for so many *days*; 0: not at all."""
        self._set(account, {"days_to_change_seller": days})

    @override
    def changes(self) -> Mapping[str, Document | None]:
        return {
            account: self._of(account).model_dump(mode="json")
            for account in self._marks.take(self._settings)
        }

    @override
    def restore(self, documents: Mapping[str, Document]) -> None:
        for account, document in documents.items():
            self._settings[account] = _AccountSettings.model_validate(document)

    def _of(self, account: str) -> _AccountSettings:
        return self._settings.get(account, _AccountSettings())

    def _set(self, account: str, values: Mapping[str, object]) -> None:
        self._settings[account] = self._of(account).model_copy(update=values)
        self._marks.note(account)
