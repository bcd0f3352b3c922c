"""The platform's page, mounted by a real Airflow app, with Airflow's own logins."""

import datetime as dt
import json
import re
import subprocess
import sys
import warnings
from html.parser import HTMLParser

import pytest
from starlette.testclient import TestClient

from ml import store
from ml.settings import Settings
from ml.use_case import load_use_case
from tests.conftest import REPOSITORY
from tests.overview_history import DAY, History, seed

BANK = "bank_marketing"
PAGES = (
    "/platform/",
    f"/platform/use-cases/{BANK}",
    f"/platform/use-cases/{BANK}?days=90",
    f"/platform/use-cases/{BANK}?days=365",
    *(f"/platform/dag?dag_id={BANK}_{kind}" for kind in ("ingest", "train", "drift", "outcomes", "score")),
    "/platform/lineage",
)


@pytest.fixture(scope="module")
def airflow(tmp_path_factory):
    """Airflow's app with all plugins of the repository, on an empty metadata database."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own
        users = "ann:viewer,nobody:none"
        folder = tmp_path_factory.mktemp("logins")
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS", users)
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(folder / "passwords.json"))
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "x" * 64)
        from airflow import settings as airflow_settings
        from airflow.api_fastapi.app import create_app, purge_cached_app
        from airflow.models import import_all_models
        from airflow.models.base import Base

        import_all_models()
        Base.metadata.create_all(airflow_settings.engine)
        yield create_app("core")
        purge_cached_app()
        airflow_settings.engine.dispose()


def use(patch, settings):
    """The environment of the api-server."""
    patch.setenv("ML_DATABASE_URL", settings.database_url)
    patch.setenv("ML_USE_CASES_DIR", str(REPOSITORY / "data"))
    patch.setenv("ML_STATE_DIR", str(settings.state_dir))
    patch.setenv("ML_MLFLOW_PUBLIC_URL", "https://mlflow.example")
    return settings


def past(settings):
    """Forty days that end today."""
    today = dt.datetime.now(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    history = History(days=40, columns=4, until=today + DAY, reports_dir=settings.reports_dir)
    seed(settings.database_url, history)
    return history


@pytest.fixture
def empty(monkeypatch, settings):
    """A platform in which nothing has happened."""
    return use(monkeypatch, settings)


@pytest.fixture(scope="module")
def seen(postgres, tmp_path_factory):
    """A platform with a past, of all tests that only look."""
    postgres.ensure_database("platform_page", owner="ml_platform")
    url = postgres.url("platform_page", "ml_platform")
    store.migrate(url)
    settings = Settings(database_url=url, state_dir=tmp_path_factory.mktemp("seen"))
    return settings, past(settings)


@pytest.fixture
def month(monkeypatch, seen):
    return use(monkeypatch, seen[0])


@pytest.fixture
def history(seen):
    return seen[1]


def token(role):
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    return get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ann", role=role))


@pytest.fixture
def anyone(airflow):
    return TestClient(airflow)


@pytest.fixture
def viewer(airflow):
    return TestClient(airflow, headers={"Authorization": f"Bearer {token('viewer')}"})


@pytest.fixture
def without_role(airflow):
    return TestClient(airflow, headers={"Authorization": f"Bearer {token(None)}"})


def addresses():
    """Each route of the app with each of its methods, so that a new one cannot be forgotten."""
    from platform_page.app import create_app

    filled = {"name": BANK, "kind": "drift", "report_id": "1", "path": "openapi.json"}
    for route in create_app().routes:
        path = re.sub(r"{(\w+)(:\w+)?}", lambda match: filled[match[1]], route.path)
        for method in sorted(route.methods):
            yield method, f"/platform{path}"


def test_the_app_has_the_routes_that_are_tried_without_a_login():
    assert {path for _, path in addresses()} >= {
        "/platform/", f"/platform/use-cases/{BANK}", "/platform/dag", "/platform/run", "/platform/lineage",
        f"/platform/use-cases/{BANK}/reports/drift/1",
    }  # fmt: skip


@pytest.mark.parametrize(("method", "path"), list(addresses()))
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x.y.z"}, {"Cookie": "_token=x.y.z"}])
def test_without_a_login_every_address_is_refused(anyone, method, path, headers):
    answer = anyone.request(method, path, headers=headers)

    assert answer.status_code in (401, 403)
    assert method == "HEAD" or "Log in to Airflow" in answer.text
    assert BANK not in answer.text


@pytest.mark.parametrize("path", ["docs", "redoc", "openapi.json", "static/x.js", "use-cases/x/y", "", "lineage/"])
def test_addresses_that_do_not_exist_are_refused_too(anyone, path):
    assert anyone.get(f"/platform/{path}").status_code == 401


def test_the_apis_description_is_given_to_nobody(viewer, month):
    for path in ("docs", "redoc", "openapi.json"):
        assert viewer.get(f"/platform/{path}").status_code == 404


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_there_with_a_month_of_history(viewer, month, path):
    answer = viewer.get(path)

    assert answer.status_code == 200
    assert "version 2" in answer.text or path.endswith(("ingest", "drift", "outcomes", "score", "lineage"))


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_there_with_none(viewer, empty, path):
    assert viewer.get(path).status_code == 200


def test_what_to_look_at_is_said_in_its_own_words(viewer, empty):
    past(empty)
    with store.connect(empty.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE ml.drift_reports SET state = 'drift', standing = 'confirmed'")

    page = viewer.get(f"/platform/use-cases/{BANK}").text

    concern = re.search(r'<li class="grave">(.*?)</li>', page, re.DOTALL)
    assert concern
    assert re.sub(r"<[^>]*>", "", concern[1]).split()[:4] == ["▲", "Drift", "is", "confirmed"]


def test_the_empty_page_says_what_to_do_next(viewer, empty):
    page = viewer.get(f"/platform/use-cases/{BANK}").text

    assert "Nothing has happened yet" in page
    assert f'href="/dags/{BANK}_ingest"' in page


def test_airflows_cookie_opens_the_page_as_its_token_does(anyone, month):
    assert anyone.get("/platform/", headers={"Cookie": f"_token={token('viewer')}"}).status_code == 200


def test_who_may_not_read_the_dags_sees_no_use_case_and_cannot_tell_which_there_are(without_role, month):
    listed = without_role.get("/platform/")
    assert listed.status_code == 200
    assert "no use case whose DAGs you may read" in listed.text
    assert BANK not in listed.text

    there, not_there = (without_role.get(f"/platform/use-cases/{name}") for name in (BANK, "x"))
    assert (there.status_code, not_there.status_code) == (404, 404)
    assert plain(there.text) == plain(not_there.text)


def test_who_may_not_read_the_dags_sees_no_run_report_or_lineage_of_them(without_role, month):
    report_id, inference_id = a_report(month, "<p>secret</p>"), a_prediction(month)

    assert without_role.get(f"/platform/use-cases/{BANK}/reports/drift/{report_id}").status_code == 404
    assert without_role.get(f"/platform/lineage?inference_id={inference_id}").status_code == 404
    for page in (f"dag?dag_id={BANK}_drift", f"run?dag_id={BANK}_drift&run_id=x"):
        assert "belongs to no use case that you may read" in without_role.get(f"/platform/{page}").text


def plain(page):
    return re.sub(r"nonce=\"[^\"]+\"", "", page)


def a_report(platform, text):
    """Of the newest check, as a file."""
    with store.connect(platform.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, report FROM ml.drift_reports ORDER BY id DESC LIMIT 1")
        ((report_id, _),) = cursor.fetchall()
        page = platform.reports_dir / "drift" / "a.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text)
        cursor.execute("UPDATE ml.drift_reports SET report = %s WHERE id = %s", (str(page), report_id))
    return report_id


def a_prediction(platform):
    with store.connect(platform.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT inference_id::text FROM ml.inference_logs LIMIT 1")
        return cursor.fetchall()[0][0]


def test_a_report_is_served_as_it_is_and_no_script_of_it_runs(viewer, month):
    text = "<style>p {}</style><p>drift</p><script>alert(1)</script>"

    answer = viewer.get(f"/platform/use-cases/{BANK}/reports/drift/{a_report(month, text)}")

    assert (answer.status_code, answer.text) == (200, text)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "allow-scripts" not in policy
    assert "sandbox" in policy


@pytest.mark.parametrize(
    "path",
    [
        "drift/../../../../etc/passwd", "drift/..%2f..%2fsecret.html", "drift/%2fetc%2fpasswd", "drift/1%0a",
        "drift/1.html", "model/1", "drift/-1", "drift/9999999", "../x",
    ],
)  # fmt: skip
def test_what_is_no_report_is_not_found(viewer, month, path):
    assert viewer.get(f"/platform/use-cases/{BANK}/reports/{path}").status_code in (404, 422)


@pytest.mark.parametrize(
    "path", [f"/platform/use-cases/{BANK}?days=31", f"/platform/use-cases/{BANK}?days=x", "/platform/dag"]
)
def test_what_was_not_asked_rightly_is_not_found_in_plain_words(viewer, month, path):
    answer = viewer.get(path)

    assert answer.status_code == 404
    assert "There is no page at this address" in answer.text


class Document(HTMLParser):
    """The tags of a page, with what the tests look at."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.ids, self.words = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag == "a":
            self.links.append(attributes)
        if "id" in attributes:
            self.ids.append(attributes["id"])

    def handle_data(self, data):
        self.words.append(data)


QUIET = ("/platform/lineage",)
"""Nothing that was read stands on it before an id is given."""
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def hostile_platform(postgres, tmp_path_factory):
    """A past whose names and reasons want to be code."""
    postgres.ensure_database("hostile_page", owner="ml_platform")
    url = postgres.url("hostile_page", "ml_platform")
    store.migrate(url)
    settings = Settings(database_url=url, state_dir=tmp_path_factory.mktemp("hostile"))
    past(settings)
    with store.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("UPDATE ml.ingest_ledger SET file_name = %s, reason = %s, run_id = %s", (HOSTILE,) * 3)
        cursor.execute("UPDATE ml.task_runs SET error = %s, state = 'failed'", (HOSTILE,))
        cursor.execute("UPDATE ml.task_runs SET task_id = task_id || %s", (HOSTILE,))
        cursor.execute(
            "INSERT INTO ml.promotions (model_name, from_version, to_version, stage, outcome, actor, source, why)"
            " SELECT 'bank-model', %s, %s, stage, 'promoted', %s, %s, %s"
            " FROM unnest(ARRAY['Production', 'Challenger']) AS stage",
            (HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE),
        )
        column = {
            "column": HOSTILE, "drifted": True, "measures": [{"statistic": "psi", "value": 3, "limit": 0.2}],
        }  # fmt: skip
        cursor.execute("UPDATE ml.drift_reports SET columns = %s, retraining = %s", (json.dumps([column]), HOSTILE))
        cursor.execute("UPDATE ml.performance SET metric = %s WHERE metric = 'brier'", (HOSTILE,))
        cursor.execute(
            "UPDATE ml.serving_traffic SET endpoint = endpoint || %s, model_version = %s", (HOSTILE, HOSTILE)
        )
        cursor.execute(
            "UPDATE ml.inference_logs SET input = jsonb_build_object(%s::text, %s::text)", (HOSTILE, HOSTILE)
        )
    return settings


@pytest.fixture
def hostile(monkeypatch, hostile_platform):
    return use(monkeypatch, hostile_platform)


@pytest.mark.parametrize("path", PAGES)
def test_nothing_that_was_read_becomes_code(viewer, hostile, path):
    document = Document(viewer.get(path).text)

    assert any("onerror" in word for word in document.words) or path in QUIET
    assert sum(tag == "script" for tag, _ in document.tags) == 1
    assert "img" not in {tag for tag, _ in document.tags}
    assert not [name for _, attributes in document.tags for name in attributes if name.startswith("on")]
    assert all(link["href"].startswith(("/", "#", "https://mlflow.example/")) for link in document.links)


def test_nothing_of_a_prediction_or_of_what_is_asked_becomes_code(viewer, hostile):
    known, unknown = a_prediction(hostile), HOSTILE
    for asked in (known, unknown):
        document = Document(viewer.get("/platform/lineage", params={"inference_id": asked}).text)
        assert sum(tag == "script" for tag, _ in document.tags) == 1
        assert "img" not in {tag for tag, _ in document.tags}
    document = Document(viewer.get("/platform/run", params={"dag_id": HOSTILE, "run_id": HOSTILE}).text)
    assert sum(tag == "script" for tag, _ in document.tags) == 1


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_and_may_be_framed_by_airflow_alone(viewer, month, path):
    answer = viewer.get(path)

    policy = answer.headers["content-security-policy"]
    nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)[1]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    document = Document(answer.text)
    assert {a.get("nonce") for tag, a in document.tags if tag in ("script", "style")} == {nonce}
    assert not [tag for tag, attributes in document.tags if "style" in attributes], "the policy forbids it"
    assert not [tag for tag, a in document.tags if tag in ("link", "img", "iframe") or (tag == "script" and "src" in a)]


def test_each_answer_has_a_nonce_of_its_own(viewer, month):
    first, second = (viewer.get("/platform/").headers["content-security-policy"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("path", PAGES)
def test_a_page_can_be_read_and_walked_without_a_mouse_or_colour(viewer, month, path):
    document = Document(viewer.get(path).text)

    assert document.links[0] == {"class": "skip", "href": "#main"}
    assert "main" in document.ids
    assert len(document.ids) == len(set(document.ids)), "each id once"
    named = {name for tag, a in document.tags for name in a.get("aria-labelledby", "").split()}
    assert named <= set(document.ids)
    assert all("aria-labelledby" in a or "aria-hidden" in a for tag, a in document.tags if tag == "svg")
    assert all("scope" in a for tag, a in document.tags if tag == "th")
    assert ("html", {"lang": "en"}) in document.tags
    assert sum(tag == "h1" for tag, _ in document.tags) == 1


def test_links_lead_to_runs_versions_and_reports(viewer, month, history):
    links = Document(viewer.get(f"/platform/use-cases/{BANK}").text).links
    href = {link["href"]: link.get("target") for link in links}

    run = next(address for address in href if address.startswith(f"/dags/{BANK}_drift/runs/scheduled__"))
    assert href[run] == "_top"
    assert "%2B00%3A00" in run
    version = history.promoted[-1][0]
    assert href[f"https://mlflow.example/#/models/bank-model/versions/{version}"] == "_blank"
    assert any(re.fullmatch(rf"/platform/use-cases/{BANK}/reports/drift/\d+", address) for address in href)
    assert any(re.fullmatch(rf"/platform/use-cases/{BANK}/reports/validation/\d+", address) for address in href)
    assert any(re.fullmatch(rf"/dags/{BANK}_train/runs/drift_report_\d+", address) for address in href)


def test_links_hold_below_the_path_of_airflows_base_url(airflow, month):
    client = TestClient(airflow, root_path="/af", headers={"Authorization": f"Bearer {token('viewer')}"})

    links = Document(client.get(f"/af/platform/use-cases/{BANK}").text).links

    own = {link["href"] for link in links if not link["href"].startswith(("#", "https://"))}
    assert own
    assert all(address.startswith(("/af/platform/", "/af/dags/")) for address in own)


def test_the_heat_map_says_in_words_what_it_shows_in_colour(viewer, month):
    page = viewer.get(f"/platform/dag?dag_id={BANK}_drift").text

    assert re.search(r'<td class="confirmed" title="PSI [\d.]+ \(limit 0.2\): drift">', page)
    assert re.search(r'<span class="hidden">PSI [\d.]+ \(limit 0.2\)</span>', page)
    assert re.search(r'aria-label="\d+ \w+: drift, [\d,]+ rows, version \d. Report"', page)


def test_the_figures_of_every_chart_stand_in_a_table(viewer, month):
    page = viewer.get(f"/platform/use-cases/{BANK}").text

    assert page.count("<summary>The figures</summary>") == 3
    assert page.count('role="img"') == 4


def test_a_dag_of_the_platform_itself_has_nothing_to_show(viewer, month):
    assert "belongs to no use case" in viewer.get("/platform/dag?dag_id=platform_maintenance").text


def test_a_run_shows_its_tasks(viewer, month):
    with store.connect(month.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT run_id FROM ml.task_runs WHERE dag_id = %s AND state = 'failed'", (f"{BANK}_drift",))
        ((run_id,), *_) = cursor.fetchall()

    page = viewer.get("/platform/run", params={"dag_id": f"{BANK}_drift", "run_id": run_id}).text

    assert "alert" in page
    assert "4 of 4 columns differ" in page


@pytest.mark.parametrize("kind", ["ingest", "validate", "train", "score", "outcomes"])
def test_a_run_of_every_kind_has_a_page(viewer, month, kind):
    with store.connect(month.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT run_id FROM ml.task_runs WHERE dag_id = %s LIMIT 1", (f"{BANK}_{kind}",))
        ((run_id,),) = cursor.fetchall()

    page = viewer.get("/platform/run", params={"dag_id": f"{BANK}_{kind}", "run_id": run_id})

    assert page.status_code == 200
    assert run_id in page.text


def test_a_run_of_the_promotion_shows_what_the_gate_had_said(viewer, monkeypatch, settings):
    use(monkeypatch, settings)
    history = past(settings)
    version, at = history.promoted[-1]
    with store.connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ml.task_runs (use_case, dag_id, run_id, task_id, try_number, state, run_after, started_at,"
            " ended_at) VALUES (%s, %s, 'r', 'promote', 1, 'success', %s, %s, %s)",
            (BANK, f"{BANK}_promote", at, at - dt.timedelta(seconds=9), at + dt.timedelta(seconds=9)),
        )

    page = viewer.get("/platform/run", params={"dag_id": f"{BANK}_promote", "run_id": "r"}).text

    assert f"versions/{version}" in page
    assert "better on the hold-out" in page
    assert "Judged" in page


def test_a_run_of_which_nothing_is_known_says_so(viewer, month):
    page = viewer.get("/platform/run", params={"dag_id": f"{BANK}_drift", "run_id": "manual__x"}).text

    assert "Nothing was written down of this run yet" in page


def test_a_prediction_is_traced_back(viewer, month):
    inference_id = a_prediction(month)

    answer = viewer.get("/platform/lineage", params={"inference_id": f" {inference_id} "})

    assert answer.status_code == 200
    for words in ("Prediction", "Model", "Training", "snapshot", "online"):
        assert words.lower() in answer.text.lower()


@pytest.mark.parametrize(
    ("given", "words"),
    [("x", "no inference id"), ("019b2f5e-8f00-7a3c-9c41-5d0e6a7b8c9d", "No prediction of that id is in the log")],
)
def test_an_id_that_is_not_known_is_said_to_be(viewer, month, given, words):
    answer = viewer.get("/platform/lineage", params={"inference_id": given})

    assert answer.status_code == 404
    assert words in answer.text
    assert f'value="{given}"' in answer.text


def test_with_the_database_away_the_page_says_so(viewer, month, monkeypatch):
    monkeypatch.setenv("ML_DATABASE_URL", "postgresql://ann:pa55@/ml?host=/nowhere")

    answer = viewer.get(f"/platform/use-cases/{BANK}")

    assert answer.status_code == 503
    assert "database does not answer" in answer.text
    assert "pa55" not in answer.text
    assert "/nowhere" not in answer.text


def test_a_database_that_takes_too_long_is_like_one_that_is_away(viewer, month, monkeypatch):
    monkeypatch.setattr("ml.overview.reading._SECONDS", 1)
    with store.connect(month.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE ml.promotions")
        answer = viewer.get(f"/platform/use-cases/{BANK}")

    assert answer.status_code == 503
    assert "database does not answer" in answer.text


def test_a_use_case_whose_files_change_is_read_again(viewer, month, monkeypatch, tmp_path):
    folder = tmp_path / BANK
    folder.mkdir()
    for name in ("contract.yaml", "model.yaml"):
        (folder / name).write_text((REPOSITORY / "data" / BANK / name).read_text())
    monkeypatch.setenv("ML_USE_CASES_DIR", str(tmp_path))
    contract = folder / "contract.yaml"
    title = load_use_case(tmp_path, BANK).contract.title
    assert title in viewer.get("/platform/").text

    contract.write_text(contract.read_text().replace(title, "Another title"))

    assert "Another title" in viewer.get("/platform/").text


def test_without_settings_the_page_says_so(viewer, month, monkeypatch):
    monkeypatch.delenv("ML_DATABASE_URL")

    answer = viewer.get("/platform/")

    assert answer.status_code == 500
    assert "not set up" in answer.text


def test_a_use_case_that_cannot_be_read_takes_no_other_one_with_it(viewer, month, monkeypatch, tmp_path):
    for name, text in (("broken", "use_case: [\n"), (BANK, (REPOSITORY / "data" / BANK / "contract.yaml").read_text())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "contract.yaml").write_text(text)
    (tmp_path / BANK / "model.yaml").write_text((REPOSITORY / "data" / BANK / "model.yaml").read_text())
    monkeypatch.setenv("ML_USE_CASES_DIR", str(tmp_path))

    listed = viewer.get("/platform/")

    assert listed.status_code == 200
    assert "its files cannot be read" in listed.text
    assert f"/platform/use-cases/{BANK}" in listed.text
    assert viewer.get("/platform/use-cases/broken").status_code == 500


def test_airflow_lists_the_page_in_its_navigation_and_beside_dags_and_runs(viewer):
    plugins = viewer.get("/api/v2/plugins").json()["plugins"]

    views = next(plugin["external_views"] for plugin in plugins if plugin["name"] == "platform_page")
    assert [(view["name"], view["destination"]) for view in views] == [
        ("Platform", "nav"), ("Platform", "dag"), ("Platform", "dag_run"),
    ]  # fmt: skip
    assert not any(view["href"].startswith("/") for view in views), "below any base URL"


def test_scheduler_and_tasks_do_not_pay_for_the_page():
    code = "import platform_page_plugin; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import sys; sys.path.insert(0, 'plugins'); {code}"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip

    loaded = set(done.stdout.split())
    assert "platform_page_plugin" in loaded
    assert not {"platform_page", "ml.overview", "fastapi", "psycopg2"} & loaded
