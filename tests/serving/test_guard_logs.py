"""What is written of a request: lines of JSON, and spans; never its values nor its key."""

import gzip
import json
import logging
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ml.errors import Unavailable
from serving.app import create_app
from serving.json_log import JsonFormatter
from serving.keys import line, new_key
from tests.conftest import REPOSITORY
from tests.serving import bundles
from tests.serving.fakes import LocalClient

KEY = new_key()
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture
def logging_client(serving, registry, tmp_path):
    (tmp_path / "keys").write_text(line("web-shop", KEY))
    settings = serving.model_copy(update={"access_log": True, "api_keys_file": tmp_path / "keys"})
    with LocalClient(create_app(settings, registry), headers={"X-API-Key": KEY}) as client:
        yield client


def lines(caplog):
    return [json.loads(JsonFormatter().format(r)) for r in caplog.records if r.name == "serving.access_log"]


def everything(caplog):
    return "".join(map(JsonFormatter().format, caplog.records))


def test_a_request_has_one_line_without_its_values(logging_client, contract, caplog):
    caplog.set_level(logging.INFO, "serving")
    values = {**bundles.example(contract), "canary field": "canary value"}
    answer = logging_client.post("/v1/predict?canary=1", json={"input": values}, headers={"traceparent": TRACEPARENT})
    (written,) = lines(caplog)
    assert written.pop("milliseconds") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", written.pop("time"))
    assert written == {
        "level": "info", "logger": "serving.access_log", "message": "request", "method": "POST",
        "route": "/v1/predict", "status": 200, "client": "web-shop", "inference_id": answer.json()["inference_id"],
        "model_version": "1", "trace_id": TRACE,
    }  # fmt: skip
    assert "canary" not in everything(caplog)
    assert KEY not in everything(caplog)


def test_a_refused_request_has_its_line_too(logging_client, caplog):
    caplog.set_level(logging.INFO, "serving")
    logging_client.post("/v1/predict", json={"input": {"Age Years": "canary"}})
    logging_client.get("/canary")
    logging_client.get("/v1/model", headers={"X-API-Key": "canary"})
    logging_client.get("/health", headers={"X-API-Key": "", "traceparent": f"00-{'0' * 32}-b7ad6b7169203331-01"})
    fields = ("route", "status", "client", "inference_id", "trace_id")
    assert [tuple(written[name] for name in fields) for written in lines(caplog)] == [
        ("/v1/predict", 422, "web-shop", None, None),
        ("-", 404, "web-shop", None, None),
        ("-", 401, None, None, None),
        ("/health", 200, None, None, None),
    ]
    assert "canary" not in everything(caplog)


def test_without_the_setting_there_are_no_lines(client, caplog):
    caplog.set_level(logging.INFO, "serving")
    client.get("/health")
    assert lines(caplog) == []


def test_an_error_shows_its_class_and_place_but_not_what_it_says():
    try:
        try:
            int("canary")
        except ValueError as error:
            raise Unavailable("MLflow", "http://mlflow", "refused") from error
    except Unavailable as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "f", 1, "it\nfailed", None, (type(error), error, error.__traceback__)
        )
    text = JsonFormatter().format(record)
    assert "\n" not in text
    assert "canary" not in text
    outer, inner = json.loads(text)["error"]
    assert (outer["class"], outer["message"]) == ("ml.errors.Unavailable", str(record.exc_info[1]))
    assert (inner["class"], inner["message"]) == ("builtins.ValueError", None)
    assert inner["at"][0].startswith(f"{__file__}:")


@pytest.fixture
def collector():
    """A server that takes spans over OTLP; its address, and the spans by name."""
    spans = {}

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            if self.path == "/v1/traces":
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    spans.update({span.name: span for scope in resource.scope_spans for span in scope.spans})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", spans
        server.shutdown()
        thread.join()


def test_request_predict_and_log_are_spans_of_the_callers_trace(serving, registry, contract, collector):
    address, spans = collector
    app = create_app(serving.model_copy(update={"otlp_endpoint": address}), registry)
    with LocalClient(app) as client:
        body = {"input": {**bundles.example(contract), "canary": "canary"}}
        answer = client.post("/predict", json=body, headers={"traceparent": TRACEPARENT}).json()
    assert set(spans) == {"request", "predict", "log"}
    request = spans["request"]
    assert {span.trace_id.hex() for span in spans.values()} == {TRACE}
    assert request.parent_span_id.hex() == "b7ad6b7169203331"
    assert spans["predict"].parent_span_id == spans["log"].parent_span_id == request.span_id
    attributes = {a.key: a.value.string_value or a.value.int_value for a in request.attributes}
    assert attributes == {
        "http.response.status_code": 200, "ml.inference_id": answer["inference_id"], "ml.model_version": "1"
    }  # fmt: skip
    assert not any("canary" in str(span) for span in spans.values())


def test_spans_of_errors_do_not_say_what_came_in(serving, registry, collector):
    address, spans = collector
    app = create_app(serving.model_copy(update={"otlp_endpoint": address}), registry)
    with LocalClient(app) as client:
        client.post("/predict", json={"input": {"Age Years": "canary"}})
    assert set(spans) == {"request", "predict"}
    assert not any("canary" in str(span) for span in spans.values())


@pytest.mark.slow
def test_without_a_collector_the_service_answers(serving, registry, contract):
    app = create_app(serving.model_copy(update={"otlp_endpoint": "http://127.0.0.1:9"}), registry)
    client = LocalClient(app)
    with client:
        assert client.post("/predict", json={"input": bundles.example(contract)}).status_code == 200


def test_without_the_setting_nothing_of_opentelemetry_is_imported():
    program = (
        "import sys; from pathlib import Path; from serving.app import create_app;"
        "from serving.settings import ServingSettings;"
        "create_app(ServingSettings(model_name='m', database_url='postgresql:///x'));"
        "sys.exit(any(name.split('.')[0] == 'opentelemetry' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, check=False).returncode == 0
