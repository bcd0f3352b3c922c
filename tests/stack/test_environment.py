"""What the stack's processes are told."""

from stack.config import StackConfig
from stack.environment import platform


def test_the_retention_of_the_log_reaches_the_platform_from_the_users_shell(tmp_path, monkeypatch):
    config = StackConfig(tmp_path, tmp_path, airflow_port=1, mlflow_port=2, serving_port=3)
    monkeypatch.delenv("ML_LOG_RETENTION_DAYS", raising=False)
    assert "ML_LOG_RETENTION_DAYS" not in platform(config)
    monkeypatch.setenv("ML_LOG_RETENTION_DAYS", "400")
    assert platform(config)["ML_LOG_RETENTION_DAYS"] == "400"
