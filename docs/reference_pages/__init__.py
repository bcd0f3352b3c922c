"""Pages of the reference that are made from the code at each build, so that they cannot be out of date."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent.parent
