"""Where a use case's data comes from: a file given, one that lies in landing, the published archive, or the sample."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ml.archive import fetch
from ml.errors import ArchiveUnusable, FileRefused, NoDataSource
from ml.landing import due, printable
from ml.profile_schema import load_profile, profile_path
from ml.publish import publishing
from ml.sample import render_sample
from ml.settings import Settings
from ml.use_case import UseCase

log = logging.getLogger(__name__)

SAMPLE_SEED = 42
_SAMPLES = ".samples"
"""File in landing with the checksum of each sample put there."""


@dataclass(frozen=True)
class ProvidedData:
    """What a run works on: ``note`` says, for a person, which file it is and why this one."""

    kind: Literal["file", "landing", "download", "sample"]
    path: Path
    note: str


def provide(
    settings: Settings, use_case: UseCase, data: Path | None, *, offline: bool = False, seed: int = SAMPLE_SEED
) -> ProvidedData:
    """See to it that landing holds data, and say which.

    ``data`` is copied there under its own name, made safe. Without it: the files that lie there; else the archive
    of the contract, unless ``offline``; else a sample drawn from ``profile.json``. A sample gives way to real
    files: it is removed where there are any. Files appear in landing wholly or not at all.

    Raises :class:`FileRefused` where ``data`` cannot be read, :class:`NoDataSource` where there is nothing.
    """
    use_case.landing.mkdir(parents=True, exist_ok=True)
    provided = _given(use_case.landing, data) if data else _landed(use_case)
    if provided is None:
        try:
            provided = _published(settings, use_case, offline=offline)
        except ArchiveUnusable as error:
            log.warning("No download: %s", error)
            provided = _sampled(use_case, seed, why=str(error))
    if provided.kind != "sample":
        _remove_samples(use_case.landing)
    log.info("Data of %s: %s, %s", use_case.name, provided.kind, provided.note)
    return provided


def _given(landing: Path, data: Path) -> ProvidedData:
    shown = printable(str(data))
    try:
        checksum = _sha256(data)
        there = next((p for p in _files(landing) if _sha256(p) == checksum), None)
        path = there or _free_path(landing, data.name, checksum)
        if there is None:
            with data.open("rb") as source, publishing(path) as target:
                shutil.copyfileobj(source, target)
    except OSError as error:
        raise FileRefused(shown, f"it cannot be read: {error.strerror or error}") from error
    how = "whose content lay there already" if there else "copied there"
    note = f"{shown} was given; in landing it is {path.name}, {how}"
    if checksum in _sample_checksums(landing):
        return ProvidedData("sample", path, f"{note}; it is a sample drawn by an earlier run, not real data")
    return ProvidedData("file", path, note + _besides(p for p in _real_files(landing) if p != path))


def _landed(use_case: UseCase) -> ProvidedData | None:
    """The first file in landing that is no sample; else a sample of an earlier run; else none."""
    if real := _real_files(use_case.landing):
        path, *others = real
        archive = use_case.contract.archive
        published = ", the published file by its checksum," if archive and _sha256(path) == archive.sha256 else ""
        return ProvidedData("landing", path, f"{path.name}{published} lay in landing already{_besides(others)}")
    for path in _files(use_case.landing):
        note = f"{path.name}, drawn by an earlier run, lay in landing already; DATA=<path> brings in real data"
        return ProvidedData("sample", path, note)
    return None


def _published(settings: Settings, use_case: UseCase, *, offline: bool) -> ProvidedData:
    archive = use_case.contract.archive
    if archive is None:
        raise ArchiveUnusable(use_case.name, "its contract names no `archive`")
    if offline:
        raise ArchiveUnusable(archive.url, "not asked, the run is offline")
    path = use_case.landing / _safe_name(archive.member[-1].rpartition("/")[2])
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    fetch(archive, path, settings.state_dir)
    return ProvidedData("download", path, f"{path.name} from {archive.url}, checksum as pinned; landing was empty")


def _sampled(use_case: UseCase, seed: int, *, why: str) -> ProvidedData:
    if not profile_path(use_case).is_file():
        raise NoDataSource(use_case.name, str(use_case.landing), why, str(profile_path(use_case)))
    profile = load_profile(use_case)
    content = render_sample(use_case.contract, profile, seed=seed)
    path = use_case.landing / f"sample-{seed}.csv"
    _record_sample(use_case.landing, content)
    with publishing(path) as target:
        target.write(content)
    note = f"{path.name}: {profile.rows} made-up rows drawn from profile.json; landing was empty and no archive was had"
    return ProvidedData("sample", path, f"{note} ({why})")


def _files(landing: Path) -> list[Path]:
    """The files that ingestion takes, by name; a link is never followed."""
    return [p for p in sorted(landing / name for name in due(landing, None)) if p.is_file() and not p.is_symlink()]


def _real_files(landing: Path) -> list[Path]:
    samples = _sample_checksums(landing)
    return [p for p in _files(landing) if _sha256(p) not in samples]


def _besides(others: Iterable[Path]) -> str:
    names = ", ".join(printable(p.name) for p in others)
    return f"; also there and ingested with it: {names}" if names else ""


def _sample_checksums(landing: Path) -> set[str]:
    """By the checksum, not by its name, a sample is told from real data."""
    record = landing / _SAMPLES
    return set(record.read_text(encoding="ascii").split()) if record.is_file() else set()


def _record_sample(landing: Path, content: bytes) -> None:
    checksums = _sample_checksums(landing) | {hashlib.sha256(content).hexdigest()}
    with publishing(landing / _SAMPLES) as target:
        target.write("".join(f"{c}\n" for c in sorted(checksums)).encode())


def _remove_samples(landing: Path) -> None:
    """Real and made-up rows must not be mixed; a sample can be drawn again at any time."""
    samples = _sample_checksums(landing)
    for path in _files(landing):
        if _sha256(path) in samples:
            path.unlink()
            log.warning("%s gave way to real data. Rows of it that were ingested stay in the tables.", path.name)


def _free_path(landing: Path, name: str, checksum: str) -> Path:
    """Where a file of that name can go without replacing another."""
    path = landing / _safe_name(name)
    return path.with_stem(f"{path.stem}-{checksum[:12]}") if path.exists() or path.is_symlink() else path


def _safe_name(name: str) -> str:
    """The name with what does not print escaped, and such that ingestion takes it: not hidden, ending in ``.csv``."""
    shown = printable(name).replace("\\", "_").lstrip(".")
    return shown if shown.casefold().endswith(".csv") and len(shown) > len(".csv") else f"{shown or 'data'}.csv"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
