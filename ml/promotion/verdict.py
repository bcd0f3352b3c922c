"""What the gate says of a version: each rule with its figure and its limit."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from ml.model_config import GateMode


@dataclass(frozen=True)
class Rule:
    """One rule: what was found, what it may be, and whether that is so. Figures are as people read them."""

    name: str
    figure: str
    limit: str
    passed: bool


@dataclass(frozen=True)
class GateVerdict:
    """The verdict on a version; ``difference`` is that of the metric to production, with its 95 % interval.

    ``notes`` say what is to be known of the rows that it was judged by.
    """

    metric: str
    challenger: float
    production: float | None
    difference: float | None
    low: float | None
    high: float | None
    n_rows: int
    rules: tuple[Rule, ...]
    notes: tuple[str, ...] = ()
    mode: GateMode = GateMode.MANUAL

    @property
    def passed(self) -> bool:
        """Whether all rules hold."""
        return all(rule.passed for rule in self.rules)

    @property
    def failed_rules(self) -> list[str]:
        """Names of the rules that do not hold."""
        return [rule.name for rule in self.rules if not rule.passed]

    @property
    def summary(self) -> str:
        """One line, which is also the version's tag."""
        return "passed" if self.passed else f"failed: {', '.join(self.failed_rules)}"

    def document(self) -> dict[str, object]:
        """As JSON holds it."""
        return {"passed": self.passed, **asdict(self)}

    def lines(self) -> list[str]:
        """A table of aligned text."""
        rows = [("rule", "figure", "limit", ""), *((r.name, r.figure, r.limit, _mark(r)) for r in self.rules)]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        table = ["  ".join(cell.ljust(w) for cell, w in zip(row, [*widths, 0], strict=True)).rstrip() for row in rows]
        return [*table, *self.notes, f"Gate {self.summary}."]

    def markdown(self) -> str:
        """The same for a form in a browser."""
        rows = [f"| {r.name} | {r.figure} | {r.limit} | {_mark(r)} |" for r in self.rules]
        head = [f"**Gate {self.summary}**", "", "| rule | figure | limit | |", "|---|---|---|---|"]
        return "\n".join([*head, *rows, "", *(f"{note}\n" for note in self.notes)])


def _mark(rule: Rule) -> str:
    return "pass" if rule.passed else "FAIL"
