"""Makes no DAG: it fails to import while the folder of a use case cannot be read.

The DAG files leave such a use case out and go on with the others; Airflow shows what is
wrong with it as this file's import error, with the file and the reason.
"""

from __future__ import annotations

from platform_use_cases import problem, use_cases_dir

from ml.errors import ConfigError
from ml.use_case import discover

_found = discover(use_cases_dir())
_problems = [str(wrong) for use_case in _found if (wrong := problem(use_case))]

if not _found:
    raise ConfigError(f"No use case in {use_cases_dir().resolve()}: no folder there has a contract.yaml.")
if _problems:
    raise ConfigError("Without DAGs until corrected: " + "; ".join(_problems))
