"""Environment of the stack's processes: what the user's shell says, less what would change how they run."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from stack.config import HOST, REPOSITORY, StackConfig
from stack.postgres import Postgres

_NOT_INHERITED = (
    "PYTHON", "AIRFLOW", "OPENLINEAGE", "MLFLOW", "PG", "ML_", "SERVING_", "VIRTUAL_ENV", "MAKE", "MFLAGS",
)  # fmt: skip
_PASSED_ON = ("ML_LOG_RETENTION_DAYS",)
_DATABASE = "ml"


def inherited() -> dict[str, str]:
    """The user's variables without those that configure Python, Airflow, MLflow, Postgres or the platform."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_NOT_INHERITED)}
    scripts = str(Path(sys.executable).parent)
    return kept | {
        "PATH": os.pathsep.join([scripts, kept.get("PATH", os.defpath)]),
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "plugins")]),
        "PYTHONUNBUFFERED": "1",
        # The parts talk to each other on this machine, whatever proxy leads out of it.
        "NO_PROXY": ",".join(filter(None, [kept.get("NO_PROXY"), HOST, "localhost"])),
        "no_proxy": ",".join(filter(None, [kept.get("no_proxy"), HOST, "localhost"])),
    }


def postgres(config: StackConfig) -> Postgres:
    """The server of this stack."""
    return Postgres(data=config.state / "postgres" / "data", log=config.state / "logs" / "postgres.log")


def platform(config: StackConfig) -> dict[str, str]:
    """What :class:`ml.settings.Settings` reads."""
    return {
        "ML_DATABASE_URL": postgres(config).url(_DATABASE, "ml_platform"),
        "ML_MLFLOW_TRACKING_URI": f"http://{HOST}:{config.mlflow_port}",
        "ML_USE_CASES_DIR": str(config.use_cases),
        "ML_STATE_DIR": str(config.state),
        **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GX_ANALYTICS_ENABLED": "false",
    }
