"""Draws data of the use case; seeded, so that the same call writes the same bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ml.contract import load_contract

CONTRACT = load_contract(Path(__file__).parent / "contract.yaml")


def draw(rows: int, *, seed: int = 7, shift: float = 0.0, first_id: int = 0) -> pd.DataFrame:
    """Rows with a learnable link to the target; ``shift`` moves the mean of every other number, in sigmas."""
    random = np.random.default_rng(seed)
    numbers = [c.name for c in CONTRACT.features if c.type == "number"]
    values = random.normal(size=(rows, len(numbers)))
    values[:, ::2] += shift
    frame = pd.DataFrame(values.round(4), columns=numbers)
    frame.insert(0, "client.id", [f"C{first_id + i:07d}" for i in range(rows)])
    frame["Age Years"] = random.integers(18, 90, rows)
    frame["plan.type"] = random.choice(["basic", "family", "pro+"], rows, p=[0.5, 0.3, 0.2])
    frame["region"] = random.choice(["east", "north", "south", "west", None], rows)
    logit = values[:, 0] - 0.8 * values[:, 3] + (frame["plan.type"] == "basic").to_numpy() - 1.2
    churned = random.random(rows) < 1 / (1 + np.exp(-logit))
    frame["exit.survey"] = pd.array(np.where(churned, random.integers(0, 6, rows), 0), dtype="Int64")
    frame.loc[~churned, "exit.survey"] = pd.NA
    frame.loc[random.random(rows) < 0.05, "signal.min"] = np.nan
    frame["churned"] = churned.astype(int)
    return frame[[c.name for c in CONTRACT.columns]]


def write(path: Path, rows: int, **options: float) -> Path:
    """The same as a CSV file in the contract's format."""
    draw(rows, **options).to_csv(path, sep=CONTRACT.file.delimiter, index=False)  # type: ignore[arg-type]
    return path
