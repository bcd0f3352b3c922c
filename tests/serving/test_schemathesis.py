"""schemathesis: requests made from the API document, and such as it forbids, all get what it promises."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from serving import keys
from serving.cache import BundleCache
from serving.watcher import Watcher
from tests.serving.fakes import MODEL
from tests.serving.process import running

SECONDS = 240
PROGRAM = Path(sys.executable).with_name("schemathesis")
KEY = keys.new_key()


@pytest.fixture
def settings(serving, registry, tmp_path):
    """A service with API keys and without MLflow, its version in the cache."""
    (tmp_path / "keys").write_text(keys.line("schemathesis", KEY))
    Watcher(registry, BundleCache(serving.cache_dir, MODEL), MODEL).look()
    return serving.model_copy(update={"api_keys_file": tmp_path / "keys", "batch_max_rows": 20})


@pytest.mark.slow
def test_s5_schemathesis_finds_nothing_with_all_its_checks(settings, tmp_path):
    with running(settings, tmp_path / "log") as url:
        done = subprocess.run(
            [
                PROGRAM, "run", f"{url}/openapi.json", "--checks", "all", "--seed", "1", "--max-examples", "40",
                "--header", f"Authorization: Bearer {KEY}", "--continue-on-failure", "--no-shrink", "--no-color",
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )  # fmt: skip
    report = done.stdout + done.stderr
    cases = re.search(r"([\d,]+) generated", report)
    print(f"S5: schemathesis, all checks: {cases[0] if cases else '?'}")
    assert done.returncode == 0, report
    assert cases, report
    assert int(cases[1].replace(",", "")) > 500
    assert '"level":"error"' not in (tmp_path / "log").read_text()
