"""Everything that can go wrong, as one tree.

PlatformError
├── ConfigError
│   ├── ContractError
│   └── NoDataSource
├── DataError                 bad input; trying again does not help
│   ├── ArchiveUnusable
│   ├── FileRefused
│   ├── FileUnfinished
│   ├── ValidationFailed
│   ├── InvalidInput
│   ├── NotEnoughData
│   └── PredictionNotFound
├── ModelError
│   ├── ModelNotFound
│   ├── NoProductionModel
│   ├── NoChallenger
│   ├── BundleRefused
│   ├── PromotionConflict
│   ├── NoPredecessor
│   └── ReferenceUnusable
├── DriftDetected
└── Unavailable               a service did not answer; trying again may help

Constructors take facts; the sentence for the person on duty is made here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID


class PlatformError(Exception):
    """Base of all errors the platform raises on purpose."""


class ConfigError(PlatformError):
    """A setting or a file of a use case is wrong."""


class ContractError(ConfigError):
    """A contract or model file cannot be used."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


class NoDataSource(ConfigError):
    """Nowhere to take a use case's data from."""

    def __init__(self, use_case: str, landing: str, archive: str, profile: str) -> None:
        super().__init__(
            f"No data for {use_case!r}: no file in {landing}; {archive}; no profile {profile} to draw a sample from. "
            f"Give a file with DATA=<path>, or put one into {landing}."
        )


class DataError(PlatformError):
    """The data is at fault; the same data will fail again."""


class ArchiveUnusable(DataError):
    """The published archive of a data set could not be had, or is not what the contract pins."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")


class FileRefused(DataError):
    """A whole file was refused; no row of it was loaded."""

    def __init__(self, file: str, reason: str, *, byte: int | None = None, line: int | None = None) -> None:
        where = "".join(f", {name} {value}" for name, value in (("byte", byte), ("line", line)) if value is not None)
        super().__init__(f"{file} refused{where}: {reason}. No row of it was loaded.")
        self.file, self.reason, self.byte, self.line = file, reason, byte, line


class FileUnfinished(DataError):
    """A file is still being written; no row of it was loaded, and the next run reads it."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(
            f"{file} is still being written: {reason}. It is left for the next run. "
            "Write under a name that ends in .part and rename the file when it is complete."
        )
        self.file, self.reason = file, reason


class ValidationFailed(DataError):
    """More rows than allowed broke the contract."""

    def __init__(self, file: str, bad: int, total: int, limit: float, reasons: Sequence[str], report: str) -> None:
        super().__init__(
            f"{file}: {bad} of {total} rows ({bad / max(total, 1):.1%}) break the contract, "
            f"the limit is {limit:.1%}. Most frequent: {'; '.join(reasons) or 'none'}. "
            f"No row of it became a feature; the rows are in quarantine. Report: {report}"
        )
        self.file, self.bad, self.total, self.limit = file, bad, total, limit


@dataclass(frozen=True)
class FieldProblem:
    """One field of a request that cannot be used, and why."""

    field: str
    message: str


class InvalidInput(DataError):
    """A prediction request breaks the contract; names each field."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        super().__init__("; ".join(f"{p.field}: {p.message}" for p in problems))
        self.problems = tuple(problems)


class NotEnoughData(DataError):
    """Too few rows, or only one class, to train on."""


class PredictionNotFound(DataError):
    """The log has no prediction with that id."""

    def __init__(self, inference_id: UUID) -> None:
        made = dt.datetime.fromtimestamp((inference_id.int >> 80) / 1000, dt.UTC)
        what = (
            f"by its id it was made at {made:%Y-%m-%d %H:%M:%S} UTC. Is that older than ML_LOG_RETENTION_DAYS, it was "
            "removed; while Postgres is away, answers wait in the API's spool"
            if inference_id.version == 7
            else "and no prediction has such an id: theirs are UUIDs of version 7"
        )
        super().__init__(f"The log has no prediction {inference_id}; {what}.")
        self.inference_id = inference_id


class ModelError(PlatformError):
    """The registry holds no usable model for what was asked."""


class ModelNotFound(ModelError):
    """No such registered model or version."""

    def __init__(self, name: str, version: str | None = None) -> None:
        what = f"version {version} of model {name!r}" if version else f"model {name!r}"
        super().__init__(f"The registry has no {what}. `make list-versions MODEL_NAME={name}` shows what it has.")
        self.name, self.version = name, version


class NoProductionModel(ModelError):
    """No version is in production yet."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Model {name!r} has no production version. Promote one: "
            f"`make promote MODEL_NAME={name} VERSION=<n>`, or alias `production` in the MLflow UI."
        )
        self.name = name


class NoChallenger(ModelError):
    """No version has the alias ``challenger``."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"Model {name!r} has no challenger. Name one: "
            f"`make challenger MODEL_NAME={name} VERSION=<n> MODE=shadow`, or alias `challenger` in the MLflow UI."
        )
        self.name = name


class BundleRefused(ModelError):
    """A version's serving bundle is missing, corrupt or not what was registered."""

    def __init__(self, name: str, version: str, reason: str) -> None:
        super().__init__(f"Version {version} of {name!r} cannot be served: {reason}.")
        self.name, self.version, self.reason = name, version, reason


class PromotionConflict(ModelError):
    """Production changed between the request of a promotion and its turn."""

    def __init__(self, name: str, version: str, expected: str | None, found: str | None) -> None:
        was, now = (f"version {v}" if v else "no version" for v in (expected, found))
        super().__init__(
            f"Version {version} of {name!r} was to follow {was}, and by now {now} is in production. "
            "Nothing was changed: look at the figures of both, then promote again."
        )
        self.name, self.version, self.expected, self.found = name, version, expected, found


class NoPredecessor(ModelError):
    """Nothing to roll back to."""

    def __init__(self, name: str) -> None:
        super().__init__(f"No version of {name!r} was in production before; `make promote` puts another one there.")
        self.name = name


class ReferenceUnusable(ModelError):
    """There is no usable record of what a version was trained on, so nothing to compare later data with."""

    def __init__(self, name: str, version: str, reason: str) -> None:
        super().__init__(
            f"What version {version} of {name!r} was trained on is not known: {reason}. "
            "Train it again here and promote the new version."
        )
        self.name, self.version, self.reason = name, version, reason


class DriftDetected(PlatformError):
    """The window differs from the training data by more than the limits."""


class PerformanceFell(PlatformError):
    """By the labels that arrived, the version in production is worse than it was on its hold-out, beyond the limit."""


class Unavailable(PlatformError):
    """A service did not answer."""

    def __init__(self, service: str, address: str, reason: str) -> None:
        super().__init__(f"{service} at {address} did not answer: {reason}. `make status` shows what runs.")
        self.service = service
