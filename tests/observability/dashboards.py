"""The dashboards that are deployed, and the queries of their panels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.conftest import REPOSITORY

FILES = sorted((REPOSITORY / "deploy" / "grafana" / "dashboards").glob("*.json"))
DASHBOARDS: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text()) for path in FILES}


@dataclass(frozen=True)
class Query:
    """One target of a panel."""

    dashboard: str
    panel: str
    expression: str

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel}: {self.expression}"

    def filled(self, rate_interval: str) -> str:
        """As Grafana asks it where all of each variable is chosen."""
        variables = {v["name"]: v["allValue"] for v in DASHBOARDS[self.dashboard]["templating"]["list"]}
        text = self.expression.replace("$__rate_interval", rate_interval)
        for name, value in variables.items():
            text = re.sub(rf"\${name}\b", value, text)
        assert "$" not in text, f"a variable that the dashboard does not have: {text}"
        return text


def queries() -> Iterator[Query]:
    """All of them."""
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield Query(name, panel["title"], target["expr"])


def variables() -> Iterator[tuple[str, str]]:
    """Metric and label from which Grafana takes the values of each variable."""
    for dashboard in DASHBOARDS.values():
        for variable in dashboard["templating"]["list"]:
            found = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
            assert found
            yield found[1], found[2]
