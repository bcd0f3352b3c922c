"""The platform's page in the Airflow UI: an item of the navigation, and views of each DAG and run.

What it shows is in the package ``platform_page``, which is imported with the first request, so that the scheduler and
the tasks, which load all plugins too, do not pay for it.
"""

from __future__ import annotations

import gc
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/platform"
_NAME = "Platform"
"""Airflow cuts what is longer."""
# A tile: Airflow changes what lies below a selected item, but not the colours of a plugin's icon.
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24'%3E%3Crect x='2' y='2' width='20'"
    " height='20' rx='4' fill='{tile}'/%3E%3Cpath d='M6 16l4-5 3 3 5-7' fill='none' stroke='{line}' stroke-width='2'"
    " stroke-linecap='round' stroke-linejoin='round'/%3E%3C/svg%3E"
)

_Message = MutableMapping[str, Any]


@cache
def _app() -> Callable[..., Awaitable[None]]:
    from platform_page.app import create_app

    app = create_app()
    # All of Airflow is loaded by now, and stays: the garbage collector, set off by a page of a year, need not search
    # it again, which takes longer than the page.
    gc.freeze()
    return app


async def _on_first_request(
    scope: _Message, receive: Callable[[], Awaitable[_Message]], send: Callable[[_Message], Awaitable[None]]
) -> None:
    await _app()(scope, receive, send)


def _view(route: str, href: str, destination: str) -> dict[str, object]:
    """Paths are relative, so that they hold below any ``[api] base_url``."""
    return {
        "name": _NAME,
        "href": href,
        "destination": destination,
        "url_route": route,
        "icon": _ICON.format(tile="%2352525b", line="white"),
        "icon_dark_mode": _ICON.format(tile="%23d4d4d8", line="%2318181b"),
    }


class PlatformPage(AirflowPlugin):
    """Everything is below one prefix and behind Airflow's login."""

    name = "platform_page"
    fastapi_apps: list[Any] = [  # noqa: RUF012  declared so by Airflow
        {"app": _on_first_request, "url_prefix": PREFIX, "name": "ML platform"}
    ]
    external_views: list[Any] = [  # noqa: RUF012
        {**_view("platform", "platform/", "nav"), "nav_top_level": True},
        _view("platform-dag", "platform/dag?dag_id={DAG_ID}", "dag"),
        _view("platform-run", "platform/run?dag_id={DAG_ID}&run_id={RUN_ID}", "dag_run"),
    ]
