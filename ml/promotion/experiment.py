"""The experiment with a challenger: how it is set in the registry, and who takes part.

The version with alias ``challenger`` is the challenger. Two tags of the registered model say what becomes of it:
``serving.challenger`` (``off``, ``shadow`` or ``canary``) and ``serving.challenger_percent`` (0 to 100).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from ml.errors import ConfigError

ALIAS = "challenger"
MODE_TAG = "serving.challenger"
PERCENT_TAG = "serving.challenger_percent"


class Mode(StrEnum):
    """What becomes of requests."""

    OFF = "off"
    """The challenger sees none."""
    SHADOW = "shadow"
    """It predicts each one beside production; its prediction is logged, never returned."""
    CANARY = "canary"
    """It answers a percentage of them."""


@dataclass(frozen=True)
class Setup:
    """A mode and the percentage of requests that a canary answers."""

    mode: Mode = Mode.OFF
    percent: float = 0


def read_tags(tags: Mapping[str, str]) -> Setup:
    """The setup that a model's tags say; without them it is off.

    The percentage counts in mode ``canary`` only. Raises :class:`ConfigError` naming a tag that says nothing known.
    """
    mode, percent = tags.get(MODE_TAG, Mode.OFF.value).strip().lower(), tags.get(PERCENT_TAG, "0")
    if mode not in set(Mode):
        raise ConfigError(f"Tag {MODE_TAG} is {mode!r}; it may be {', '.join(Mode)}.")
    if mode != Mode.CANARY:
        return Setup(Mode(mode))
    try:
        return Setup(Mode.CANARY, checked_percent(float(percent)))
    except ValueError:
        raise ConfigError(f"Tag {PERCENT_TAG} is {percent!r}, no number.") from None


def checked_percent(percent: float) -> float:
    """The same number. Raises :class:`ConfigError` unless it is from 0 to 100."""
    if not (isfinite(percent) and 0 <= percent <= 100):
        raise ConfigError(f"{percent:g} % of the traffic? It may be 0 to 100.")
    return percent


def name(model_name: str, version: str) -> str:
    """The experiment with one version; another version draws anew who takes part."""
    return f"{model_name}/{version}"


def takes_part(experiment: str, key: str | None, percent: float) -> bool:
    """Whether a request is one of the ``percent`` that the challenger answers.

    The same key always is or never is, in each process; with a higher percentage it still is. Without a key
    chance decides.
    """
    return 100 * (random.random() if key is None else _place(experiment, key)) < percent  # noqa: S311  no secret


def _place(experiment: str, key: str) -> float:
    """Where a key stands from 0 (included) to 1 (not included)."""
    digest = hashlib.sha256(f"{len(experiment)}:{experiment}{key}".encode()).digest()
    return (int.from_bytes(digest[:8], "big") >> 11) / 2**53
