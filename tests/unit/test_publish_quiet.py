"""What is left of aiokafka's log while a broker is away."""

import logging

from service.publish.quiet import PAUSE, Seldom


def record(message: str, *args: object, at: float) -> logging.LogRecord:
    made = logging.LogRecord("aiokafka", logging.ERROR, "", 0, message, args, None)
    made.created = at
    return made


class TestSeldom:
    def test_lets_the_first_complaint_through(self) -> None:
        """Nothing is lost that was not said already."""
        assert Seldom().filter(record("Unable to connect", at=1000.0))

    def test_holds_back_what_it_just_said(self) -> None:
        """The same complaint does not come again within the pause."""
        seldom = Seldom()
        seldom.filter(record("Unable to connect to %s", 1, at=1000.0))

        assert not seldom.filter(record("Unable to connect to %s", 2, at=1000.1))

    def test_says_it_again_later(self) -> None:
        """A complaint that lasts is repeated after the pause."""
        seldom = Seldom()
        seldom.filter(record("Unable to connect", at=1000.0))
        seldom.filter(record("Unable to connect", at=1000.0 + PAUSE / 2))

        assert seldom.filter(record("Unable to connect", at=1000.0 + PAUSE))

    def test_lets_other_complaints_through(self) -> None:
        """One complaint does not hide another."""
        seldom = Seldom()
        seldom.filter(record("Unable to connect", at=1000.0))

        assert seldom.filter(record("Topic not found", at=1000.0))
