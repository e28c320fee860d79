"""Reading what carriers write."""

import pytest

from builders import checkpoint, courier_status, courier_update_received, minutes
from service.domain.courier import (
    CourierProgress,
    later_progress,
    order_courier_state,
    progress_of,
    progress_of_update,
)
from service.domain.courier_words import CourierState, state_of_words
from service.domain.document import CourierStatus, PartialCheckpoint


class TestStateOfWords:
    @pytest.mark.parametrize(
        ("words", "state"),
        [
            ("Etiqueta emitida", "pending"),
            ("Aguardando coleta", "pending"),
            ("Shipment information received", "pending"),
            ("Pendiente de despacho", "pending"),
            ("Objeto postado", "in_transit"),
            ("Objeto em trânsito - por favor aguarde", "in_transit"),
            ("Objeto entregue à transportadora", "in_transit"),
            ("Collected", "in_transit"),
            ("Arrived at sorting hub", "in_transit"),
            ("Delivered to carrier", "in_transit"),
            ("En camino al centro de distribución", "in_transit"),
            ("Salió del depósito", "in_transit"),
            ("Previsão de entrega: amanhã", "in_transit"),
            ("A ser entregue amanhã", "in_transit"),
            ("Objeto saiu para entrega ao destinatário", "out_for_delivery"),
            ("OUT FOR DELIVERY", "out_for_delivery"),
            ("En reparto", "out_for_delivery"),
            ("Em rota de entrega", "out_for_delivery"),
            ("Disponível para retirada na agência", "available_for_pickup"),
            ("Aguardando retirada", "available_for_pickup"),
            ("Listo para retirar", "available_for_pickup"),
            ("Ready for pickup", "available_for_pickup"),
            ("Available for collection", "available_for_pickup"),
            ("Objeto entregue ao destinatário", "delivered"),
            ("Entrega realizada com sucesso", "delivered"),
            ("Paquete entregado", "delivered"),
            ("Delivered, front door", "delivered"),
            ("Picked up by the customer", "delivered"),
            ("Retirado pelo cliente", "delivered"),
            ("Tentativa de entrega não sucedida", "failed_attempt"),
            ("Objeto não entregue", "failed_attempt"),
            ("Destinatário ausente", "failed_attempt"),
            ("No se pudo entregar el paquete", "failed_attempt"),
            ("Delivery attempt failed: nobody home", "failed_attempt"),
            ("Could not be delivered", "failed_attempt"),
            ("Objeto extraviado", "exception"),
            ("Carga roubada", "exception"),
            ("Endereço incorreto", "exception"),
            ("Retenido en aduana", "exception"),
            ("Package damaged", "exception"),
            ("Delayed by weather", "exception"),
            ("Devolvido ao remetente", "returned"),
            ("Objeto entregue ao remetente", "returned"),
            ("Devuelto al vendedor", "returned"),
            ("Return to sender", "returned"),
            ("Prazo de retirada encerrado", "expired"),
            ("Expired", "expired"),
            ("xyzzy", "unknown"),
            ("", "unknown"),
            (None, "unknown"),
        ],
    )
    def test_reads(self, words: str | None, state: str) -> None:
        """Carriers' words in three languages give the state they mean."""
        assert state_of_words(words) == state

    @pytest.mark.timeout(2)
    def test_endless_words(self) -> None:
        """A text of a million words is read in no time."""
        assert state_of_words("ready " * 1_000_000) == "unknown"


class TestProgressOf:
    @pytest.mark.parametrize("status", [None, CourierStatus(), courier_status()])
    def test_no_news(self, status: CourierStatus | None) -> None:
        """A package of which the carrier says nothing is pending."""
        assert progress_of(status).state == "pending"

    def test_newest_words(self) -> None:
        """The newest checkpoint counts, wherever VTEX puts it in the list."""
        status = courier_status("Objeto postado", "Saiu para entrega")
        turned = status.model_copy(update={"data": status.data[::-1]})

        assert progress_of(turned).state == "out_for_delivery"
        assert progress_of(turned).text == "Saiu para entrega"
        assert progress_of(turned).last_checkpoint == status.data[1]

    def test_words_nobody_knows(self) -> None:
        """Behind words that we do not know, the last ones that we do know count."""
        progress = progress_of(courier_status("Saiu para entrega", "Evento 57"))

        assert progress.state == "out_for_delivery"
        assert progress.text == "Evento 57"

    def test_nothing_understood(self) -> None:
        """News that we do not understand at all are unknown, not pending."""
        assert progress_of(courier_status("Evento 57")).state == "unknown"

    def test_checkpoint_without_words(self) -> None:
        """A checkpoint without words or date is news all the same."""
        status = CourierStatus(data=(PartialCheckpoint(),))

        assert progress_of(status).state == "unknown"

    def test_finished(self) -> None:
        """A finished package is delivered, whatever its words."""
        assert progress_of(courier_status("Evento 57", finished=True)).state == (
            "delivered"
        )

    def test_delivered_date(self) -> None:
        """A date of delivery means delivered."""
        progress = progress_of(courier_status(delivered=minutes(5)))

        assert progress.state == "delivered"
        assert progress.delivered_at == minutes(5)

    def test_finished_by_return(self) -> None:
        """A package that the carrier finished by returning it is returned."""
        status = courier_status("Devolvido ao remetente", finished=True)

        assert progress_of(status).state == "returned"

    def test_words_in_the_status(self) -> None:
        """Without checkpoints, words in the status itself are read."""
        assert progress_of(CourierStatus(status="Entregue")).state == "delivered"

    def test_update_of_ours(self) -> None:
        """A courier update is read just as VTEX's status is."""
        update = courier_update_received(checkpoint("Out for delivery"))

        assert progress_of_update(update).state == "out_for_delivery"


class TestLaterProgress:
    moving = progress_of(courier_status("Objeto postado"))
    delivered = progress_of(courier_status(delivered=minutes(9)))

    def test_no_news(self) -> None:
        """Silence does not undo what is known."""
        assert later_progress(self.moving, CourierProgress()) == self.moving

    def test_news(self) -> None:
        """Newer checkpoints take the place of older ones."""
        told = progress_of(courier_status("Objeto postado", "Saiu para entrega"))

        assert later_progress(self.moving, told) == told

    def test_old_news(self) -> None:
        """Older checkpoints do not."""
        known = progress_of(courier_status("Objeto postado", "Saiu para entrega"))

        assert later_progress(known, self.moving) == known

    def test_delivered_stays(self) -> None:
        """A late checkpoint does not make a delivered package undelivered."""
        assert later_progress(self.delivered, self.moving) == self.delivered

    def test_delivery_without_date(self) -> None:
        """A delivery that is told again without its date keeps it."""
        told = progress_of(courier_status("Entregue", finished=True))

        assert later_progress(self.delivered, told).delivered_at == minutes(9)

    def test_returned_after_delivery(self) -> None:
        """A delivered package may come back."""
        told = progress_of(courier_status("Devolvido ao remetente"))

        assert later_progress(self.delivered, told).state == "returned"


class TestOrderCourierState:
    @pytest.mark.parametrize(
        ("states", "state"),
        [
            ([], "pending"),
            (["delivered"], "delivered"),
            (["delivered", "in_transit"], "in_transit"),
            (["delivered", "pending"], "pending"),
            (["pending", "failed_attempt"], "failed_attempt"),
            (["returned", "exception", "expired"], "exception"),
            (["out_for_delivery", "available_for_pickup"], "out_for_delivery"),
        ],
    )
    def test_rule(self, states: list[CourierState], state: CourierState) -> None:
        """What needs attention comes first, then what is least advanced."""
        assert order_courier_state(states) == state
