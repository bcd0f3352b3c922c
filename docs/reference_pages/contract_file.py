"""The fields of ``contract.yaml``."""

from __future__ import annotations

from ml.contract import ColumnType, Contract, Role
from reference_pages.fields import enum_docs
from reference_pages.yaml_file import sections


def page() -> str:
    """The contract and what it is made of."""
    kinds = ", ".join(f"`{value}`" for value, _ in enum_docs(ColumnType))
    roles = ", ".join(f"`{value}`" for value, _ in enum_docs(Role))
    intro = (
        "What the columns of a use case are, mean and may hold. Tables, expectations, preprocessing, the API's request"
        f" and the drift tests are derived from it. Types of a column: {kinds}. Roles: {roles}."
        " [Bank Marketing's](../../use_cases/bank_marketing.md) is an example."
    )
    return f"# contract.yaml\n\n{intro}\n\n{sections(Contract)}\n"
