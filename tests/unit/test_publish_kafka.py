"""Giving up a client of Kafka."""

from aiokafka.errors import KafkaError

from service.publish.kafka import end


class TestEnd:
    async def test_outlives_what_the_client_met_before(self) -> None:
        """A consumer that raises while it stops does not take its process with it."""

        async def stop() -> None:
            raise KafkaError("Unexpected error during data retrieval")

        await end(stop())
