"""The contract of a use case: what its columns are, mean and may hold.

Everything else is derived from it: tables, expectations, preprocessing, the API's
request model, the choice of drift test and the table in the docs.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ml.errors import ContractError

Scalar = bool | int | float | str


class ColumnType(StrEnum):
    """How a column is stored and compared."""

    INTEGER = "integer"
    NUMBER = "number"
    CATEGORY = "category"
    TEXT = "text"
    DATE = "date"


class Role(StrEnum):
    """What a column is for."""

    FEATURE = "feature"
    TARGET = "target"
    KEY = "key"
    EVENT_TIME = "event_time"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Strict):
    """One column of the file.

    ``range`` is closed at both ends, ``null`` there means unbounded. ``categories`` are
    compared after the cell was read as the column's type. With ``nulls: forbidden`` an
    empty cell breaks the contract.
    """

    name: Annotated[str, Field(min_length=1, max_length=63)]
    type: ColumnType
    meaning: str
    unit: str | None = None
    role: Role = Role.FEATURE
    range: tuple[float | None, float | None] | None = None
    categories: tuple[Scalar, ...] | None = None
    positive: Scalar | None = None
    nulls: Literal["forbidden", "allowed"] = "forbidden"
    known_at_prediction: bool = True
    example: Scalar | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        if self.type is ColumnType.CATEGORY and not self.categories:
            raise ValueError(f"column {self.name!r}: a category needs its `categories`")
        if self.role is Role.TARGET and (
            self.categories is None or len(self.categories) != 2 or self.positive not in self.categories
        ):
            raise ValueError(f"column {self.name!r}: a target needs two `categories` and one of them as `positive`")
        if self.role is Role.FEATURE and self.type in (ColumnType.TEXT, ColumnType.DATE):
            raise ValueError(f"column {self.name!r}: a feature is integer, number or category")
        return self

    @property
    def is_numeric(self) -> bool:
        """True for integers and numbers."""
        return self.type in (ColumnType.INTEGER, ColumnType.NUMBER)

    @property
    def labels(self) -> tuple[str, ...]:
        """The categories as text, in the contract's order; empty where there are none."""
        return tuple(str(c) for c in self.categories or ())


class RowOrderDates(_Strict):
    """Derives each row's event time from the order of rows in a file sorted by time.

    The first row lies in the year of ``start``; the year goes up by one each time the
    month falls below that of the row before. A row whose month or day cannot be read
    takes the date of the row before it. A day past the month's end becomes its last day.
    Where this would run past ``until``, the file is not in time order: each row then
    takes the first year from ``start`` in which its month occurs, and the ledger says so.
    """

    month: str
    day: str
    months: tuple[str, ...] = (
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    )  # fmt: skip
    start: dt.date
    until: dt.date


class EventTime(_Strict):
    """The date a row belongs to: a column of the file with that role, or derived."""

    name: str
    meaning: str
    derive: RowOrderDates | None = None


class SourceArchive(_Strict):
    """Where the data set is published, with the checksum it must have."""

    url: str
    member: tuple[str, ...]
    """Path inside the archive; more than one entry where archives are nested."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    licence: str
    citation: str


class FileFormat(_Strict):
    """How the files are written. Always UTF-8; a byte-order mark and CRLF are accepted."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    extra_columns: Literal["refuse", "ignore"] = "refuse"
    null: str = ""
    """The unquoted cell that means null."""


class Contract(_Strict):
    """All that is known of a use case's data. Read it with :func:`load_contract`."""

    use_case: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
    title: str
    description: str
    file: FileFormat = FileFormat()
    archive: SourceArchive | None = None
    event_time: EventTime | None = None
    columns: tuple[Column, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Contract:
        names = [c.name for c in self.columns]
        doubled = sorted({n for n in names if names.count(n) > 1})
        if doubled:
            raise ValueError(f"columns named twice: {', '.join(doubled)}")
        if sum(c.role is Role.TARGET for c in self.columns) != 1:
            raise ValueError("exactly one column needs `role: target`")
        if not self.features:
            raise ValueError("no column has `role: feature`")
        derive = self.event_time.derive if self.event_time else None
        for name in (derive.month, derive.day) if derive else ():
            if name not in names:
                raise ValueError(f"event_time.derive names {name!r}, which is no column")
        if self.event_time and derive is None and self.event_time.name not in names:
            raise ValueError(f"event_time {self.event_time.name!r} is neither a column nor derived")
        return self

    @property
    def features(self) -> tuple[Column, ...]:
        """All columns a model may use, in the contract's order."""
        return tuple(c for c in self.columns if c.role is Role.FEATURE)

    @property
    def target(self) -> Column:
        """The column to predict."""
        return next(c for c in self.columns if c.role is Role.TARGET)

    @property
    def key(self) -> tuple[Column, ...]:
        """The columns that identify a row; empty means: its whole content does."""
        return tuple(c for c in self.columns if c.role is Role.KEY)

    def column(self, name: str) -> Column:
        """The column of that name. Raises ``KeyError`` where there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def model_features(self, late: tuple[str, ...] = ()) -> tuple[Column, ...]:
        """The features of a model: those known at prediction, and those named in ``late``."""
        return tuple(c for c in self.features if c.known_at_prediction or c.name in late)

    @property
    def late_features(self) -> tuple[str, ...]:
        """Names of the features that are not known when a prediction is made (leaks)."""
        return tuple(c.name for c in self.features if not c.known_at_prediction)


def load_contract(path: Path) -> Contract:
    """Read and check a ``contract.yaml``. Raises :class:`ContractError` saying where it is wrong."""
    try:
        return Contract.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ContractError(str(path), str(error)) from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'contract'}: {e['msg']}" for e in error.errors())
        raise ContractError(str(path), problems) from error
