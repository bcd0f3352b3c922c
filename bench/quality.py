"""How good the platform's model is, beside untuned models fitted on the same rows in the same command.

`make bench-quality DATA=file` reads a file of the use case and divides it in three ways: at random with the
features that are known only afterwards, at random without them, and in file order, the last fifth held out. On each,
the candidates of `model.yaml` are tuned on the training part, and the one with the best cross-validation there is
compared; rows held out are looked at once, to measure. Prints a table and writes `.local/bench/quality.json`.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from sklearn.metrics import average_precision_score, roc_auc_score

from bench.peers import peers
from ml.contract import Column
from ml.evaluation.calibration_error import expected_calibration_error
from ml.features import target, typed
from ml.model_config import FoldOrder, Metric, Split, SplitBy
from ml.training.holdout import split_rows
from ml.training.trainer import Trainer
from ml.training.training_part import training_part
from ml.use_case import UseCase, load_use_case

OUT = Path(".local/bench/quality.json")
FOLDS = 5
"""More than training's default: what changes with time is judged by models that are not long out of date."""


@dataclass(frozen=True)
class Figures:
    """Of one model on the rows held out; ``seconds`` are those of its tuning and fitting."""

    roc_auc: float
    average_precision: float
    ece: float
    seconds: float


@dataclass(frozen=True)
class Division:
    """A way of dividing the file: which features there are, and which rows are held out."""

    features: tuple[Column, ...]
    split: Split

    @property
    def order(self) -> FoldOrder:
        """Folds are made as the rows held out are, so that cross-validation asks what the hold-out will."""
        return FoldOrder.TIME if self.split.by is SplitBy.TIME else FoldOrder.STRATIFIED


def divisions(use_case: UseCase) -> dict[str, Division]:
    """By name, for the table and the file."""
    contract, random = use_case.contract, Split(by=SplitBy.RANDOM)
    late = contract.late_features
    found = {f"random_with_{'_'.join(late)}": Division(contract.model_features(late), random)} if late else {}
    without = contract.model_features()
    return found | {"random": Division(without, random), "time": Division(without, Split(by=SplitBy.TIME))}


def read(path: Path, use_case: UseCase) -> pd.DataFrame:
    """The file's rows as training reads them from the database, in the order of the file."""
    contract = use_case.contract
    cells = pd.read_csv(path, sep=contract.file.delimiter, dtype=str, keep_default_na=False)
    cells = cells.replace(contract.file.null, None)
    return pd.DataFrame({c.name: typed(cells[c.name], c) for c in contract.columns})


def measure(labels: pd.Series, probabilities: np.ndarray, started: float) -> Figures:
    """The figures of N probabilities against the labels of the rows held out."""
    y, seconds = labels.to_numpy(), time.monotonic() - started
    ece = expected_calibration_error(y, probabilities)
    return Figures(roc_auc_score(y, probabilities), average_precision_score(y, probabilities), ece, seconds)


def compare(frame: pd.DataFrame, use_case: UseCase, division: Division, trials: int, seconds: float) -> dict:
    """The chosen model and its peers on one division."""
    labels = target(frame, use_case.contract)
    train, test = split_rows(labels, None, division.split)
    rows, held_out = frame.iloc[train], frame.iloc[test]
    config = use_case.config
    tuning = config.tuning.model_copy(
        update={"trials": trials, "seconds": seconds, "order": division.order, "folds": FOLDS}
    )
    config = config.model_copy(update={"tuning": tuning, "metric": Metric.AVERAGE_PRECISION})
    started = time.monotonic()
    trainer = Trainer(training_part(rows, labels.iloc[train], division.features, config, None), config.candidates)
    models = [trainer.fit(name) for name in config.candidates]
    chosen = max(models, key=lambda model: model.cv_score)
    found = measure(labels.iloc[test], chosen.predict_proba(held_out)[:, 1], started)
    return {
        "chosen": {"name": chosen.name, **asdict(found), "cross_validation": {m.name: m.cv_score for m in models}},
        "peers": _peers(rows, held_out, labels.iloc[train], labels.iloc[test], division.features),
    }


def _peers(
    rows: pd.DataFrame, held_out: pd.DataFrame, labels: pd.Series, test_labels: pd.Series, features: Sequence[Column]
) -> dict[str, dict[str, float]]:
    figures = {}
    for name, pipeline in peers(features).items():
        started = time.monotonic()
        pipeline.fit(rows, labels)
        figures[name] = asdict(measure(test_labels, pipeline.predict_proba(held_out)[:, 1], started))
    return figures


def show(splits: dict[str, dict]) -> None:
    """One table, the chosen model of each division first."""
    table = Table("split", "model", "roc_auc", "average_precision", "ece", "seconds")
    for split, found in splits.items():
        rows = {f"chosen: {found['chosen']['name']}": found["chosen"], **found["peers"]}
        for name, f in rows.items():
            table.add_row(
                split, name, *(f"{f[k]:.4f}" for k in ("roc_auc", "average_precision", "ece")), f"{f['seconds']:.1f}"
            )
        table.add_section()
    Console().print(table)


def main() -> None:
    """Read the arguments, compare on each division, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="a file of the use case")
    parser.add_argument("--use-case", default="bank_marketing")
    parser.add_argument("--trials", type=int, default=20, help="of each candidate; more than training makes by default")
    parser.add_argument(
        "--seconds", type=float, default=90, help="of all trials on one division; more than training has by default"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    use_case = load_use_case(Path("data"), arguments.use_case)
    frame = read(arguments.data, use_case)
    splits = {
        name: compare(frame, use_case, division, arguments.trials, arguments.seconds)
        for name, division in divisions(use_case).items()
    }
    show(splits)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"splits": splits}, indent=2))
    print(f"Written: {OUT}")


if __name__ == "__main__":
    main()
