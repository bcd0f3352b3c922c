"""Whether the share of some rows changed: of nulls, of categories that nobody knew, of positive labels."""

from __future__ import annotations

from scipy.stats import hypergeom


def change(held: int, rows: int, held_in_window: int, rows_in_window: int) -> tuple[float, float]:
    """The share in the window less that in the reference, and the p-value of Fisher's exact test (1935).

    Twice the smaller tail, at most 1. At least one row in each. Holds for samples of any size.

    >>> change(1, 12, 9, 12)  # Fisher's tea with more cups
    (0.6666666666666666, 0.002759456185220083)
    """
    share = held_in_window / rows_in_window - held / rows
    if not 0 < held + held_in_window < rows + rows_in_window:  # all rows are alike, as in most columns without nulls
        return share, 1.0
    of = (rows + rows_in_window, held + held_in_window, rows_in_window)
    tail = min(hypergeom.cdf(held_in_window, *of), hypergeom.sf(held_in_window - 1, *of))
    return share, float(min(2 * tail, 1.0))
