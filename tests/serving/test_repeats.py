"""A client may give its request an id: a repeat gets the first answer, and leaves one row in the log."""

import threading
import uuid

import pytest

from ml.inference_id import new_id
from serving.app import create_app
from serving.spool import Spool
from serving.spool_index import SpoolIndex
from tests.serving import bundles
from tests.serving.fakes import FolderRegistry, LocalClient, serving_settings
from tests.serving.process import until
from tests.serving.test_predict import wait_for_version

NOWHERE = "postgresql:///nowhere?host=/nowhere"


def ask(client, values, identity):
    return client.post("/v1/predict", json={"input": values, "inference_id": identity})


@pytest.fixture
def values(contract):
    return bundles.example(contract)


@pytest.fixture
def identity():
    return str(new_id())


def test_a_repeat_gets_the_first_answer_and_no_second_row(client, values, identity, logged):
    first, second = ask(client, {**values, "colour": 1}, identity), ask(client, {**values, "colour": 1}, identity)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["inference_id"] == identity
    assert first.json()["warnings"] == ['"colour" is no field of the contract: ignored']
    assert second.json() == first.json()
    assert logged() == [(identity,)]


def test_the_id_that_the_service_made_can_be_repeated_too(client, values, logged):
    first = client.post("/v1/predict", json={"input": values}).json()
    assert ask(client, values, first["inference_id"]).json() == first
    assert len(logged()) == 1


def test_a_repeat_gets_the_first_answer_also_after_a_restart_and_from_another_version(
    serving, registry, values, identity, logged
):
    with LocalClient(create_app(serving, registry)) as client:
        first = ask(client, values, identity).json()
    registry.register("2", bias=-3)
    registry.promote("2")
    with LocalClient(create_app(serving, registry)) as client:
        wait_for_version(client, "2")
        assert ask(client, values, identity).json() == first
        assert ask(client, values, str(new_id())).json()["model_version"] == "2"
    assert first["model_version"] == "1"
    assert len(logged()) == 2


def test_another_spelling_of_the_same_input_is_a_repeat(client, values, identity, logged):
    first = ask(client, values, identity).json()
    flags = {f"plan.type_{label}": label == values["plan.type"] for label in ("basic", "family", "pro+")}
    other = {**{k: v for k, v in reversed(values.items()) if k != "plan.type"}, **flags}
    assert ask(client, other, identity.upper()).json() == first
    assert len(logged()) == 1


def test_another_input_under_a_known_id_gets_409(client, values, identity, logged):
    ask(client, values, identity)
    reply = ask(client, {**values, "Age Years": 77}, identity)
    assert reply.status_code == 409
    assert reply.json()["detail"].startswith("inference_id: names another prediction already.")
    assert logged("input") == [(values,)]


def test_requests_with_one_id_at_the_same_time_are_answered_once(client, values, identity, logged):
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(ask(client, values, identity))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.text for reply in replies}) == 1
    assert logged() == [(identity,)]


def test_two_processes_with_two_versions_asked_with_one_id_give_the_answer_that_is_in_the_log(
    tmp_path, serving, serving_database_url, registry, contract, values, logged
):
    newer = FolderRegistry(tmp_path / "newer", contract)
    newer.register("2", bias=-3)
    newer.promote("2")
    other = serving_settings(tmp_path / "other", serving_database_url)
    with LocalClient(create_app(serving, registry)) as one, LocalClient(create_app(other, newer)) as two:
        for _ in range(10):
            identity, replies = str(new_id()), []
            threads = [
                threading.Thread(target=lambda c=client, i=identity, r=replies: r.append(ask(c, values, i).json()))
                for client in (one, two)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert replies[0] == replies[1]
            assert replies[0]["model_version"] == logged("model_version")[-1][0]
    assert len(logged()) == 10


def test_a_repeat_is_known_while_its_record_is_in_the_spool_also_after_a_restart(tmp_path, registry, values, identity):
    settings = serving_settings(tmp_path, NOWHERE)
    with LocalClient(create_app(settings, registry)) as client:
        first = ask(client, values, identity).json()
        assert ask(client, values, identity).json() == first
        assert ask(client, {**values, "Age Years": 77}, identity).status_code == 409
    registry.register("2", bias=-3)
    registry.promote("2")
    with LocalClient(create_app(settings, registry)) as client:
        wait_for_version(client, "2")
        assert ask(client, values, identity).json() == first
    spooled = b"".join(path.read_bytes() for path in (tmp_path / "spool").iterdir())
    assert spooled.count(b"\n") == 1


def test_what_was_spooled_is_known_after_its_replay(tmp_path, serving, registry, values, identity, logged):
    with LocalClient(create_app(serving_settings(tmp_path, NOWHERE), registry)) as client:
        first = ask(client, values, identity).json()
    with LocalClient(create_app(serving, registry)) as client:
        until(lambda: not list((tmp_path / "spool").glob("*.jsonl")), 20)
        assert ask(client, values, identity).json() == first
    assert logged() == [(identity,)]


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        7,
        "",
        "x",
        "00000000-0000-0000-0000-000000000000",
        "8ac67883-fdad-4797-984e-7ea71a32df09",
        "01a2106f-57ca-7f39-a2d4-1b7fadb8b81d\n",
        "01a2106f57ca7f39a2d41b7fadb8b81d",
    ],
)
def test_what_is_no_uuid_of_version_7_is_refused_by_name(client_without_database, values, wrong):
    reply = ask(client_without_database, values, wrong)
    assert reply.status_code == 422
    assert [p["field"] for p in reply.json()["problems"]] == ["inference_id"]


def test_an_id_of_the_future_is_refused(client, values, logged):
    ahead = uuid.UUID(int=new_id().int + (2 * 86_400_000 << 80))
    reply = ask(client, values, str(ahead))
    assert reply.status_code == 409
    assert reply.json()["detail"].startswith("inference_id: its time is more than a day ahead.")
    assert logged() == []


def test_a_refused_input_leaves_its_id_free(client, values, identity):
    assert ask(client, {**values, "Age Years": 7}, identity).status_code == 422
    assert ask(client, values, identity).status_code == 200


def line(identity, **fields):
    return b'{"inference_id":"%s","n":%d}' % (str(identity).encode(), fields.get("n", 0))


def test_the_spools_index_finds_the_oldest_record_and_follows_what_is_added_and_replayed(tmp_path):
    writer, spool = Spool(tmp_path, 10**6), Spool(tmp_path, 10**6)
    index, ids = SpoolIndex(spool), [new_id() for _ in range(50)]
    assert index.find(ids[0]) is None
    writer.append([line(i, n=1) for i in ids[:20]])
    assert all(index.find(i) for i in ids[:20])
    assert index.find(ids[20]) is None
    writer.append([line(i, n=2) for i in [*ids[20:], ids[0]]])
    assert [index.find(i)["n"] for i in (ids[0], ids[49])] == [1, 2]
    writer.replay(lambda _: [])
    assert index.find(ids[0]) is None


def test_the_spools_index_takes_no_half_record_and_none_that_was_taken_back(tmp_path):
    spool, ids = Spool(tmp_path, 10**6), [new_id() for _ in range(3)]
    index, segment = SpoolIndex(spool), tmp_path / "1-1.jsonl"
    segment.write_bytes(line(ids[0]) + b"\n" + line(ids[1])[:40])
    assert [bool(index.find(i)) for i in ids] == [True, False, False]
    segment.write_bytes(line(ids[0]) + b"\n" + line(ids[1]) + b"\n")
    assert [bool(index.find(i)) for i in ids] == [True, True, False]
    with segment.open("ab") as file:
        file.write(b'\xff\x00\n{"inference_id":"nonsense"}\n7\n')
    assert [bool(index.find(i)) for i in ids] == [True, True, False]
    segment.write_bytes(line(ids[0]) + b"\n" + line(ids[2]) + b"\n")
    assert [bool(index.find(i)) for i in ids] == [True, False, False]
