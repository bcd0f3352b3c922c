"""Where a number comes from, in the running stack: the command, the export, the events of the DAGs."""

from __future__ import annotations

import hashlib
import json
import zipfile

import httpx
import pytest

from ml.use_case import load_use_case
from tests.e2e.conftest import BANK
from tests.e2e.test_loop import ONE_HOT, until

pytestmark = pytest.mark.stack


def test_an_answer_of_the_api_leads_back_to_the_file(stack, bank, bank_file):
    answered = httpx.post(f"{bank['urls']['serving']}/predict", json=ONE_HOT, trust_env=False).json()
    until(lambda: stack.run("lineage", answered["inference_id"]).returncode == 0, 10)

    found = json.loads(stack.mlp("lineage", answered["inference_id"], "--json"))

    assert found["prediction"]["model_version"] == answered["model_version"]
    (file,) = found["training"]["files"]
    assert file["sha256"] == hashlib.sha256(bank_file.read_bytes()).hexdigest()
    assert (file["first_line"], file["last_line"], file["rows"]) == (2, file["rows"] + 1, bank["rows_ingested"])
    assert any(p["stage"] == "Production" and p["outcome"] == "promoted" for p in found["promotions"])


def test_the_version_in_production_can_be_exported(stack, bank):
    version = bank["prediction"]["model_version"]
    path, model = stack.folder / "audit.zip", load_use_case(stack.folder / "use_cases", BANK).config.model_name

    stack.mlp("export", "--model-name", model, "--version", version, "--to", str(path), "--force")

    with zipfile.ZipFile(path) as zipped:
        assert json.loads(zipped.read("bundle/checksums.json"))["is_as_registered"]
        assert json.loads(zipped.read("data/snapshot.json"))["recorded"]


def test_the_events_of_the_dags_lead_from_the_file_to_the_predictions(stack, bank):
    events = [json.loads(line) for line in (stack.state / "lineage" / "events.jsonl").read_text().splitlines()]
    ended = [e for e in events if e["eventType"] == "COMPLETE" and e["job"]["name"].startswith(BANK)]
    use_case = load_use_case(stack.folder / "use_cases", BANK)
    landing = str(use_case.landing.resolve())

    reached = {d["name"] for e in ended for d in e["inputs"] if d["name"].startswith(landing)}
    for _ in ended:
        reached |= {w["name"] for e in ended if reached & {d["name"] for d in e["inputs"]} for w in e["outputs"]}

    assert {f"ml.{BANK}.{name}" for name in ("raw", "features", "predictions")} <= reached
    assert use_case.config.model_name in reached
