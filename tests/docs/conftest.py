"""The pages that are made belong to the site, not to the platform: its folder is on the path here only."""

from __future__ import annotations

import sys

from tests.conftest import REPOSITORY

sys.path.append(str(REPOSITORY / "docs"))
