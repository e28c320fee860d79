"""A readable log while brokers are away, although aiokafka tries ten times a second."""

import logging

from typing_extensions import override

PAUSE = 30.0
"""Seconds in which the same complaint is not repeated."""


class Seldom(logging.Filter):
    """Lets each message of a logger through once in `PAUSE` seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._due: dict[str, float] = {}

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if record.created < self._due.get(record.msg, 0):
            return False
        self._due[record.msg] = record.created + PAUSE
        return True


def quieten_aiokafka() -> None:
    """Thin out what aiokafka repeats; call it once, where logging is set up."""
    for name in ("aiokafka", "aiokafka.producer.sender"):
        logging.getLogger(name).addFilter(Seldom())
