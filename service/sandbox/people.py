"""Invented people and places: personal data that belongs to nobody."""

from random import Random
from typing import Final

from service.sandbox.items import PickupPoint, Place
from service.sandbox.orders import Operator, Shopper

_FIRST_NAMES: Final = (
    "Ana", "Bruno", "Carla", "Diego", "Elisa", "Fábio", "Gabriela", "Heitor", "Iara",
    "João", "Karen", "Lucas", "Marina", "Nuno", "Olívia", "Paulo", "Rita", "Sofia",
)  # fmt: skip
_ASCII: Final = str.maketrans("áãéíóô", "aaeioo")
_CITIES: Final = (
    ("São Paulo", "SP", "01000", -46.63, -23.55),
    ("Rio de Janeiro", "RJ", "20000", -43.20, -22.91),
    ("Curitiba", "PR", "80000", -49.27, -25.43),
    ("Recife", "PE", "50000", -34.88, -8.05),
    ("Porto Alegre", "RS", "90000", -51.22, -30.03),
)
_STREETS: Final = ("Rua Inventada", "Avenida Fictícia", "Travessa Imaginária")


def _place(address_id: str, *, rng: Random) -> Place:
    city, state, postal_code, longitude, latitude = rng.choice(_CITIES)
    return Place(
        address_id=address_id,
        street=rng.choice(_STREETS),
        number=str(rng.randint(1, 999)),
        neighborhood="Bairro Sandbox",
        city=city,
        state=state,
        postal_code=f"{postal_code}-{rng.randint(0, 999):03d}",
        longitude=longitude,
        latitude=latitude,
    )


PICKUP_POINTS: Final = tuple(
    PickupPoint(
        point_id=f"sandbox_{number}",
        name=f"Loja Sandbox {number}",
        place=_place(f"sandbox_{number}", rng=Random(f"pickup point {number}")),
    )
    for number in range(1, 4)
)


def invent_shopper(number: int, *, rng: Random) -> Shopper:
    """Invent the shopper of order *number*."""
    first_name = rng.choice(_FIRST_NAMES)
    return Shopper(
        first_name=first_name,
        last_name="Sandbox",
        email=f"{first_name.lower().translate(_ASCII)}.sandbox@example.com",
        phone=f"+5500{900_000_000 + number}",
        document=f"{number:011d}",
        home=_place(f"home-{number}", rng=rng),
    )


def invent_operator(name: str) -> Operator:
    """Invent what else is known of the operator *name*."""
    words = name.casefold().split()
    return Operator(
        operator_id="-".join(words),
        name=name,
        email=f"{'.'.join(words)}@callcenter.example.com",
    )
