"""Rounds, ratios and the table that they end in.

A machine that does other things meanwhile is slow by minutes, so nothing is compared across them: what is compared
takes turns, every round gives a ratio, and a row shows the median of the ratios with the quartiles around it.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

FEW = 4
"""With fewer rounds than this the quartiles are the extremes."""


@dataclass(frozen=True)
class Aim:
    """What a row is held against: its ratio, or the median of our own figure, at most or at least `limit`."""

    limit: float
    of: Literal["ratio", "ours"] = "ratio"
    least: bool = False

    def met(self, value: float) -> bool:
        """Whether `value` is on the good side."""
        return value >= self.limit if self.least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.limit:.3g}{'' if self.of == 'ratio' else ' (ours)'}"


@dataclass(frozen=True)
class Row:
    """One line of the table: medians of both sides, and the median and quartiles of the rounds' ratios."""

    section: str
    name: str
    unit: str
    ours: float
    baseline: float | None
    ratio: float | None
    low: float | None
    high: float | None
    rounds: int
    aim: Aim | None

    @classmethod
    def compared(
        cls,
        section: str,
        name: str,
        ours: Sequence[float],
        baseline: Sequence[float],
        *,
        unit: str = "s",
        aim: Aim | None = None,
    ) -> Self:
        """A row of two sides measured in the same rounds; a ratio is ours divided by the baseline."""
        ratios = [mine / theirs for mine, theirs in zip(ours, baseline, strict=True)]
        low, high = spread(ratios)
        middle = statistics.median
        return cls(
            section, name, unit, middle(ours), middle(baseline), middle(ratios), low, high, len(ratios), aim
        )  # fmt: skip

    @classmethod
    def plain(
        cls, section: str, name: str, values: Sequence[float], *, unit: str = "s", aim: Aim | None = None
    ) -> Self:
        """A row of our own figures alone; the spread is theirs."""
        low, high = spread(values)
        return cls(section, name, unit, statistics.median(values), None, None, low, high, len(values), aim)

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None without one."""
        value = None if self.aim is None else self.ratio if self.aim.of == "ratio" else self.ours
        return None if self.aim is None or value is None else self.aim.met(value)

    def document(self) -> dict[str, Any]:
        """As JSON has it; figures rounded to four significant digits."""
        figures = {
            "ours": self.ours,
            "baseline": self.baseline,
            "ratio": self.ratio,
            "low": self.low,
            "high": self.high,
        }
        return (
            {"section": self.section, "name": self.name, "unit": self.unit}
            | {name: None if value is None else float(f"{value:.4g}") for name, value in figures.items()}
            | {"rounds": self.rounds, "aim": str(self.aim) if self.aim else None, "met": self.met}
        )


def spread(values: Sequence[float]) -> tuple[float, float]:
    """The lower and the upper quartile, or the extremes of very few."""
    if len(values) < FEW:
        return min(values), max(values)
    first, _, third = statistics.quantiles(values, n=4, method="inclusive")
    return first, third


def table(rows: Iterable[Row]) -> str:
    """The rows for people, section by section."""
    head = f"{'':60}{'ours':>12}{'baseline':>12}{'ratio':>8}{'quartiles':>20}{'rounds':>8}  aim"
    lines, section = [head], ""
    for row in rows:
        if row.section != section:
            section = row.section
            lines += ["", section]
        quartiles = f"{row.low:.3g} … {row.high:.3g}" if row.low is not None and row.rounds > 1 else ""
        aim = f"{row.aim}  {'met' if row.met else 'MISSED'}" if row.aim else ""
        lines.append(
            f"  {row.name:<58}{_shown(row.ours, row.unit):>12}{_shown(row.baseline, row.unit):>12}"
            f"{'' if row.ratio is None else f'{row.ratio:.2f}':>8}{quartiles:>20}{row.rounds:>8}  {aim}".rstrip()
        )
    return "\n".join(lines)


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    return f"{value:.3f} {unit}" if unit == "s" else f"{value:,.0f} {unit}".strip()
