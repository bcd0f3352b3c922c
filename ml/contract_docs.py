"""The page of a use case in the docs, derived from its contract."""

from __future__ import annotations

from ml.contract import Column, Contract

_HEADER = ("Column", "Type", "Unit", "Range or categories", "Nulls", "Role", "Known at prediction", "Meaning")


def contract_page(contract: Contract) -> str:
    """Markdown: title, description, source, event time and a table of all columns in the contract's order."""
    parts = [f"# {contract.title}", contract.description.strip()]
    if contract.archive:
        parts.append(f"Source: {contract.archive.citation} Licence: {contract.archive.licence}.")
    if contract.event_time:
        parts.append(f"Event time: `{contract.event_time.name}` ({contract.event_time.meaning}).{_rule(contract)}")
    rows = [_HEADER, ("---",) * len(_HEADER), *map(_row, contract.columns)]
    parts.append("\n".join(f"| {' | '.join(map(_cell, row))} |" for row in rows))
    return "\n\n".join(parts) + "\n"


def _rule(contract: Contract) -> str:
    derive = contract.event_time.derive if contract.event_time else None
    if derive is None:
        return ""
    return (
        f" Derived from the order of rows: the first row lies in {derive.start:%Y}, the year goes up by one each"
        f" time `{derive.month}` falls below that of the row before, the day is `{derive.day}`."
        f" The last possible date is {derive.until}."
    )


def _row(column: Column) -> tuple[str, ...]:
    return (
        f"`{column.name}`",
        column.type.value,
        column.unit or "",
        _values(column),
        column.nulls,
        column.role.value.replace("_", " "),
        "yes" if column.known_at_prediction else "no",
        column.meaning,
    )


def _cell(text: str) -> str:
    """In one line, and with no bar that would end it early."""
    return " ".join(text.split()).replace("|", "\\|")


def _values(column: Column) -> str:
    if column.categories is not None:
        return ", ".join(f"`{label}`" for label in column.labels)
    if column.range is None:
        return ""
    low, high = ("" if bound is None else f"{bound:.15g}" for bound in column.range)
    return f"{low} … {high}"
