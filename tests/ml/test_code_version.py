"""What a run says of the code that made it."""

import subprocess

import pytest

from ml.training import code_version as module
from ml.training.code_version import code_version
from tests.conftest import REPOSITORY


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("GIT_COMMIT", raising=False)
    code_version.cache_clear()
    yield
    code_version.cache_clear()


def test_in_a_repository_it_is_the_commit_and_whether_files_differ_from_it() -> None:
    if not (REPOSITORY / ".git").exists():
        pytest.skip("the code lies in no repository")
    head = subprocess.run(
        ["git", "-C", str(REPOSITORY), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    assert code_version().removesuffix("-dirty") == head[:12]


def test_an_image_names_the_commit_it_was_built_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMIT", "0123abc")
    assert code_version() == "0123abc"


def test_without_git_and_package_it_is_unknown_and_training_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_version() == module._package_version()
