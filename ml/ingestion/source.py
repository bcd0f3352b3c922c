"""Where a use case's data comes from: a file given, one that lies in landing, the published archive, or the sample."""

from __future__ import annotations

import hashlib
import logging
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ml.errors import ArchiveUnusable, FileRefused, NoDataSource
from ml.ingestion.archive import fetch
from ml.ingestion.byte_check import checksum_of
from ml.ingestion.landing import due, printable
from ml.ingestion.withdraw import withdraw
from ml.publish import publishing
from ml.samples.profile_schema import load_profile, profile_path
from ml.samples.sample import render_sample
from ml.settings import Settings
from ml.use_case import UseCase

log = logging.getLogger(__name__)

SAMPLE_SEED = 42
_SAMPLES = ".samples"
"""File in landing with the checksum of each sample put there."""
_LONGEST_STEM = 150
"""Bytes; leaves room for a checksum within what ingestion takes."""


@dataclass(frozen=True)
class ProvidedData:
    """What a run works on: ``note`` says, for a person, which file it is and why this one."""

    kind: Literal["file", "landing", "download", "sample"]
    path: Path
    note: str


def provide(settings: Settings, use_case: UseCase, data: Path | None) -> ProvidedData:
    """See to it that landing holds data, and say which.

    ``data`` is copied there under its own name, made safe. Without it: the files that lie there; else the archive
    of the contract; else, where that cannot be had, a sample drawn from ``profile.json``. A sample gives way to
    real files: it is removed where there are any, and so are its rows where it was ingested. Files appear in landing
    wholly or not at all.

    Raises :class:`FileRefused` where ``data`` is no file that can be read, :class:`NoDataSource` where there is
    nothing.
    """
    use_case.landing.mkdir(parents=True, exist_ok=True)
    provided = _given(use_case.landing, data) if data else _landed(use_case)
    if provided is None:
        try:
            provided = _published(settings, use_case)
        except ArchiveUnusable as error:
            log.warning("No download: %s", error)
            provided = _sampled(use_case, why=str(error))
    if provided.kind != "sample":
        provided = replace(provided, note=provided.note + _remove_samples(settings, use_case))
    log.info("Data of %s: %s, %s", use_case.name, provided.kind, provided.note)
    return provided


def _given(landing: Path, data: Path) -> ProvidedData:
    shown = printable(str(data))
    try:
        if not data.is_file():  # a pipe, say, can be read but once
            raise FileRefused(shown, "it is no regular file" if data.exists() else "there is no such file")
        checksum = checksum_of(data)
        there = next((p for p in _files(landing) if checksum_of(p) == checksum), None)
        path = there or _free_path(landing, data.name, checksum)
        if there is None:
            with data.open("rb") as source, publishing(path) as target:
                shutil.copyfileobj(source, target)
    except OSError as error:
        raise FileRefused(shown, f"it cannot be copied to {landing}: {error.strerror or error}") from error
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
        published = ", the published file by its checksum," if archive and checksum_of(path) == archive.sha256 else ""
        return ProvidedData(
            "landing", path, f"{printable(path.name)}{published} lay in landing already{_besides(others)}"
        )
    for path in _files(use_case.landing):
        note = f"{printable(path.name)}, drawn by an earlier run, lay in landing already; DATA=<path> brings real data"
        return ProvidedData("sample", path, note)
    return None


def _published(settings: Settings, use_case: UseCase) -> ProvidedData:
    archive = use_case.contract.archive
    if archive is None:
        raise ArchiveUnusable(use_case.name, "its contract names no `archive`")
    path = use_case.landing / _safe_name(archive.member[-1].rpartition("/")[2])
    settings.state_dir.mkdir(parents=True, exist_ok=True)
    fetch(archive, path, settings.state_dir)
    return ProvidedData("download", path, f"{path.name} from {archive.url}, checksum as pinned; landing was empty")


def _sampled(use_case: UseCase, *, why: str) -> ProvidedData:
    if not profile_path(use_case).is_file():
        raise NoDataSource(use_case.name, str(use_case.landing), why, str(profile_path(use_case)))
    profile = load_profile(use_case)
    content = render_sample(use_case.contract, profile, seed=SAMPLE_SEED)
    path = use_case.landing / f"sample-{SAMPLE_SEED}.csv"
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
    return [p for p in _files(landing) if checksum_of(p) not in samples]


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


def _remove_samples(settings: Settings, use_case: UseCase) -> str:
    """Real and made-up rows must not be mixed; a sample can be drawn again at any time. Says what was removed."""
    samples = _sample_checksums(use_case.landing)
    removed = [p for p in _files(use_case.landing) if checksum_of(p) in samples]
    for path in removed:
        path.unlink()
    rows = sum(withdraw(settings, use_case, checksum, why="Real data came in its place.") for checksum in samples)
    names = ", ".join(printable(p.name) for p in removed)
    in_tables = f" and its {rows} rows in the tables" if rows else ""
    return f"; removed the sample {names}{in_tables}" if removed or rows else ""


def _free_path(landing: Path, name: str, checksum: str) -> Path:
    """Where a file of that name can go without replacing another."""
    path = landing / _safe_name(name)
    return path.with_stem(f"{path.stem}-{checksum[:12]}") if path.exists() or path.is_symlink() else path


def _safe_name(name: str) -> str:
    """The name such that ingestion takes it: it prints, is neither hidden nor too long, and ends in ``.csv``."""
    shown = printable(name).replace("\\", "_").lstrip(".")
    stem = shown[:-4] if shown.casefold().endswith(".csv") else shown
    return f"{stem.encode()[:_LONGEST_STEM].decode(errors='ignore') or 'data'}.csv"
