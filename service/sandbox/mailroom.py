"""The mails that a shopper gets about an order, and the conversation they make."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from pydantic import TypeAdapter
from typing_extensions import override

from service.sandbox.clock import moment
from service.sandbox.keeping import Document, Kept
from service.sandbox.oms import Oms
from service.sandbox.orders import Order

_FIRST_WORDS: Final = 60

_Ref = tuple[str, str]


class _Letter(NamedTuple):
    subject: str
    words: str


_LETTERS: Final[Mapping[str, _Letter]] = MappingProxyType(
    {
        "placed": _Letter("Pedido realizado", "Recebemos o seu pedido."),
        "approved": _Letter(
            "Seu pagamento foi aprovado",
            "Estamos providenciando a emissão da nota fiscal.",
        ),
        "invoiced": _Letter(
            "Sua nota fiscal foi emitida", "Estamos empacotando o seu produto."
        ),
        "shipped": _Letter(
            "Seu pedido foi enviado", "O pacote está a caminho, com a transportadora."
        ),
        "canceled": _Letter("Seu pedido foi cancelado", "O pedido foi cancelado."),
    }
)


class Mail(NamedTuple):
    """What a mail is about, such as the invoice of an order, and when it went out."""

    occasion: str
    detail: str
    at: datetime

    @property
    def subject(self) -> str:
        return _LETTERS[self.occasion].subject

    def text(self, order: Order) -> str:
        about = f"Pedido {order.order_id}"
        if self.detail:
            about += f", nota fiscal {self.detail}"
        words = _LETTERS[self.occasion].words
        return f"{self.subject}. {about}. Olá, {order.shopper.first_name}. {words}"


class Mailroom(Kept):
    """Writes to the shopper once on each occasion; sellers' orders have no shopper."""

    def __init__(self, oms: Oms) -> None:
        self.part = "mail"
        self._sent: defaultdict[_Ref, dict[tuple[str, str], datetime]] = defaultdict(
            dict
        )
        self._unkept: set[_Ref] = set()
        oms.watch(self._hear)

    def mails(self, order: Order) -> list[Mail]:
        """Return what was sent about *order*, oldest first."""
        sent = self._sent.get((order.account, order.order_id), {})
        return [Mail(*about, at) for about, at in sent.items()]

    def last_message(self, order: Order) -> str | None:
        """Return the words of the last mail."""
        mails = self.mails(order)
        return mails[-1].text(order) if mails else None

    def _hear(self, order: Order, at: datetime) -> None:
        ref = (order.account, order.order_id)
        for about in _occasions(order):
            if about not in self._sent[ref]:
                self._sent[ref][about] = at
                self._unkept.add(ref)

    @override
    def changes(self) -> Mapping[str, Document | None]:
        changed, self._unkept = self._unkept, set()
        return {
            "/".join(ref): {
                "sent": [[*about, moment(at)] for about, at in self._sent[ref].items()]
            }
            for ref in changed
        }

    @override
    def restore(self, documents: Mapping[str, Document]) -> None:
        for key, document in documents.items():
            account, _, order_id = key.partition("/")
            for mail in _SENT.validate_python(document["sent"]):
                self._sent[account, order_id][mail.occasion, mail.detail] = mail.at


_SENT: Final = TypeAdapter(list[Mail])


def conversation_document(order: Order, mail: Mail) -> dict[str, object]:
    """Return *mail* as a message of the order's conversation."""
    shopper, text = order.shopper, mail.text(order)
    about = {"conversationRelatedTo": order.order_id, "conversationSubject": "oms"}
    number = hashlib.sha256(f"{order.order_id}/{mail.occasion}/{mail.detail}".encode())
    alias = hashlib.sha256(shopper.email.encode()).hexdigest()[:32]
    return {
        "id": f"{mail.at:%Y-%m-%dt%H-%M-%S}_{number.hexdigest()[:32]}",
        "from": {
            **about,
            "emailAlias": f"noreply@{order.account}.ct.example.com",
            "aliasMaskType": 0,
            "email": f"noreply@{order.account}.example.com",
            "name": "no reply",
            "role": None,
        },
        "to": [
            {
                **about,
                "emailAlias": f"{alias}@ct.example.com",
                "aliasMaskType": 0,
                "email": shopper.email,
                "name": f"{shopper.first_name} {shopper.last_name}",
                "role": "Customer",
            }
        ],
        "subject": mail.subject,
        "firstWords": f"{text[:_FIRST_WORDS]}...",
        "body": f"<!DOCTYPE html><html><body><p>{text}</p></body></html>",
        "hasAttachment": False,
        "attachmentNames": [],
        "date": moment(mail.at),
    }


def _occasions(order: Order) -> Iterator[tuple[str, str]]:
    if order.flow == "seller" or order.is_incomplete:
        return
    yield "placed", ""
    if order.authorized_at is not None:
        yield "approved", ""
    for package in order.sold_packages:
        yield "invoiced", package.invoice_number
        if package.tracking_number:
            yield "shipped", package.invoice_number
    if order.status == "canceled":
        yield "canceled", ""
