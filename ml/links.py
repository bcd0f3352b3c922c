"""Finds values of different columns that occur together or not at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Link = dict[str, str | int | float]
"""Column → value: a row holds all of them, or, but for rare exceptions, none."""

_RARE = 0.01
"""Values held by a smaller share of rows (or by more than all but this share) are not looked at."""
_EXCEPTIONS = 0.01
"""A link may be broken by this share of the rarer side's rows."""


def find_links(frame: pd.DataFrame) -> tuple[Link, ...]:
    """The links among a frame's columns, in the order of columns; nulls take no part.

    Compares every frequent value with every other: finds equivalences ("this is -1 exactly where that is
    empty"), not implications.
    """
    names, values, held = _frequent_values(frame)
    count, both = held.sum(axis=0), held.T @ held
    either = np.minimum(count, len(frame) - count)
    exceptions = count[:, None] + count[None, :] - 2 * both
    linked = exceptions <= _EXCEPTIONS * np.minimum(either[:, None], either[None, :])
    links: list[Link] = []
    for i, name in enumerate(names):
        if any(link.get(name) == values[i] for link in links):
            continue
        link: Link = {name: values[i]}
        for j in np.flatnonzero(linked[i]):
            link.setdefault(names[j], values[j])
        if len(link) > 1:
            links.append(link)
    return tuple(links)


def holds(link: Link, frame: pd.DataFrame) -> NDArray[np.bool_]:
    """Per row, whether it holds every value of the link."""
    return np.asarray(
        np.logical_and.reduce([(frame[name] == value).to_numpy(dtype=bool) for name, value in link.items()])
    )


def _frequent_values(frame: pd.DataFrame) -> tuple[list[str], list[str | int | float], NDArray[np.float32]]:
    """Column and value of each frequent value, with an indicator per row, shape ``[rows, values]``."""
    names, values, held = [], [], []
    for name in frame.columns:
        counts = frame[name].value_counts(normalize=True)
        for value in counts.index[(counts >= _RARE) & (counts <= 1 - _RARE)]:
            names.append(name)
            values.append(value if isinstance(value, str) else float(value))
            held.append((frame[name] == value).to_numpy(dtype=np.float32))
    return names, values, np.array(held, dtype=np.float32).reshape(len(held), len(frame)).T
