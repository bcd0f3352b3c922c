"""Who may see what: Airflow's own login, and Airflow's own answer to whether that user may read a use case's DAGs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep
from airflow.models.dag import DagModel
from fastapi import Depends, HTTPException, Request

from ml.overview.runs import dag_ids
from ml.settings import Settings
from ml.use_case import UseCase
from platform_page.use_cases import use_cases

if TYPE_CHECKING:
    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
    from airflow.api_fastapi.auth.managers.models.batch_apis import IsAuthorizedDagRequest


@dataclass(frozen=True)
class Visitor:
    """A user who is logged in; ``use_cases`` are those whose DAGs and runs they may all read, by name."""

    settings: Settings
    use_cases: dict[str, UseCase]

    def use_case(self, name: str) -> UseCase:
        """Raises 404, whether there is no such use case or it may not be seen, so that nobody can tell."""
        if name not in self.use_cases:
            raise HTTPException(404, "There is no such use case, or you may not read its DAGs.")
        return self.use_cases[name]


def visitor(request: Request, user: GetUserDep) -> Visitor:
    """Of this request; Airflow answers 401 or 403 in its place where nobody is logged in."""
    make_settings: Callable[[], Settings] = request.app.state.make_settings
    settings = make_settings()
    found = use_cases(settings.use_cases_dir)
    teams = DagModel.get_dag_id_to_team_name_mapping([dag_id for u in found for dag_id in dag_ids(u.name)])
    return Visitor(settings, {u.name: u for u in found if _may_read(user, u, teams)})


VisitorDep = Annotated[Visitor, Depends(visitor)]


def _may_read(user: BaseUser, use_case: UseCase, teams: Mapping[str, str | None]) -> bool:
    asked: list[IsAuthorizedDagRequest] = [
        {
            "method": "GET",
            "access_entity": DagAccessEntity.RUN,
            "details": DagDetails(id=dag_id, team_name=teams.get(dag_id)),
        }
        for dag_id in dag_ids(use_case.name)
    ]
    return get_auth_manager().batch_is_authorized_dag(asked, user=user)
