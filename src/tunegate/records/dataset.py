"""Opening datasets and going through their records."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from tunegate.errors import InputError
from tunegate.keys import Key
from tunegate.records.editing import ID_PURPOSE
from tunegate.records.files import inspect, rows
from tunegate.records.info import Spec, folder_specs, nearest_path, read_info, slice_bounds
from tunegate.records.layout import Layout, detect, nearest, required, shown
from tunegate.records.parse import UnreadableError, canonical
from tunegate.records.segments import segmenter
from tunegate.types import Json, Reason, Record, Segment, Skipped, Source

_SAMPLE = 100  # rows from which the layout of a file is detected
_SAMPLE_BYTES = 16 * 1024 * 1024
_SHOWN = 12  # column names in a message


class Dataset:
    """Records of one or several datasets, read afresh on each pass.

    Attributes:
        specs: What is read, in order.
        folder: The folder that holds it (the first one's, where there are several).
        skipped: What the last full pass could not read.
        max_samples: Rows that are read of each dataset at most; None for all.
    """

    def __init__(
        self,
        specs: Sequence[Spec],
        *,
        key: Key,
        subject_column: str | None,
        max_samples: int | None = None,
    ) -> None:
        self.specs = tuple(specs)
        self.folder = Path(self.specs[0].folder)
        self.skipped: list[Skipped] = []
        self._key = key
        self._subject_column = subject_column
        self.max_samples = max_samples
        self._chosen: dict[str, Collection[int]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The datasets' names, as in dataset_info.json; a file by itself goes by its stem."""
        return tuple(spec.name for spec in self.specs)

    def __iter__(self) -> Iterator[Record]:
        skipped: list[Skipped] = []
        seen: Counter[str] = Counter()
        for spec in self.specs:
            convert = self._converter(spec, seen)
            for source, raw in self._rows(spec):
                try:
                    if isinstance(raw, Reason):
                        skipped.append(Skipped(source=source, reason=raw))
                    else:
                        yield convert(source, raw)
                except UnreadableError as error:
                    skipped.append(Skipped(source=source, reason=error.reason))
        self.skipped = skipped

    def _converter(self, spec: Spec, seen: Counter[str]) -> Callable[[Source, Json], Record]:
        segments = segmenter(spec.layout or Layout())
        digest, subject_column = self._key.digest, self._subject_column

        def convert(source: Source, raw: Json) -> Record:
            found = read_object(raw, segments)
            content = digest(canonical(raw), purpose=ID_PURPOSE)
            occurrence = seen[content]
            seen[content] = occurrence + 1
            subject = None
            if subject_column is not None and (value := raw.get(subject_column)) is not None:
                text = value if isinstance(value, str) else canonical(value)
                subject = digest(text, purpose="subject")
            return Record(
                id=f"{content}-{occurrence}",
                source=source,
                raw=raw,
                segments=found,
                subject=subject,
            )

        return convert

    def _rows(self, spec: Spec) -> Iterator[tuple[Source, Json | Reason]]:
        """The dataset's rows: those that its `split` and `num_samples` choose, up to a bound."""
        yield from islice(self._chosen_rows(spec), self.max_samples)

    def _chosen_rows(self, spec: Spec) -> Iterator[tuple[Source, Json | Reason]]:
        if not spec.partial:
            yield from _all_rows(spec)
            return
        if spec.name not in self._chosen:
            self._chosen[spec.name] = _choose(spec, self._key)
        chosen = self._chosen[spec.name]
        for number, row in enumerate(_all_rows(spec)):
            if number in chosen:
                yield row


def open(
    path: str | Path | Sequence[str | Path],
    *,
    names: Sequence[str] = (),
    format: str = "auto",
    key: Key,
    subject_column: str | None = None,
    max_samples: int | None = None,
) -> Dataset:
    """Opens data files and LLaMA-Factory data folders, as LLaMA-Factory 0.9.5 reads them.

    A `split` slice is honoured. Of a dataset with `num_samples`, LLaMA-Factory trains on a fresh
    random choice each time; here the choice is bound to the key, so that what was scanned is what
    is written and trained. It never repeats records, as LLaMA-Factory does if there are too few.

    Args:
        path: A file, a folder with dataset_info.json, or several of them.
        names: The datasets to read; all local ones if empty.
        format: `auto`, or the format of the files given by themselves.
        key: Digests ids and subjects.
        subject_column: Column that says whom a record is about; only its digest is kept.
        max_samples: Of every dataset, read only so many rows from its beginning.

    Raises:
        InputError: Something does not exist, cannot be read, or yields no record at all.
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(item) for item in path]
    specs: list[Spec] = []
    for item in paths:
        if item.is_dir():
            specs += folder_specs(item, names)
        elif item.exists():
            specs.append(_file_spec(item, format, taken={spec.name for spec in specs}))
        else:
            raise InputError("path_missing", path=str(item), nearest=nearest_path(item))
    by_name = {spec.name: spec for spec in specs}
    if len(by_name) < len(specs):
        raise InputError("dataset_name_twice", paths=", ".join(map(str, paths)))
    if names:
        _check_names(names, known=by_name.keys() | _all_names(paths))
        specs = [by_name[name] for name in dict.fromkeys(names)]
    if not specs:
        raise InputError("no_dataset_given")
    checked = [_checked(spec, subject_column) for spec in specs]
    return Dataset(checked, key=key, subject_column=subject_column, max_samples=max_samples)


def read_object(
    raw: Json, segments: Callable[[dict[str, Json]], tuple[Segment, ...]]
) -> tuple[Segment, ...]:
    """The segments of a raw row; `UnreadableError` if it is no object or has the wrong shape."""
    if not isinstance(raw, dict):
        raise UnreadableError("not_an_object")
    return segments(raw)


def _all_rows(spec: Spec) -> Iterator[tuple[Source, Json | Reason]]:
    for file in spec.files:
        by_line, path, name = file.by_line, file.path, spec.name
        for at, row in rows(file):
            if by_line:
                yield Source(path=path, dataset=name, line=at), row
            else:
                yield Source(path=path, dataset=name, index=at), row


def _choose(spec: Spec, key: Key) -> Collection[int]:
    total = sum(1 for _ in _all_rows(spec))
    rows_of_split = slice_bounds(spec.split, total)
    if spec.num_samples is None or spec.num_samples >= len(rows_of_split):
        return rows_of_split
    rng = key.rng("num_samples", spec.name, total)
    return frozenset(rng.sample(rows_of_split, spec.num_samples))


def _file_spec(path: Path, format: str, *, taken: Collection[str]) -> Spec:
    name, number = path.stem, 1
    while name in taken:
        number += 1
        name = f"{path.stem}-{number}"
    file_name = path.name if number == 1 else f"{name}{path.suffix}"
    return Spec(
        name=name,
        folder=str(path.parent),
        file_name=file_name,
        files=(inspect(path, format=format),),
        targets=(file_name,),
    )


def _all_names(paths: Sequence[Path]) -> set[str]:
    return {name for path in paths if path.is_dir() for name in read_info(path)}


def _check_names(names: Sequence[str], *, known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, sorted(known), 1, 0.0)
            raise InputError("dataset_unknown", name=name, nearest=close[0] if close else "–")


def _checked(spec: Spec, subject_column: str | None) -> Spec:
    """`spec` with its layout, once it is sure that it yields records.

    Raises:
        InputError: No record can be read, or there is no such subject column.
    """
    head = _head(spec)
    columns = list(dict.fromkeys(name for raw in head for name in raw))
    layout = spec.layout or detect(head)
    if layout is None and columns:
        raise _columns_error(spec, columns, Layout())
    layout = layout or Layout()
    failure = _first_failure(spec, layout)
    if failure is not None:
        if columns and any(name not in columns for name in required(layout)):
            raise _columns_error(spec, columns, layout)
        place = failure.source.line if failure.source.line is not None else failure.source.index
        raise InputError(
            "no_record_readable",
            path=failure.source.path,
            place=place or 0,
            reason=failure.reason.code,
        )
    if subject_column is not None and subject_column not in columns:
        raise InputError(
            "subject_column_missing",
            path=spec.files[0].path,
            column=subject_column,
            found=_shown(columns),
            nearest=nearest([subject_column], columns),
        )
    return msgspec.structs.replace(spec, layout=layout)


def _head(spec: Spec) -> list[dict[str, Json]]:
    """The first objects: a hundred, or fewer if they are large."""
    head: list[dict[str, Json]] = []
    size = 0
    for _, raw in islice(_all_rows(spec), _SAMPLE):
        if isinstance(raw, dict):
            head.append(raw)
            size += len(canonical(raw))
            if size > _SAMPLE_BYTES:
                break
    return head


def _first_failure(spec: Spec, layout: Layout) -> Skipped | None:
    """None if a record can be read; else what was wrong with the first row.

    Raises:
        InputError: There is no row at all.
    """
    segments = segmenter(layout)
    first: Skipped | None = None
    for source, raw in _all_rows(spec):
        try:
            if not isinstance(raw, Reason):
                read_object(raw, segments)
                return None
            reason = raw
        except UnreadableError as error:
            reason = error.reason
        first = first or Skipped(source=source, reason=reason)
    if first is None:
        raise InputError("dataset_empty", path=spec.files[0].path)
    return first


def _columns_error(spec: Spec, columns: list[str], layout: Layout) -> InputError:
    wanted = required(layout)
    if spec.layout is None:
        wanted = ["instruction", "output", "messages", "conversations", "prompt", "text"]
    return InputError(
        "columns_wrong",
        path=spec.files[0].path,
        dataset=spec.name,
        expected=", ".join(wanted),
        found=_shown(columns),
        nearest=nearest(wanted, columns),
    )


def _shown(columns: Sequence[str]) -> str:
    names = ", ".join(shown(column) for column in columns[:_SHOWN])
    return names + (" …" if len(columns) > _SHOWN else "")
