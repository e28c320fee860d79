"""What VTEX gives for a call that changed an order."""

from typing import NamedTuple, Self

from service.orders_api.answer import Answer


class Receipt(NamedTuple):
    """VTEX's word that it did it; not every operation gives a receipt."""

    http_status: int
    receipt: str | None

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """Read the receipt from *answer*; an empty one has none.

        Raises:
            UnreadableAnswerError: It is neither empty nor a JSON object.
        """
        content = answer.json_object() if answer.body.strip() else {}
        receipt = content.get("receipt")
        return cls(answer.status, receipt if isinstance(receipt, str) else None)
