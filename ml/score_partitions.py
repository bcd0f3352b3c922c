"""Batch scoring by several workers: a large batch is cut into partitions, each predicted on its own.

The result is that of one process, to the bit: a partition is made of whole frames, all are predicted by the version
that was in production when the batch was planned, and their files become one, in the order of the rows. Each
partition is written in a transaction of its own; what a failed one leaves to do, its repetition does.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from ml.bundle import Bundle
from ml.errors import FileRefused
from ml.ingestion.byte_check import sha256_of
from ml.publish import publishing
from ml.registry import RegisteredVersion, registered_bundle
from ml.score import (
    THREADS,
    ScoreSummary,
    features_label,
    features_of,
    file_label,
    output_path,
    prepared,
    rejected_path,
    score_frames,
)
from ml.scoring.batch_source import RowPlace, every_nth_row, feature_frames, file_frames, measured_file, rows_at_once
from ml.scoring.spreadsheet import merge_spreadsheets
from ml.settings import Settings
from ml.use_case import UseCase

_Bounds = tuple[int | RowPlace | None, int | RowPlace | None]


@dataclass(frozen=True)
class Partition:
    """A part of a batch, as plain values for another process: dates as ISO texts, sequences as lists.

    Of a file, ``first`` and ``stop`` are numbers of frames; of ``features``, a file id and a line. ``stop`` is
    not in it; None means to the end.
    """

    version: dict[str, str]
    as_of: str
    target: str
    """The Parquet file of the whole batch."""
    number: int = 0
    count: int = 1
    first: int | list[int] | None = None
    stop: int | list[int] | None = None
    start: str | None = None
    end: str | None = None
    file: str | None = None
    file_sha256: str | None = None

    @property
    def path(self) -> Path:
        """Its own Parquet file; that of the batch where it is all of it."""
        target = Path(self.target)
        return target if self.count == 1 else _folder(target) / f"{self.number:05d}.parquet"


def plan(
    settings: Settings,
    use_case: UseCase,
    *,
    as_of: dt.datetime,
    start: dt.date | None = None,
    end: dt.date | None = None,
    file: Path | None = None,
) -> list[Partition]:
    """Partitions of ``ML_SCORE_PARTITION_ROWS`` rows or a little more, of a file or of the features between two days.

    A file whose rows are known by keys of its own stays in one: which of two rows with one key counts is
    for one process to say. Raises as :func:`ml.score.score_file` and :func:`ml.score.score_features`, before
    anything is written.
    """
    version, bundle = prepared(settings, use_case)
    bounds = (
        _of_file(settings, bundle, file) if file else _of_features(settings, use_case, bundle, start, end)
    )  # fmt: skip
    label = file_label(file) if file else features_label(start, end)
    return [
        Partition(
            version=vars(version).copy(),
            as_of=as_of.isoformat(),
            target=str(output_path(settings, use_case, version, as_of, label)),
            number=number,
            count=len(bounds),
            first=_plain(first),
            stop=_plain(stop),
            start=start.isoformat() if start else None,
            end=end.isoformat() if end else None,
            file=str(file) if file else None,
            file_sha256=_checksum(file) if file else None,
        )
        for number, (first, stop) in enumerate(bounds)
    ]


def score_partition(settings: Settings, use_case: UseCase, partition: Partition) -> ScoreSummary:
    """Predict a partition; ``output`` of the summary is its own file. Safe to repeat.

    Raises :class:`FileRefused` where the file is no more what it was when the batch was planned.
    """
    version = RegisteredVersion(**partition.version)
    bundle = registered_bundle(settings, version, threads=THREADS)
    if partition.file:
        path = Path(partition.file)
        if _checksum(path) != partition.file_sha256:
            raise FileRefused(path.name, "it was changed after its partitions were planned; score it anew")
        frames = file_frames(
            bundle.manifest.contract, features_of(bundle), path,
            first_frame=_frame(partition.first) or 0, stop_frame=_frame(partition.stop),
        )  # fmt: skip
    else:
        frames = feature_frames(
            settings, use_case, [f.name for f in bundle.manifest.features],
            _day(partition.start), _day(partition.end), first=_place(partition.first), stop=_place(partition.stop),
        )  # fmt: skip
    as_of = dt.datetime.fromisoformat(partition.as_of)
    part = str(partition.number) if partition.count > 1 else ""
    return score_frames(settings, use_case, version, bundle, frames, as_of, partition.path, part)


def collect(partitions: Sequence[Partition], summaries: Sequence[ScoreSummary]) -> ScoreSummary:
    """Make one file of those of all partitions, in their order, and one summary. Safe to repeat."""
    if len(partitions) == 1:
        return summaries[0]
    target = Path(partitions[0].target)
    paths = [p.path for p in sorted(partitions, key=lambda p: p.number)]
    bad, rejected = rejected_path(target), sum(s.rows_rejected for s in summaries)
    if _folder(target).exists() or not target.exists():
        _merge(target, paths)
        if rejected:
            merge_spreadsheets(bad, [rejected_path(p) for p in paths if rejected_path(p).exists()])
        else:
            bad.unlink(missing_ok=True)
        shutil.rmtree(_folder(target))
    return ScoreSummary(
        model_name=summaries[0].model_name,
        model_version=summaries[0].model_version,
        rows_scored=sum(s.rows_scored for s in summaries),
        rows_new=sum(s.rows_new for s in summaries),
        rows_rejected=rejected,
        output=str(target),
        rejected=str(bad) if rejected else None,
    )


def group(sizes: Iterable[int], rows: int) -> list[tuple[int, int]]:
    """Ranges of frames, given by their ``sizes``, that hold ``rows`` rows or a little more, the last one perhaps less.

    >>> group([3, 3, 3, 3, 3], 5)
    [(0, 2), (2, 4), (4, 5)]
    """
    ranges, first, held, number = [], 0, 0, 0
    for number, size in enumerate(sizes, 1):
        held += size
        if held >= rows:
            ranges.append((first, number))
            first, held = number, 0
    return [*ranges, (first, number)] if first < number else ranges


def _of_file(settings: Settings, bundle: Bundle, path: Path) -> Sequence[_Bounds]:
    sizes, has_keys = measured_file(bundle.manifest.contract, features_of(bundle), path)
    ranges = group(sizes, settings.score_partition_rows)
    return [(None, None)] if has_keys or len(ranges) < 2 else ranges


def _of_features(
    settings: Settings, use_case: UseCase, bundle: Bundle, start: dt.date | None, end: dt.date | None
) -> Sequence[_Bounds]:
    frame = rows_at_once([f.name for f in bundle.manifest.features])
    rows = -(-settings.score_partition_rows // frame) * frame
    firsts = every_nth_row(settings, use_case, start, end, rows)
    if len(firsts) < 2:
        return [(None, None)]
    return list(zip(firsts, [*firsts[1:], None], strict=True))


def _merge(target: Path, paths: Sequence[Path]) -> None:
    """Row group by row group, so that memory holds one of them."""
    with publishing(target) as file, pq.ParquetWriter(file, pq.read_schema(paths[0]), compression="zstd") as writer:
        for table in _row_groups(paths):
            writer.write_table(table)


def _row_groups(paths: Sequence[Path]) -> Iterator[pq.pa.Table]:
    for path in paths:
        with pq.ParquetFile(path) as part:
            for number in range(part.num_row_groups):
                yield part.read_row_group(number)


def _folder(target: Path) -> Path:
    """Where the partitions' files wait to become ``target``."""
    return target.with_name(f".{target.name}.parts")


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return sha256_of(file)


def _plain(bound: int | RowPlace | None) -> int | list[int] | None:
    return list(bound) if isinstance(bound, tuple) else bound


def _frame(bound: int | list[int] | None) -> int | None:
    assert not isinstance(bound, list)
    return bound


def _place(bound: int | list[int] | None) -> RowPlace | None:
    assert not isinstance(bound, int)
    return (bound[0], bound[1]) if bound else None


def _day(text: str | None) -> dt.date | None:
    return dt.date.fromisoformat(text) if text else None
