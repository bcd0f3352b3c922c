from __future__ import annotations

import pytest

from stack.config import StackConfig
from stack.errors import StackError


@pytest.fixture
def environment(tmp_path):
    for name in ("first", "second"):
        (tmp_path / "cases" / name).mkdir(parents=True)
        (tmp_path / "cases" / name / "contract.yaml").touch()
    (tmp_path / "state").mkdir()
    return {"ML_STATE_DIR": str(tmp_path / "state"), "ML_USE_CASES_DIR": str(tmp_path / "cases")}


def test_without_variables_the_ports_are_those_people_know(environment):
    config = StackConfig.read(environment)
    assert (config.airflow_port, config.mlflow_port, config.serving_port) == (8080, 5000, 8000)


def test_the_choice_is_remembered_for_the_commands_that_follow(environment, tmp_path):
    StackConfig.read({**environment, "ML_AIRFLOW_PORT": "18080"}).remember()
    later = StackConfig.read({"ML_STATE_DIR": environment["ML_STATE_DIR"]})
    assert later.airflow_port == 18080
    assert later.use_cases == tmp_path / "cases"


def test_a_variable_overrides_what_was_remembered(environment):
    StackConfig.read({**environment, "ML_AIRFLOW_PORT": "18080"}).remember()
    assert StackConfig.read({**environment, "ML_AIRFLOW_PORT": "28080"}).airflow_port == 28080


@pytest.mark.parametrize("text", ["http", "-1", "0", "65536"])
def test_what_is_no_port_is_refused_by_the_name_of_its_variable(environment, text):
    with pytest.raises(StackError, match=f"ML_MLFLOW_PORT={text} is no port"):
        StackConfig.read({**environment, "ML_MLFLOW_PORT": text})


def test_two_services_on_one_port_are_refused(environment):
    with pytest.raises(StackError, match="must differ; they are 5000, 5000, 8000"):
        StackConfig.read({**environment, "ML_AIRFLOW_PORT": "5000"})


def test_a_folder_of_use_cases_that_is_not_there_is_refused(environment):
    with pytest.raises(StackError, match="there is no folder /nowhere"):
        StackConfig.read({**environment, "ML_USE_CASES_DIR": "/nowhere"})


def test_a_new_use_case_comes_last_so_that_no_other_ones_port_changes(environment, tmp_path):
    StackConfig.read(environment).remember()
    (tmp_path / "cases" / "a_new_one").mkdir()
    (tmp_path / "cases" / "a_new_one" / "contract.yaml").touch()
    assert StackConfig.read(environment).served == ("first", "second", "a_new_one")
