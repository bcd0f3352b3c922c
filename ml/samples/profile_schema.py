"""What a use case's ``profile.json`` holds: aggregate statistics of a real file, enough to draw a likeness of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ml.errors import ContractError
from ml.links import Link
from ml.monitoring import binning
from ml.samples.marginal import Marginal
from ml.use_case import UseCase


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Bins(_Strict):
    """How a column is cut to be counted: by label, or, for numbers, at the upper end of each interval but the last."""

    labels: tuple[str, ...] | None = None
    edges: tuple[int | float, ...] = ()

    def count(self, values: pd.Series) -> tuple[int, ...]:
        """Rows in each bin; the last entry counts nulls. Labels that are no bin are counted nowhere."""
        if self.labels is not None:
            counts = values.value_counts()
            return (*(int(counts.get(label, 0)) for label in self.labels), int(values.isna().sum()))
        return tuple(map(int, binning.count(values.to_numpy(dtype=float, na_value=np.nan), np.array(self.edges))))


class Period(_Strict):
    """One month, written ``YYYY-MM`` (or ``all`` without event time); ``counts`` has, by column, its rows by bin.

    A month of few rows has no counts: they would come near to being the rows.
    """

    name: str
    rows: int
    positives: int
    counts: dict[str, tuple[int, ...]] = {}


class Stratum(_Strict):
    """The rows of one period and class that hold the same links: how many, and each column's distribution.

    ``links`` has a ``1`` for each link of the profile that they hold, a ``0`` for each that they do not.
    """

    period: str
    label: str
    links: str
    rows: Annotated[int, Field(ge=1)]
    marginals: dict[str, Marginal]


class Dependence(_Strict):
    """Gaussian copula of a class's rows that hold the same links; ``upper`` is read row by row."""

    label: str
    links: str
    columns: tuple[str, ...]
    upper: tuple[float, ...]


class Profile(_Strict):
    """Read it with :func:`load_profile`; :mod:`ml.samples.sample` draws from it, :mod:`ml.samples.profile` makes it."""

    format: Literal[1]
    use_case: str
    source_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    rows: int
    decimals: dict[str, int]
    """By number column: decimals of its values."""
    bins: dict[str, Bins]
    links: tuple[Link, ...]
    periods: tuple[Period, ...]
    dependences: tuple[Dependence, ...]
    strata: tuple[Stratum, ...]


def profile_path(use_case: UseCase) -> Path:
    """Where the profile of a use case is kept."""
    return use_case.folder / "profile.json"


def load_profile(use_case: UseCase) -> Profile:
    """Read and check the profile. Raises :class:`ContractError` where it is missing, damaged or of other columns."""
    path = profile_path(use_case)
    try:
        profile = Profile.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ContractError(str(path), f"{error}; build it with `mlp profile`") from error
    unknown = sorted(set(profile.bins) - {c.name for c in use_case.contract.columns})
    if unknown or profile.use_case != use_case.name:
        raise ContractError(
            str(path), f"made for {profile.use_case!r}, columns unknown to the contract: {unknown}; build it again"
        )
    return profile
