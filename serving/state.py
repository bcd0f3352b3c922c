"""What the endpoints share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from starlette.types import Scope

from serving.challenger import Challenger
from serving.inference_log import InferenceLog
from serving.logged import LoggedAnswers
from serving.metrics import Metrics
from serving.traffic import Traffic
from serving.watcher import Watcher


@dataclass(frozen=True)
class State:
    """The model that serves, the one that challenges it, the log, what is in it already, and what is counted."""

    watcher: Watcher
    challenger: Challenger
    log: InferenceLog
    answers: LoggedAnswers
    metrics: Metrics
    traffic: Traffic

    @staticmethod
    def of(scope: Scope) -> State:
        """The state of the app that a request came to."""
        return cast("State", scope["app"].state.serving)
