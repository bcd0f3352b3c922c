"""Runs a contract's Great Expectations suites over frames of cells and says which rows break it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import great_expectations as gx
import pandas as pd
from great_expectations.core import ExpectationValidationResult
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

from ml.contract import Contract
from ml.validation.cell_rules import RuleName, read_cells
from ml.validation.expectations import cell_suite, value_suite

_EXAMPLES = 5
_SHOWN = 200


@dataclass(frozen=True)
class Reason:
    """Why a row breaks the contract: column, rule, and the cell as written (cut at 200 characters; null: ``None``)."""

    column: str
    rule: str
    value: str | None


@dataclass
class Tally:
    """What one expectation found in all frames so far, in cells; nulls are evaluated by none but that of nulls."""

    column: str
    rule: str
    expectation: str
    parameters: dict[str, object]
    evaluated: int = 0
    unexpected: int = 0
    examples: list[str | None] = field(default_factory=list)
    """The first few different values."""

    def add(self, evaluated: int, values: Sequence[str | None]) -> None:
        """Count one frame's result."""
        self.evaluated += evaluated
        self.unexpected += len(values)
        for value in values:
            if len(self.examples) == _EXAMPLES:
                return
            if value not in self.examples:
                self.examples.append(value)


class ContractValidator:
    """Judges frames of cells, one after the other, and keeps a tally of each expectation."""

    def __init__(self, contract: Contract) -> None:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("contract").add_dataframe_asset("frame")
        self._batches = asset.add_batch_definition_whole_dataframe("whole")
        self._contract = contract
        self._suites = (cell_suite(contract), value_suite(contract))
        self.broken: Counter[tuple[str, str]] = Counter()
        """Number of rows that break each rule, by column and rule."""
        self._tallies = dict(_tally(e) for suite in self._suites for e in suite.expectations)

    @property
    def tallies(self) -> list[Tally]:
        """One a expectation: those of cells in the contract's order, then those of values."""
        return list(self._tallies.values())

    def judge(self, cells: pd.DataFrame) -> dict[int, list[Reason]]:
        """Positions of the rows that break the contract, with their reasons.

        ``cells`` has the contract's columns and ``_event_time``, all as text, and at least one row.
        Raises ``RuntimeError`` where an expectation could not be evaluated.
        """
        cells = cells.reset_index(drop=True)
        values = pd.DataFrame({c.name: read_cells(cells[c.name], c) for c in self._contract.columns})
        reasons: dict[int, list[Reason]] = {}
        for suite, frame in zip(self._suites, (cells, values), strict=True):
            for result in self._results(suite, frame):
                self._collect(result, cells, reasons)
        return reasons

    def _results(self, suite: gx.ExpectationSuite, frame: pd.DataFrame) -> Iterator[ExpectationValidationResult]:
        batch = self._batches.get_batch(batch_parameters={"dataframe": frame})
        for result in batch.validate(suite, result_format={"result_format": "COMPLETE"}).results:
            # An expectation that crashed is reported like one that failed, but has looked at nothing.
            if "unexpected_index_list" not in result.result:
                raise RuntimeError(f"{_config(result).type} could not be evaluated: {result.exception_info}")
            yield result

    def _collect(
        self, result: ExpectationValidationResult, cells: pd.DataFrame, reasons: dict[int, list[Reason]]
    ) -> None:
        tally = self._tallies[_identity(_config(result))]
        positions: list[int] = result.result["unexpected_index_list"]
        written = _written(cells, tally, positions)
        tally.add(result.result["element_count"] - result.result.get("missing_count", 0), written)
        for position, value in zip(positions, written, strict=True):
            reason, known = Reason(tally.column, tally.rule, value), reasons.setdefault(position, [])
            if reason not in known:  # two expectations may stand for one rule
                known.append(reason)
                self.broken[tally.column, tally.rule] += 1


def _config(result: ExpectationValidationResult) -> ExpectationConfiguration:
    assert result.expectation_config is not None
    return result.expectation_config


def _identity(config: ExpectationConfiguration) -> tuple[str, str, str]:
    return config.meta["column"], config.meta["rule"], config.type


def _tally(expectation: Expectation) -> tuple[tuple[str, str, str], Tally]:
    identity = _identity(expectation.configuration)
    parameters = {k: v for k, v in expectation.configuration.kwargs.items() if k != "column"}
    return identity, Tally(*identity, parameters)


def _written(cells: pd.DataFrame, tally: Tally, positions: list[int]) -> list[str | None]:
    if tally.rule in (RuleName.NULLS, RuleName.EVENT_TIME):
        return [None] * len(positions)
    return [value[:_SHOWN] for value in cells[tally.column].iloc[positions]]
