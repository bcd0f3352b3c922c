"""What a failure says of itself, where others than its log read it."""

from __future__ import annotations

import re

from airflow.sdk.exceptions import AirflowException
from airflow.sdk.log import redact  # type: ignore[attr-defined]  # the only public way to it

from ml.errors import PlatformError

KILLED = "it ended without a word: its process was killed, or its machine is gone"
ERROR_LENGTH = 2000
"""Characters of an error that a person may read; a table needs less."""
_CREDENTIALS = re.compile(r"(://[^\s/@:]*):[^\s/@]+@")


def first_line(error: object, limit: int) -> str:
    """The first line, at most ``limit`` characters of it, without the secrets known to Airflow or held by a URL.

    Of what was not raised on purpose, the type comes first: ``KeyError: 'x'``. ``None`` is a task that could not say.
    """
    text = KILLED if error is None else str(error).strip()
    if isinstance(error, BaseException) and not isinstance(error, PlatformError | AirflowException):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    line = _CREDENTIALS.sub(r"\1:***@", str(redact(text.partition("\n")[0])))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
