"""What Prometheus is told of the challenger."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from prometheus_client import CollectorRegistry, Counter, Gauge

from ml.promotion.experiment import Mode
from serving.challenger import Challenger

Info = tuple[str, str, str]


class ChallengerMetrics:
    """Takes over what the challenger counts itself: a request is not held up by it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "serving_challenger_requests",
            "Requests for the challenger. canary: answered by it, fell_back to production; shadow: logged, dropped by "
            "a full queue, failed with an error, lost because Postgres took no record",
            ["mode", "outcome"],
            registry=registry,
        )
        self._info = Gauge(
            "serving_challenger_info",
            "Processes in which this challenger is ready; 0 once it is not",
            ["model_name", "model_version", "mode"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._percent = Gauge(
            "serving_challenger_percent",
            "Share of the traffic that a canary is to answer",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )
        self._problem = Gauge(
            "serving_challenger_problem",
            "Processes that have a problem with the challenger; /v1/model tells it",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._known: dict[tuple[Mode, str], int] = {}
        self._shown: Info | None = None

    def note(self, challenger: Challenger) -> None:
        """Read what was counted since the last time, and the standing."""
        self._count(Mode.CANARY, asdict(challenger.counts))
        self._count(Mode.SHADOW, asdict(challenger.shadow.counts))
        standing = challenger.standing
        model = standing.model
        info = (model.source.name, model.version, standing.setup.mode.value) if model else None
        if self._shown and self._shown != info:
            self._info.labels(*self._shown).set(0)
        if info:
            self._info.labels(*info).set(1)
        self._shown = info
        self._percent.set(standing.setup.percent)
        self._problem.set(standing.problem is not None)

    def _count(self, mode: Mode, counts: Mapping[str, int]) -> None:
        for outcome, number in counts.items():
            before = self._known.get((mode, outcome), 0)
            self._requests.labels(mode.value, outcome).inc(number - before)
            self._known[mode, outcome] = number
