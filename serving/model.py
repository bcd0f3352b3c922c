"""A version of the model, ready to predict. Knows neither HTTP nor the registry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from time import perf_counter

from ml.bundle import Bundle, Manifest, load_bundle
from ml.errors import BundleRefused
from ml.field_value import Value
from ml.payload import Parsed, PayloadParser
from serving.errors import wrong_field
from serving.registry import ProductionVersion
from serving.together import Together


@dataclass(frozen=True)
class Prediction:
    """One answer, with what its log record needs."""

    model: Model
    values: dict[str, Value]
    probability: float
    warnings: list[str]
    milliseconds: float | None = None
    """What it took to read the input and to predict; unknown for one row of many."""
    read_milliseconds: float = 0
    """That part of it which was reading the input."""

    @property
    def label(self) -> int:
        """1 for the positive class: a probability of at least the model's threshold."""
        return int(self.probability >= self.model.manifest.threshold)


class Model:
    """A verified bundle with the parser for its inputs, in production ``since``."""

    def __init__(self, bundle: Bundle, source: ProductionVersion, since: dt.datetime) -> None:
        self.manifest: Manifest = bundle.manifest
        self.source = source
        self.since = since
        self._bundle = bundle
        self._parser = PayloadParser(self.manifest.contract, [f.name for f in self.manifest.features])
        # Not bound to self: a version that was replaced is freed at once, not when garbage is looked for.
        self._together = Together(partial(_probabilities, bundle))

    @property
    def version(self) -> str:
        """The registry's version."""
        return self.source.version

    def predict(self, payload: Mapping[str, object]) -> Prediction:
        """Probability of the positive class for one input. Raises :class:`ml.errors.InvalidInput`."""
        began = perf_counter()
        parsed = self.parse(payload)
        read = perf_counter()
        (probability,) = self.probabilities([parsed])
        return self._prediction(parsed, probability, began, read)

    async def answer(self, payload: Mapping[str, object]) -> Prediction:
        """As :meth:`predict`, in one run with the requests that came in together."""
        began = perf_counter()
        parsed = self.parse(payload)
        read = perf_counter()
        probability = await self._together.probability(parsed)
        return self._prediction(parsed, probability, began, read)

    def _prediction(self, parsed: Parsed, probability: float, began: float, read: float) -> Prediction:
        took = perf_counter() - began
        return Prediction(self, parsed.values, probability, parsed.warnings, 1000 * took, 1000 * (read - began))

    def parse(self, payload: Mapping[str, object]) -> Parsed:
        """One input, read by the contract. Raises :class:`ml.errors.InvalidInput`."""
        return self._parser.parse(payload)

    def probabilities(self, rows: Sequence[Parsed]) -> list[float]:
        """Probability of the positive class for each of some inputs, in one run; safe to call from several threads.

        Raises :class:`ml.errors.InvalidInput` where there is none.
        """
        return _probabilities(self._bundle, rows)


def _probabilities(bundle: Bundle, rows: Sequence[Parsed]) -> list[float]:
    columns = {f.name: [row.values[f.name] for row in rows] for f in bundle.manifest.features}
    found: list[float] = bundle.predict(columns).tolist()
    if not all(map(isfinite, found)):
        at = f"inputs[{[*map(isfinite, found)].index(False)}]" if len(rows) > 1 else "input"
        raise wrong_field(at, "the model has no finite probability for these values")
    return found


def load_model(folder: Path, source: ProductionVersion, since: dt.datetime) -> Model:
    """Read, verify and try a bundle: it must give its golden rows the probabilities it was registered with.

    Raises :class:`BundleRefused` saying what is wrong.
    """
    try:
        bundle = load_bundle(folder, source.bundle_sha256)
    except BundleRefused as error:  # which version it is, only the registry knows
        raise BundleRefused(source.name, source.version, error.reason) from error
    if bundle.manifest.model_name != source.name:
        raise BundleRefused(source.name, source.version, f"its bundle is of model {bundle.manifest.model_name!r}")
    return Model(bundle, source, since)
