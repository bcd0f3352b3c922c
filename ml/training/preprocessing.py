"""From the contract's columns to numbers, as the first steps of each model's pipeline."""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from ml.contract import Column


def preprocessing(features: Sequence[Column], *, scale: bool) -> ColumnTransformer:
    """Numbers: nulls become the median; categories: one column for each that the contract lists.

    Nulls and categories that the contract does not list are none of the columns. ``scale`` brings numbers to
    mean 0 and variance 1; trees do without, since they only compare, and a scaled number that is rounded to
    ONNX's float32 may fall on the other side of a split.
    """
    numbers = [f.name for f in features if f.is_numeric]
    categories = [f for f in features if not f.is_numeric]
    steps: list[tuple[str, Pipeline | OneHotEncoder, list[str]]] = []
    if numbers:
        impute = SimpleImputer(strategy="median", keep_empty_features=True)
        steps.append(("numbers", make_pipeline(impute, *([StandardScaler()] if scale else [])), numbers))
    if categories:
        encoder = OneHotEncoder(
            categories=[list(f.labels) for f in categories], handle_unknown="ignore", sparse_output=False
        )
        steps.append(("categories", encoder, [f.name for f in categories]))
    return ColumnTransformer(steps, sparse_threshold=0, verbose_feature_names_out=False)
