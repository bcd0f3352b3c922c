"""`validation`: how much of a file may be bad."""

from __future__ import annotations

from ml.model_config.section import Fraction, Section


class Validation(Section):
    """When a file as a whole is refused."""

    max_bad_fraction: Fraction = 0.05
