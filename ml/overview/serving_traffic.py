"""What serving answered: how much, how fast, with how many errors."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from ml.overview.period import Period
from ml.traffic import LATENCY_LIMITS


@dataclass(frozen=True)
class Traffic:
    """Requests of some time; ``latency_counts`` as :data:`ml.traffic.LATENCY_LIMITS` has them."""

    requests: int
    client_errors: int
    server_errors: int
    latency_counts: Sequence[int]

    @property
    def error_share(self) -> float | None:
        """Share of requests that failed by the server's fault; None without requests."""
        return self.server_errors / self.requests if self.requests else None

    def quantile(self, share: float) -> float | None:
        """The seconds within which that share of requests was answered; None without requests.

        Evenly spread within the limits between which it lies. Beyond the last limit: that limit.
        """
        total, below = sum(self.latency_counts), 0
        if not total:
            return None
        lower = 0.0
        for limit, count in zip(LATENCY_LIMITS, self.latency_counts, strict=False):
            if below + count >= share * total:
                return lower + (limit - lower) * (share * total - below) / max(count, 1)
            below, lower = below + count, limit
        return lower


@dataclass(frozen=True)
class TrafficStep:
    """The traffic of a day or week."""

    start: dt.datetime
    traffic: Traffic


@dataclass(frozen=True)
class EndpointTraffic:
    """The traffic of one endpoint and version."""

    endpoint: str
    model_version: str
    traffic: Traffic


_SUMS = "sum(requests)::int8 AS requests, sum(client_errors)::int8, sum(server_errors)::int8, ARRAY[" + (
    ", ".join(f"coalesce(sum(latency_counts[{n}]), 0)::int8" for n in range(1, len(LATENCY_LIMITS) + 2)) + "]"
)
_NONE = Traffic(0, 0, 0, (0,) * (len(LATENCY_LIMITS) + 1))


def traffic(cursor: Cursor, use_case: str, period: Period) -> list[TrafficStep]:
    """One for each day or week of the period, the oldest first."""
    cursor.execute(
        "SELECT step.start, t.* FROM unnest(%(steps)s) AS step (start), LATERAL ("
        f"SELECT {_SUMS} FROM ml.serving_traffic WHERE use_case = %(use_case)s AND hour >= step.start"
        " AND hour < step.start + %(step)s) AS t WHERE t.requests IS NOT NULL",
        {"use_case": use_case, "steps": period.steps, "step": dt.timedelta(days=period.step_days)},
    )
    found = {row[0]: Traffic(*row[1:]) for row in cursor.fetchall()}
    return [TrafficStep(start, found.get(start, _NONE)) for start in period.steps]


def by_endpoint(cursor: Cursor, use_case: str, since: dt.datetime) -> list[EndpointTraffic]:
    """The traffic of each endpoint and version from ``since`` on, the busiest first."""
    cursor.execute(
        f"SELECT endpoint, model_version, {_SUMS} FROM ml.serving_traffic WHERE use_case = %s AND hour >= %s"
        " GROUP BY endpoint, model_version ORDER BY sum(requests) DESC, endpoint, model_version",
        (use_case, since),
    )
    return [EndpointTraffic(row[0], row[1], Traffic(*row[2:])) for row in cursor.fetchall()]
