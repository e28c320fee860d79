"""Who fills a new broker is told how far it is."""

from structlog.testing import capture_logs

from conftest import ManualClock
from service.publish.filling import WORTH_TELLING, Filling


class TestFilling:
    def test_tells_now_and_then(self, clock: ManualClock) -> None:
        """The start, the end and every ten seconds between are told."""
        filling = Filling("orders", clock)
        with capture_logs() as told:
            filling.start(3 * WORTH_TELLING)
            filling.add(WORTH_TELLING)
            clock.advance(seconds=10)
            filling.add(WORTH_TELLING)
            filling.add(WORTH_TELLING)
            filling.add(WORTH_TELLING)

        assert [(line["event"], line["events"]) for line in told] == [
            ("filling topic", 0),
            ("filling topic", 2 * WORTH_TELLING),
            ("topic filled", 3 * WORTH_TELLING),
        ]

    def test_is_silent_about_little(self, clock: ManualClock) -> None:
        """What is there in a second is not worth a line."""
        filling = Filling("orders", clock)
        with capture_logs() as told:
            filling.start(WORTH_TELLING - 1)
            filling.add(WORTH_TELLING)

        assert told == []
