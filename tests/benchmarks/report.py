"""What was measured, and how it is printed: medians, and ratios round by round."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rich.console import Console
from rich.table import Table


class Ratio(NamedTuple):
    """*ours* as a part or a multiple of *other*, and what it should at least be."""

    ours: str
    other: str
    aim: str = ""


@dataclass(slots=True)
class Report:
    """The figures of one section, in the order in which they were first measured."""

    title: str
    rates: defaultdict[str, list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Events a second, round by round."""
    delays: defaultdict[str, list[Sequence[float]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """Milliseconds, all of a round together."""
    ratios: Sequence[Ratio] = ()

    def print(self, console: Console) -> None:
        console.rule(self.title)
        if self.rates:
            console.print(self._rates())
        if self.delays:
            console.print(self._delays())
        if self.ratios:
            console.print(self._ratios())

    def _rates(self) -> Table:
        table = Table("events a second", "median", "least", "most")
        for name, values in self.rates.items():
            table.add_row(name, *_three(values, ",.0f"))
        return table

    def _delays(self) -> Table:
        table = Table("milliseconds", "p50", "p99", "p50 and p99 of each round")
        for name, rounds in self.delays.items():
            each = [_p50_p99(values) for values in rounds]
            table.add_row(
                name,
                f"{statistics.median(p50 for p50, _ in each):.1f}",
                f"{statistics.median(p99 for _, p99 in each):.1f}",
                "  ".join(f"{p50:.1f} {p99:.1f}" for p50, p99 in each),
            )
        return table

    def _ratios(self) -> Table:
        table = Table("ratio, round by round", "median", "least", "most", "aim")
        for ours, other, aim in self.ratios:
            pairs = zip(self.rates[ours], self.rates[other], strict=True)
            table.add_row(f"{ours} / {other}", *_three([a / b for a, b in pairs]), aim)
        return table


def _three(values: Sequence[float], form: str = ".2f") -> tuple[str, str, str]:
    middle = statistics.median(values)
    return format(middle, form), format(min(values), form), format(max(values), form)


def _p50_p99(values: Sequence[float]) -> tuple[float, float]:
    hundredths = statistics.quantiles(values, n=100)
    return hundredths[49], hundredths[98]
