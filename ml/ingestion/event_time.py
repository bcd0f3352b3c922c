"""The date each row of a staged file belongs to, read from a column or derived from the order of rows."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from ml.contract import Contract, Role, RowOrderDates

Cells = Mapping[str, sql.Composable]

_DAY_OF_MONTH = sql.Literal(r"^\s*(0?[1-9]|[12]\d|3[01])\s*$")
_ISO_DATE = sql.Literal(r"^\d{4}-\d{2}-\d{2}$")


def month_and_day(contract: Contract, cell: Cells) -> dict[str, tuple[str, sql.Composable]]:
    """SQL type and value of ``month`` and ``day``, where dates are derived from them: null where unreadable."""
    derive = _rule(contract)
    if derive is None:
        return {}
    months = sql.Literal([m.lower() for m in derive.months])
    month = sql.SQL("array_position({}, lower(btrim({})))").format(months, cell[derive.month])
    day = sql.SQL("CASE WHEN {0} ~ {1} THEN {0}::int END").format(cell[derive.day], _DAY_OF_MONTH)
    return {"month": ("integer", month), "day": ("integer", day)}


def _rule(contract: Contract) -> RowOrderDates | None:
    return contract.event_time.derive if contract.event_time else None


def event_time(cursor: Cursor, contract: Contract, cell: Cells) -> tuple[sql.Composable, str | None]:
    """The date as an expression over a row of ``staged LEFT JOIN carried USING (line)``; a note for the ledger.

    A column of dates is read as ISO dates (``2024-01-05``); what is none, or no day of the calendar, is null.
    Derived dates follow :class:`RowOrderDates` over the rows that are no ``repeats``; rows before the first
    readable one take its ``start``. The note says so where the rows turned out to be in no order of time.
    """
    cursor.execute("CREATE TEMP TABLE carried (line bigint, event_time date) ON COMMIT DROP")
    derive = _rule(contract)
    if derive is None:
        return _from_column(contract, cell), None
    date, note = _from_row_order(cursor, derive)
    cursor.execute("SELECT EXISTS (SELECT FROM staged WHERE month IS NULL OR day IS NULL)")
    if cursor.fetchall()[0][0]:
        _carry_forward(cursor, date)
    return sql.SQL("coalesce(carried.event_time, {}, {})").format(date, sql.Literal(derive.start)), note


def _from_column(contract: Contract, cell: Cells) -> sql.Composable:
    named = contract.event_time.name if contract.event_time else None
    name = named or next((c.name for c in contract.columns if c.role is Role.EVENT_TIME), None)
    if name is None:
        return sql.SQL("NULL::date")
    return sql.SQL("CASE WHEN {c} ~ {pattern} AND pg_input_is_valid({c}, 'date') THEN {c}::date END").format(
        c=cell[name], pattern=_ISO_DATE
    )


def _from_row_order(cursor: Cursor, derive: RowOrderDates) -> tuple[sql.Composable, str | None]:
    start, years = sql.Literal(derive.start.year), derive.until.year - derive.start.year
    turns = _year_turns(cursor, limit=years + 1)
    by_order = _date(sql.SQL("{} + width_bucket(staged.line, {}::bigint[])").format(start, sql.Literal(turns)))
    if len(turns) <= years and not _exceeds(cursor, by_order, derive):
        return by_order, None
    note = (
        f"The rows are in no order of time: their dates would run past {derive.until}. "
        f"Each took the first year from {derive.start} on in which its month occurs."
    )
    return _date(sql.SQL("{} + (staged.month < {})::int").format(start, sql.Literal(derive.start.month))), note


def _year_turns(cursor: Cursor, *, limit: int) -> list[int]:
    """The first lines whose month is below that of the row before."""
    cursor.execute(
        "SELECT line FROM (SELECT line, month < lag(month) OVER (ORDER BY line) AS turned FROM staged"
        " WHERE month IS NOT NULL AND day IS NOT NULL AND line NOT IN (SELECT line FROM repeats)) AS rows"
        " WHERE turned ORDER BY line LIMIT %s",
        (limit,),
    )
    return [line for (line,) in cursor.fetchall()]


def _date(year: sql.Composable) -> sql.Composable:
    """The day of the month in that year, the month's last day where it has fewer; null where unreadable."""
    first = sql.SQL("make_date({}, staged.month, 1)").format(year)
    return sql.SQL(
        "CASE WHEN staged.day > 28"
        " THEN least({first} + (staged.day - 1), ({first} + interval '1 month - 1 day')::date)"
        " ELSE {first} + (staged.day - 1) END"
    ).format(first=first)


def _exceeds(cursor: Cursor, date: sql.Composable, derive: RowOrderDates) -> bool:
    cursor.execute(
        sql.SQL("SELECT max({}) > %s FROM staged WHERE line NOT IN (SELECT line FROM repeats)").format(date),
        (derive.until,),
    )
    return bool(cursor.fetchall()[0][0])


def _carry_forward(cursor: Cursor, date: sql.Composable) -> None:
    """Rows without a readable date take that of the readable row before; there may be none."""
    cursor.execute(
        sql.SQL(
            "INSERT INTO carried SELECT unread.line, {date} FROM staged JOIN ("
            " SELECT line, readable, max(line) FILTER (WHERE readable)"
            "  OVER (ORDER BY line ROWS UNBOUNDED PRECEDING) AS before"
            " FROM (SELECT line, month IS NOT NULL AND day IS NOT NULL AS readable FROM staged) AS marked"
            ") AS unread ON staged.line = unread.before WHERE NOT unread.readable"
        ).format(date=date)
    )
