"""What goes wrong in the sandbox, as it does at VTEX."""

from typing import Protocol

from typing_extensions import override


class Faults(Protocol):
    """Decides whether a fault happens."""

    def strikes(self, fault: str, *, account: str, order_id: str = "") -> bool:
        """Say whether *fault*, such as `KI-792650`, happens this time."""
        ...


class NoFaults(Faults):
    """Nothing ever goes wrong."""

    @override
    def strikes(self, fault: str, *, account: str, order_id: str = "") -> bool:
        return False
