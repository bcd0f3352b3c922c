"""A FastAPI that does nothing with the same fields: what the framework alone costs."""

import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, create_model

from ml.contract import ColumnType
from ml.use_case import load_use_case

_TYPES: dict[ColumnType, Any] = {ColumnType.INTEGER: (int, ...), ColumnType.NUMBER: (float, ...)}


def create_app() -> FastAPI:
    """One endpoint, whose body is declared as FastAPI's own documentation would."""
    contract = load_use_case(Path(os.environ["BENCH_USE_CASES"]), os.environ["BENCH_USE_CASE"]).contract
    fields = {f"f{i}": _TYPES.get(c.type, (str, ...)) for i, c in enumerate(contract.features)}
    body: type[BaseModel] = create_model("Body", input=(create_model("Input", **fields), ...))
    app = FastAPI()

    @app.post("/predict")
    async def predict(body: body) -> dict[str, object]:  # type: ignore[valid-type]  # noqa: ARG001  made at run time
        return {"class": 0, "probability": 0.5, "n_features": len(fields)}

    return app
