"""A use case is a folder; adding one is adding a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ml.contract import Column, Contract, load_contract
from ml.errors import ContractError
from ml.model_config import ModelConfig, load_model_config


@dataclass(frozen=True)
class UseCase:
    """The folder of a use case with what it says.

    Contract and model configuration are read once, when first asked for.
    """

    folder: Path

    @property
    def name(self) -> str:
        """Name of the folder, of the database schema and in each DAG id."""
        return self.folder.name

    @property
    def landing(self) -> Path:
        """Where files to ingest are put: in it, or below ``ML_LANDING_DIR``, where the folder itself is read-only."""
        elsewhere = os.environ.get("ML_LANDING_DIR")
        return Path(elsewhere) / self.name if elsewhere else self.folder / "landing"

    @cached_property
    def contract(self) -> Contract:
        """The columns. Raises :class:`ContractError` where it does not fit the folder."""
        path = self.folder / "contract.yaml"
        contract = load_contract(path)
        if contract.use_case != self.name:
            raise ContractError(str(path), f"use_case is {contract.use_case!r}, the folder is {self.name!r}")
        return contract

    @cached_property
    def config(self) -> ModelConfig:
        """Training, promotion and drift. Raises :class:`ContractError` on unknown columns."""
        path = self.folder / "model.yaml"
        config = load_model_config(path)
        names = {c.name for c in self.contract.features}
        slices = {*(config.gate.slices or ()), *(config.performance.slices or ())}
        trained = {name for c in config.candidates.values() for name in (*c.without, *(c.day_of_year or ()))}
        unknown = sorted({*config.late_features, *config.drift.psi_limits, *slices, *trained} - names)
        if unknown:
            raise ContractError(str(path), f"no feature of the contract: {', '.join(unknown)}")
        return config

    @property
    def model_features(self) -> tuple[Column, ...]:
        """The features of the model as configured."""
        return self.contract.model_features(self.config.late_features)


def load_use_case(use_cases_dir: Path, name: str) -> UseCase:
    """The use case of that name. Raises :class:`ContractError` where the folder has no contract."""
    folder = use_cases_dir / name
    if not (folder / "contract.yaml").is_file():
        known = ", ".join(u.name for u in discover(use_cases_dir)) or "none"
        raise ContractError(str(folder), f"no contract.yaml there; use cases found: {known}")
    return UseCase(folder)


def discover(use_cases_dir: Path) -> list[UseCase]:
    """All use cases below a folder, by name."""
    return [UseCase(path.parent) for path in sorted(use_cases_dir.glob("*/contract.yaml"))]
