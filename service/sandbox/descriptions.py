"""The words beside each status, in the language of the sandbox's shops."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_DESCRIPTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "": "",
        "order-created": "Processando",
        "on-order-completed": "Processando",
        "on-order-completed-ffm": "Processando",
        "order-create-error": "Erro na criação do pedido",
        "order-accepted": "Verificando envio",
        "waiting-for-authorization": "Aguardando autorização",
        "waiting-for-mkt-authorization": "Aguardando autorização do marketplace",
        "waiting-for-manual-authorization": "Aguardando autorização manual",
        "waiting-ffmt-authorization": "Aguardando autorização para despachar",
        "waiting-for-fulfillment": "Aguardando o estoque",
        "waiting-seller-handling": "Aguardando manuseio do seller",
        "payment-pending": "Pagamento pendente",
        "approve-payment": "Aprovar pagamento",
        "payment-approved": "Pagamento aprovado",
        "authorize-fulfillment": "Autorizar despacho",
        "window-to-cancel": "Carência para cancelamento",
        "window-to-change-payment": "Carência para troca de pagamento",
        "window-to-change-seller": "Carência para troca de seller",
        "ready-for-handling": "Pronto para o manuseio",
        "start-handling": "Iniciar manuseio",
        "handling": "Preparando entrega",
        "ready-for-invoicing": "Pronto para o faturamento",
        "invoice": "Verificando fatura",
        "invoice-after-cancellation-deny": "Fatura pós-cancelamento negado",
        "invoiced": "Faturado",
        "request-cancel": "Solicitar cancelamento",
        "waiting-for-seller-decision": "Aguardando decisão do seller",
        "cancellation-requested": "Cancelamento solicitado",
        "cancellation-request-denied": "Cancelamento negado",
        "cancellation-request-denied-ffm": "Cancelamento negado",
        "cancel": "Cancelar",
        "canceled": "Cancelado",
        "replaced": "Substituído",
    }
)


def describe(status: str) -> str:
    """Return the words for *status*."""
    return _DESCRIPTIONS[status]
