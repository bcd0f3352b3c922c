"""The pages that are made belong to the site: its folder is on the path here."""

from __future__ import annotations

import sys

from tests.conftest import REPOSITORY

sys.path.append(str(REPOSITORY / "docs"))
