"""A version beside production: it predicts in the shadow, or answers a share; production never suffers from it."""

import asyncio
import contextlib
import datetime as dt
import threading
from uuid import UUID

import pytest

from ml.errors import Unavailable
from ml.inference_id import new_id, shadow_id
from ml.promotion.experiment import takes_part
from serving.app import create_app
from serving.canary import Canary
from serving.shadow import Answered, Shadow
from tests.serving import bundles
from tests.serving.fakes import MODEL, LocalClient
from tests.serving.process import until
from tests.serving.test_watcher import spoil_model

BIAS = {"1": 0.5, "2": -1.0, "3": 2.0}
COLUMNS = "inference_id, model_version, role, shadow_of, probability, timestamp, milliseconds, input"


@pytest.fixture
def registry(registry):
    """Version 1 in production, 2 and 3 at hand."""
    for version in ("2", "3"):
        registry.register(version, bias=BIAS[version])
    return registry


def info(client):
    return client.get("/v1/model").json()["challenger"]


def is_ready(client, mode, version, percent=0):
    def ready():
        shown = info(client)
        return (shown["mode"], shown["version"], shown["percent"]) == (mode, version, percent) and shown["since"]

    return ready


def is_off(client):
    return lambda: info(client) == {"mode": "off", "percent": 0, "version": None, "since": None, "problem": None}


def predict(client, contract, **more):
    reply = client.post("/v1/predict", json={"input": bundles.example(contract), **more})
    assert reply.status_code == 200
    answer = reply.json()
    expected = bundles.probability(contract, bundles.example(contract), BIAS[answer["model_version"]])
    assert answer["probability"] == pytest.approx(expected, abs=1e-6)
    return answer


def test_without_tags_there_is_no_challenger(client, contract):
    assert is_off(client)()
    assert predict(client, contract)["model_version"] == "1"


def test_a_shadow_predicts_beside_production_and_is_logged_not_returned(client, registry, contract, logged):
    registry.challenge("2", "shadow")
    until(is_ready(client, "shadow", "2"), 10)
    answers = [predict(client, contract) for _ in range(20)]
    assert {a["model_version"] for a in answers} == {"1"}
    until(lambda: len(logged()) == 40, 10)
    rows = logged(COLUMNS)
    served = {row[0]: row for row in rows if row[2] == "production"}
    shadows = [row for row in rows if row[2] == "shadow"]
    assert sorted(served) == sorted(a["inference_id"] for a in answers)
    assert sorted(row[3] for row in shadows) == sorted(served)
    wanted = bundles.probability(contract, bundles.example(contract), BIAS["2"])
    for identity, version, _, of, probability, at, milliseconds, values in shadows:
        assert identity == str(shadow_id(UUID(of), f"{MODEL}/2"))
        assert version == "2"
        assert probability == pytest.approx(wanted, abs=1e-6)
        assert (at, values) == (served[of][5], served[of][7])
        assert milliseconds > 0
    assert {row[3] for row in served.values()} == {None}
    assert all(row[6] > 0 for row in served.values())


def test_a_canary_answers_its_percentage_and_a_key_is_always_answered_by_one_version(
    client, registry, contract, logged
):
    registry.challenge("2", "canary", 30)
    until(is_ready(client, "canary", "2", 30), 10)
    keys = [f"client {i}" for i in range(60)]
    chosen = {k: "2" if takes_part(f"{MODEL}/2", k, 30) else "1" for k in keys}
    assert set(chosen.values()) == {"1", "2"}
    for _ in range(2):
        assert {k: predict(client, contract, key=k)["model_version"] for k in keys} == chosen
    roles = {"1": "production", "2": "challenger"}
    assert sorted(logged("model_version, role")) == sorted((v, roles[v]) for v in [*chosen.values()] * 2)
    counts = client.app.state.serving.challenger.counts
    assert (counts.answered, counts.fell_back) == (2 * list(chosen.values()).count("2"), 0)


@pytest.mark.parametrize(("percent", "version"), [(0, "1"), (100, "2")])
def test_without_a_key_none_and_all_are_exact(client, registry, contract, percent, version):
    registry.challenge("2", "canary", percent)
    until(is_ready(client, "canary", "2", percent), 10)
    assert {predict(client, contract)["model_version"] for _ in range(20)} == {version}


def test_setting_it_back_takes_the_challenger_out_at_the_next_look(client, registry, contract):
    registry.challenge("2", "canary", 100)
    until(is_ready(client, "canary", "2", 100), 10)
    assert predict(client, contract)["model_version"] == "2"
    registry.challenge("2", "off", 100)
    client.app.state.serving.challenger.look()
    assert predict(client, contract)["model_version"] == "1"
    assert is_off(client)()


def test_another_challenger_takes_the_place_of_the_first(client, registry, contract):
    for version in ("2", "3"):
        registry.challenge(version, "canary", 100)
        until(is_ready(client, "canary", version, 100), 10)
        assert predict(client, contract)["model_version"] == version


def test_a_challenger_that_is_promoted_challenges_nothing(client, registry, contract, logged):
    registry.challenge("2", "shadow")
    until(is_ready(client, "shadow", "2"), 10)
    registry.promote("2")
    until(lambda: info(client)["problem"], 10)
    assert info(client)["problem"] == "Version 2 is in production, so it challenges nothing."
    assert predict(client, contract)["model_version"] == "2"
    assert client.app.state.serving.challenger.shadowing(client.app.state.serving.watcher.serving()) is None


@pytest.mark.parametrize(
    ("version", "mode", "percent", "problem"),
    [
        ("9", "canary", 100, "Version 9 of 'test-model' cannot be served: model.onnx has another checksum"),
        (None, "canary", 100, "Model 'test-model' has no challenger."),
        ("2", "on", 100, "Tag serving.challenger is 'on'; it may be off, shadow, canary."),
        ("2", "canary", 101, "101 % of the traffic? It may be 0 to 100."),
    ],
)
def test_a_bad_challenger_is_said_and_production_answers(
    client, registry, contract, caplog, version, mode, percent, problem
):
    spoil_model(registry.register("9"))
    registry.challenge(version, mode, percent)
    until(lambda: info(client)["problem"], 10)
    assert info(client)["problem"].startswith(problem)
    assert info(client)["since"] is None
    assert {predict(client, contract)["model_version"] for _ in range(5)} == {"1"}
    assert client.get("/ready").json()["problems"] == []
    assert [r.getMessage() for r in caplog.records if r.name == "serving.challenger"] == [
        f"challenger: {info(client)['problem']}"
    ]


def test_a_challenger_after_a_good_one_that_is_bad_leaves_all_to_production(client, registry, contract):
    registry.challenge("2", "canary", 100)
    until(is_ready(client, "canary", "2", 100), 10)
    spoil_model(registry.register("9"))
    registry.challenge("9", "canary", 100)
    until(lambda: info(client)["problem"], 10)
    assert predict(client, contract)["model_version"] == "1"


def narrower(contract):
    """A contract that knows clients up to 30 years only."""
    columns = [c.model_copy(update={"range": (18, 30), "example": 20} if c.name == "Age Years" else {})
               for c in contract.columns]  # fmt: skip
    return contract.model_copy(update={"columns": tuple(columns)})


def with_narrow_challenger(registry, contract):
    registry.contract = narrower(contract)
    registry.register("2", bias=BIAS["2"])


def test_a_challenger_that_raises_falls_back_to_production_and_is_counted(client, registry, contract, logged, caplog):
    with_narrow_challenger(registry, contract)
    registry.challenge("2", "canary", 100)
    until(is_ready(client, "canary", "2", 100), 10)
    assert [predict(client, contract)["model_version"] for _ in range(3)] == ["1"] * 3
    wrong_for_both = {**bundles.example(contract), "plan.type": "gold"}
    assert client.post("/v1/predict", json={"input": wrong_for_both}).status_code == 422
    right_for_both = {**bundles.example(contract), "Age Years": 25}
    assert client.post("/v1/predict", json={"input": right_for_both}).json()["model_version"] == "2"
    counts = client.app.state.serving.challenger.counts
    assert (counts.answered, counts.fell_back) == (1, 3)
    assert sorted(logged("role")) == [("challenger",), *[("production",)] * 3]
    complaints = [r.getMessage() for r in caplog.records if "gave no answer" in r.getMessage()]
    assert complaints == ["challenger 2 gave no answer (InvalidInput): production answers instead"]


def test_an_input_that_only_the_challenger_takes_is_answered_by_it_also_when_repeated(client, registry, contract):
    wider = [c.model_copy(update={"range": (18, 120)} if c.name == "Age Years" else {}) for c in contract.columns]
    registry.contract = contract.model_copy(update={"columns": tuple(wider)})
    registry.register("2", bias=BIAS["2"])
    registry.challenge("2", "canary", 100)
    until(is_ready(client, "canary", "2", 100), 10)
    body = {"input": {**bundles.example(contract), "Age Years": 110}, "inference_id": str(new_id())}
    first, again = (client.post("/v1/predict", json=body) for _ in range(2))
    assert (first.status_code, first.json()["model_version"]) == (200, "2")
    assert (again.status_code, again.json()) == (200, first.json())


def test_a_shadow_that_raises_is_counted_and_goes_on(client, registry, contract, logged):
    with_narrow_challenger(registry, contract)
    registry.challenge("2", "shadow")
    until(is_ready(client, "shadow", "2"), 10)
    counts = client.app.state.serving.challenger.shadow.counts
    predict(client, contract)
    until(lambda: counts.failed == 1, 10)
    client.post("/v1/predict", json={"input": {**bundles.example(contract), "Age Years": 25}})
    until(lambda: counts.logged == 1, 10)
    assert sorted(logged("role")) == [("production",), ("production",), ("shadow",)]


def test_a_challenger_that_hangs_is_not_waited_for_until_it_is_done(client, registry, contract):
    model, release = client.app.state.serving.watcher.serving(), threading.Event()
    asked = []

    class Hanging:
        def predict(self, payload):
            asked.append(payload)
            release.wait(60)
            return model.predict(payload)

    async def ask():
        canary, values = Canary(0.05), bundles.example(contract)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await canary.predict(Hanging(), values)
        assert len(asked) == 1
        release.set()
        async with asyncio.timeout(10):
            while True:
                await asyncio.sleep(0.01)
                with contextlib.suppress(TimeoutError):
                    return await canary.predict(model, values)

    assert asyncio.run(ask()).probability == model.predict(bundles.example(contract)).probability


def test_with_the_registry_away_the_challenger_goes_on_and_it_is_said(client, registry, contract):
    registry.challenge("2", "canary", 100)
    until(is_ready(client, "canary", "2", 100), 10)
    registry.error = Unavailable("MLflow", "http://mlflow", "connection refused")
    until(lambda: info(client)["problem"], 10)
    assert "did not answer" in info(client)["problem"]
    assert predict(client, contract)["model_version"] == "2"


def test_a_start_without_the_registry_has_no_challenger(serving, registry, contract):
    registry.challenge("2", "canary", 100)
    with LocalClient(create_app(serving, registry)) as client:
        until(is_ready(client, "canary", "2", 100), 10)
    registry.error = Unavailable("MLflow", "http://mlflow", "connection refused")
    with LocalClient(create_app(serving, registry)) as client:
        until(lambda: info(client)["problem"], 10)
        assert predict(client, contract)["model_version"] == "1"
        assert info(client)["mode"] == "off"


def test_the_challengers_bundle_does_not_drive_out_productions(client, registry, tmp_path):
    for version in ("2", "3"):
        registry.challenge(version, "shadow")
        until(is_ready(client, "shadow", version), 10)
    (kept,) = (tmp_path / "cache" / MODEL).glob("*/manifest.json")
    assert '"run-1"' in kept.read_text()


@pytest.mark.parametrize("key", [7, True, ["a"], {"a": 1}])
def test_a_key_that_is_no_text_is_refused(client_without_database, contract, key):
    reply = client_without_database.post("/v1/predict", json={"input": bundles.example(contract), "key": key})
    assert (reply.status_code, reply.json()["problems"][0]["field"]) == (422, "key")


def answered(contract, size=100):
    return Answered(new_id(), bundles.example(contract), size, dt.datetime.now(dt.UTC))


def test_a_full_queue_drops_and_counts_and_what_waited_is_logged_once(
    client, registry, contract, serving_database_url, logged
):
    model = client.app.state.serving.watcher.serving()

    async def flood():
        shadow = Shadow(serving_database_url, 10)
        kept = [answered(contract) for _ in range(10)]
        for one in [*kept, *(answered(contract) for _ in range(5))]:
            shadow.add(model, one)
        shadow.add(model, answered(contract, size=10**6))
        assert shadow.counts.dropped == 6
        running = asyncio.create_task(shadow.run())
        await drained(shadow, 10)
        for one in kept:  # the same request again, say after a client's repetition
            shadow.add(model, one)
        await drained(shadow, 20)
        running.cancel()
        await asyncio.wait([running])
        return kept

    kept = asyncio.run(flood())
    assert sorted(of for (of,) in logged("shadow_of")) == sorted(str(k.inference_id) for k in kept)


async def drained(shadow, number):
    async with asyncio.timeout(10):
        while shadow.counts.logged + shadow.counts.lost < number:
            await asyncio.sleep(0.01)


def test_without_postgres_shadows_are_lost_and_counted_and_replies_are_given(
    client_without_database, registry, contract
):
    registry.challenge("2", "shadow")
    until(is_ready(client_without_database, "shadow", "2"), 10)
    assert predict(client_without_database, contract)["model_version"] == "1"
    until(lambda: client_without_database.app.state.serving.challenger.shadow.counts.lost == 1, 10)


def test_prometheus_is_told_what_became_of_the_challengers_requests(client, registry, contract):
    def told(name):
        return [line for line in client.get("/metrics").text.splitlines() if line.startswith(name)]

    registry.challenge("2", "canary", 100)
    until(is_ready(client, "canary", "2", 100), 10)
    for _ in range(3):
        predict(client, contract)
    for _ in range(2):  # asking twice counts once
        assert 'serving_challenger_requests_total{mode="canary",outcome="answered"} 3.0' in told("serving_challenger")
    assert told("serving_challenger_info") == [
        'serving_challenger_info{mode="canary",model_name="test-model",model_version="2"} 1.0'
    ]
    assert told("serving_challenger_percent") == ["serving_challenger_percent 100.0"]
    registry.challenge(None, "shadow")
    until(lambda: info(client)["problem"], 10)
    assert told("serving_challenger_problem") == ["serving_challenger_problem 1.0"]
    assert told("serving_challenger_info") == [
        'serving_challenger_info{mode="canary",model_name="test-model",model_version="2"} 0.0'
    ]
