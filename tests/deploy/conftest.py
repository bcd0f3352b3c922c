"""The sets of objects that can be applied: each policy holds for each of them."""

import pytest

from tests.deploy.manifests import BY_HAND, Object, read, rendered, rolling


@pytest.fixture(params=["files", "rolling", "blue-green", "example"])
def objects(request: pytest.FixtureRequest) -> list[Object]:
    """``files``: those of the overlay ``rolling``, read without kubectl, and the Job that is made by hand."""
    return [*rolling(), *read(BY_HAND)] if request.param == "files" else rendered(request.param)
