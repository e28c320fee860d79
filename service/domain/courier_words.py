"""What carriers' free text says, in Portuguese, Spanish and English."""

import re
import unicodedata
from functools import lru_cache
from typing import Final, Literal

CourierState = Literal[
    "pending",
    "in_transit",
    "out_for_delivery",
    "available_for_pickup",
    "delivered",
    "failed_attempt",
    "exception",
    "returned",
    "expired",
    "unknown",
]

# Read from the top: "not delivered" before "delivered", "delivered to the carrier"
# before both, "shipment information received" before "received". The words have
# neither accents nor capitals.
_WORDS: Final[tuple[tuple[CourierState, tuple[str, ...]], ...]] = (
    (
        "returned",
        (
            r"devol[uv]",
            r"devuelt",
            r"\breturn(ed|ing)?\b",
            r"retorn\w* (ao|al|a) (remetente|remitente|origem|origen)",
            r"entreg\w+ (ao|al) (remetente|remitente)",
        ),
    ),
    (
        "expired",
        (
            r"\b(expirad[oa]|expirou|expiro|expired)\b",
            r"(retirada|guarda|retiro).*(vencid|encerrad|esgotad)",
        ),
    ),
    (
        "failed_attempt",
        (
            r"tentativa|\bintento|\battempt",
            r"\bausente|\babsent\b|nobody|nadie",
            r"\bnao (foi |pode ser )?entreg|\bno (fue |pudo ser )?entreg",
            r"nao foi possivel (realizar )?(a )?entreg|no se pudo (realizar )?(la )?entreg",
            r"(not|cannot|could not|unable to) (be )?deliver|undeliver",
            r"(entrega|delivery|visita) (nao realizada|no realizada|fallida|failed)",
            r"failed delivery",
        ),
    ),
    (
        "exception",
        (
            r"extravi|\bperdid|\blost\b",
            r"\broub|\brob[oa]|\bfurt|stolen",
            r"avaria|danific|\bdanad|damage|sinistr",
            r"apreend|retid[oa]|retenid|\bheld\b|on hold",
            r"recus|rechaz|refus|reject",
            r"endereco (nao|incorret|insuficient|inexist|errad)",
            r"direccion (no|incorrect|insuficient|erron|errad)",
            r"(wrong|incorrect|insufficient|invalid) address|address (not|unknown)",
            r"atras(o|ad)|retras|demorad|delay",
            r"incidenc|exception|problem",
        ),
    ),
    (
        "pending",
        (
            r"etiqueta|\blabel\b|\bguia generad|pre-?postag|pre-?transit",
            r"aguardando (a )?(coleta|postagem|envio|despacho)",
            r"(awaiting|waiting for) (carrier|courier|shipment|dispatch)",
            r"pendent|pendient|\bpending\b",
            r"informac\w+ (recebid|recibid)|information received",
            r"em separacao|en preparacion|\bpreparing\b",
        ),
    ),
    (
        "available_for_pickup",
        (
            r"(disponi\w+|pront[oa]|list[oa]|aguardando|esperando) .*(retir|recog|recoj)",
            r"(available|ready|awaiting|waiting) .*(pick-?up|collect|be picked)",
        ),
    ),
    (
        "out_for_delivery",
        (
            r"(saiu|saida|salio|salida) (para|a) (a )?(entrega|reparto|domicilio)",
            r"em rota de entrega|en ruta (de|para) (la )?entrega|en reparto",
            r"out for delivery|on (the )?vehicle|with (the )?driver",
        ),
    ),
    (
        "in_transit",
        (
            (
                r"(entreg|deliver|handed)\w*( over)? (a|ao|al|to|para [ao]) (la |the )?"
                r"(transport|correio|carrier|courier|agencia|unidade|hub)"
            ),
            r"(sera|a ser|to be|will be) (entreg|deliver)",
            r"previs\w+ de entrega|entrega prevista|estimated delivery",
        ),
    ),
    (
        "delivered",
        (
            r"\bentreg(ue|ues|ado|ada)\b|\bdelivered\b",
            r"entrega (realizada|efetuada|efectuada|concluida|exitosa)",
            r"delivery (complete|successful)",
            (
                r"(retirad[oa]|recogid[oa]|picked up|collected) (pelo|por|by) (o |el |the )?"
                r"(client|destinat|comprad|customer|recipient|buyer|consignee)"
            ),
        ),
    ),
    (
        "in_transit",
        (
            r"transit|transferenc|postad|coletad|recolhid|recogid|collected|picked up",
            r"despachad|dispatched|shipped|\benviad|encaminhad|expedid",
            r"chegou|\bllego|\barriv|\bsaiu|\bsalio|\bdepart",
            r"a caminho|en camino|on (its|the) way|em rota|en ruta",
            r"\brecebid|\brecibid|received|processad|procesad|processed",
            r"centro de|\bhub\b|sorting|clasificacion|triagem",
            r"aduana|alfandeg|customs",
        ),
    ),
)
_LONGEST: Final = 500
_RULES: Final = tuple((state, re.compile("|".join(words))) for state, words in _WORDS)


@lru_cache(maxsize=10_000)
def state_of_words(words: str | None) -> CourierState:
    """Read one line of a carrier's text; unknown when it says nothing we know."""
    if words is None:
        return "unknown"
    decomposed = unicodedata.normalize("NFKD", words[:_LONGEST].casefold())
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return next((state for state, rule in _RULES if rule.search(plain)), "unknown")
