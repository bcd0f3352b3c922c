"""Landing files from a real S3 server (SeaweedFS): fetched, loaded once, put away by what became of them."""

from __future__ import annotations

import datetime as dt
import json
import socket
import subprocess
import time
from pathlib import Path

import boto3
import httpx
import pytest

from ml.ingest import ingest
from tests.compose.engine import TOOLS, install_tools
from tests.trained import churn
from tests.use_cases.customer_churn.make_data import write

BUCKET = "landing"


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    install_tools()
    folder = tmp_path_factory.mktemp("s3")
    (folder / "data").mkdir()
    identity = {"name": "platform", "credentials": [{"accessKey": "platform", "secretKey": "secret"}],
                "actions": ["Admin", "Read", "Write", "List"]}  # fmt: skip
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    master, grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc = free_ports(8)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [TOOLS / "bin" / "weed", "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
             f"-master.port={master}", f"-master.port.grpc={grpc}", f"-volume.port={volume}",
             f"-volume.port.grpc={volume_grpc}", "-filer", f"-filer.port={filer}", f"-filer.port.grpc={filer_grpc}",
             "-s3", f"-s3.port={s3}", f"-s3.port.grpc={s3_grpc}", f"-s3.config={folder / 's3.json'}",
             "-volume.max=20", "-master.volumeSizeLimitMB=64"],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait(f"http://127.0.0.1:{s3}/healthz", folder / "log")
        yield f"http://127.0.0.1:{s3}"
    finally:
        server.kill()  # asked kindly, it takes half a minute
        server.wait()


def wait(url, log):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.3)
    raise AssertionError(Path(log).read_text()[-2000:])


@pytest.fixture
def s3(endpoint, monkeypatch):
    monkeypatch.setenv(
        "AIRFLOW_CONN_S3",
        json.dumps({"conn_type": "aws", "login": "platform", "password": "secret",
                    "extra": {"endpoint_url": endpoint, "region_name": "us-east-1"}}),
    )  # fmt: skip
    client = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1",
        aws_access_key_id="platform", aws_secret_access_key="secret",
    )  # fmt: skip
    if BUCKET not in {b["Name"] for b in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=BUCKET)
    yield client
    for key in keys(client):
        client.delete_object(Bucket=BUCKET, Key=key)


@pytest.fixture
def use_case(tmp_path, monkeypatch):
    monkeypatch.setenv("ML_LANDING_DIR", str(tmp_path / "elsewhere"))
    return churn(tmp_path, 0)


def keys(client):
    return sorted(entry["Key"] for entry in client.list_objects_v2(Bucket=BUCKET).get("Contents", ()))


def put(client, folder, name, rows, **options):
    client.upload_file(str(write(folder / "upload.csv", rows, **options)), BUCKET, f"customer_churn/{name}")


def run(settings, use_case, logical_date=None):
    from s3_landing import fetch, settle

    fetched = fetch(f"s3://{BUCKET}", use_case, logical_date)
    summary = ingest(settings, use_case, run_id="test", logical_date=logical_date)
    settle(fetched, use_case, summary)
    return summary


def test_an_object_is_loaded_once_and_put_away(s3, settings, use_case, tmp_path):
    put(s3, tmp_path, "clients.csv", 200)
    assert run(settings, use_case).rows_new == 200
    (done,) = keys(s3)
    assert done.startswith("customer_churn/done/")
    assert done.endswith("_clients.csv")
    assert list(use_case.landing.iterdir()) == []
    put(s3, tmp_path, "the same again.csv", 200)
    again = run(settings, use_case)
    assert (again.rows_new, [f.status for f in again.files]) == (0, ["duplicate"])
    assert len(keys(s3)) == 2


def test_a_run_that_died_before_it_put_the_object_away_is_made_up_for(s3, settings, use_case, tmp_path):
    from s3_landing import fetch

    put(s3, tmp_path, "clients.csv", 200)
    fetch(f"s3://{BUCKET}", use_case, None)
    assert ingest(settings, use_case, run_id="dies").rows_new == 200
    assert run(settings, use_case).files == [], "it was dealt with"
    (done,) = keys(s3)
    assert done.startswith("customer_churn/done/")


def test_an_object_that_is_refused_lies_beside_its_reason(s3, settings, use_case):
    s3.put_object(Bucket=BUCKET, Key="customer_churn/bad.csv", Body=b"no,such,columns\n1,2,3\n")
    (refused,) = run(settings, use_case).files
    assert refused.status == "rejected"
    bad, reason = keys(s3)
    assert bad.startswith("customer_churn/rejected/")
    assert s3.get_object(Bucket=BUCKET, Key=reason)["Body"].read().decode() == refused.reason


def test_only_what_is_due_and_lies_directly_in_the_use_cases_folder_is_fetched(s3, settings, use_case, tmp_path):
    put(s3, tmp_path, "clients_2026-01-02.csv", 50, first_id=0)
    put(s3, tmp_path, "clients_2026-01-09.csv", 60, first_id=100)
    put(s3, tmp_path, "clients.csv.part", 10, first_id=300)
    put(s3, tmp_path, "below/clients.csv", 10, first_id=400)
    s3.put_object(Bucket=BUCKET, Key="other_use_case/clients.csv", Body=b"x")
    assert run(settings, use_case, dt.datetime(2026, 1, 5, tzinfo=dt.UTC)).rows_new == 50
    waiting = [k for k in keys(s3) if "/done/" not in k]
    assert waiting == [
        "customer_churn/below/clients.csv", "customer_churn/clients.csv.part",
        "customer_churn/clients_2026-01-09.csv", "other_use_case/clients.csv",
    ]  # fmt: skip


def test_an_object_replaced_while_it_was_loaded_waits_for_the_next_run(s3, settings, use_case, tmp_path):
    from s3_landing import fetch, settle

    put(s3, tmp_path, "clients.csv", 200)
    fetched = fetch(f"s3://{BUCKET}", use_case, None)
    summary = ingest(settings, use_case, run_id="first")
    put(s3, tmp_path, "clients.csv", 30, first_id=1000)
    settle(fetched, use_case, summary)
    assert "customer_churn/clients.csv" in keys(s3)
    assert run(settings, use_case).rows_new == 30
    assert "customer_churn/clients.csv" not in keys(s3)


def test_names_that_lead_elsewhere_or_do_not_print_touch_nothing(s3, settings, use_case):
    for name in ("..csv", "a\nb.csv"):
        s3.put_object(Bucket=BUCKET, Key=f"customer_churn/{name}", Body=b"x")
    assert run(settings, use_case).files == []
    assert len(keys(s3)) == 2
