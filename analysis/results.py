"""Reads result files (HDF5, layout in results/README.md) into pandas, strictly.

A file that is damaged, incomplete or of another schema raises ResultError: one line that names the file. Each file ends with a
seal, the SHA-256 of all bytes before it (src/store/seal.cpp); it is checked before libhdf5 sees the file. A run is a folder of such files; the `experiment` attribute says what a file holds, not its name."""

from __future__ import annotations

import functools
import hashlib
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from clean import LINE, NAME, cleaned, cleaned_lines
from params import noted, parsed, to_text

SCHEMA_VERSION = 2
MARK = b"\ncliplab sha256 "
SEAL_BYTES = len(MARK) + 64 + 1
TEXT_COLUMNS = ("dataset", "split", "model", "method", "metric", "params", "unit")
NUMBER_COLUMNS = ("value", "ci_low", "ci_high", "n")
RATE = "fraction"  # the unit of rates and scores
RANGES = {RATE: (0, 1), "fraction difference": (-1, 1), "p-value": (0, 1), "count": (0, math.inf), "examples": (0, math.inf),
          "gflops": (0, math.inf), "pairs/s": (0, math.inf)}  # by unit; others have any value


class ResultError(Exception):
    """A result file that cannot be used; the message is one line and names the file."""

    def __init__(self, message: str) -> None:
        super().__init__(cleaned(message, LINE))


@dataclass
class ResultFile:
    """One study (or one training log) of one run."""

    path: Path
    experiment: str
    config: str
    provenance: dict[str, str]
    records: pd.DataFrame
    array_columns: dict[str, list[str]] = field(default_factory=dict)
    array_params: dict[str, Mapping[str, str]] = field(default_factory=dict)  # kind, dataset, model, ...
    left_out: list[tuple[str, str]] = field(default_factory=list)  # what was asked for and has no records, and why

    @property
    def name(self) -> str:
        return cleaned(self.path.name)

    @property
    def where(self) -> str:
        """"run/file.h5", which the report links to."""
        return f"{cleaned(self.path.parent.name)}/{self.name}"

    @property
    def smoke(self) -> bool:
        return self.provenance.get("smoke", "no") == "yes"

    @property
    def complete(self) -> bool:
        """False for a study that was stopped, or of which a set failed."""
        return self.provenance.get("complete", "yes") == "yes"

    @property
    def dirty(self) -> bool:
        return self.provenance.get("dirty", "no") == "yes"

    def arrays(self, **where: str) -> list[str]:
        """Names of the arrays whose params have these values."""
        return [name for name, params in self.array_params.items() if all(params.get(k, "") == v for k, v in where.items())]

    def array(self, name: str) -> pd.DataFrame:
        """The array `name` with its column names; read only now, since per-sample scores can be large."""
        with open_sealed(self.path) as file:
            try:
                return pd.DataFrame(file["arrays"][name][()], columns=self.array_columns[name])
            except (OSError, RuntimeError, KeyError, ValueError) as error:  # another file in its place
                raise ResultError(f"{self.path}: array '/arrays/{name}' cannot be read ({_one_line(error)}); {advice(self.path)}") from error


@dataclass
class Run:
    """All result files of one folder, training logs by architecture."""

    folder: Path
    files: list[ResultFile]

    @property
    def name(self) -> str:
        return cleaned(self.folder.name)

    def of(self, experiment: str) -> list[ResultFile]:
        return [f for f in self.files if f.experiment == experiment]

    def training(self) -> dict[str, ResultFile]:
        """By the name that the run gave the model."""
        return {f.provenance.get("label") or str(f.records["model"].iloc[0]): f for f in self.of("train")}

    def studies(self) -> list[ResultFile]:
        return [f for f in self.files if f.experiment != "train"]


def read_results(path: Path) -> ResultFile:
    """Reads and checks one file."""
    with open_sealed(path) as file:
        try:
            return _read(path, file)
        except ResultError:
            raise
        except Exception as error:  # whatever h5py says of a file that is odd inside
            raise ResultError(f"{path}: no result file inside ({type(error).__name__}: {_one_line(error)}); {advice(path)}") from error


def read_run(folder: Path) -> Run:
    """Reads every .h5 file of a folder, in order of name; the first that cannot be read is an error."""
    run, errors = _read_run(folder)
    if errors:
        raise errors[0]
    return run


def read_runs(folders: list[Path]) -> tuple[list[Run], list[str]]:
    """Each folder once, with what can be read; the messages of what cannot. An error only where nothing can."""
    runs, errors = [], []
    for folder in dict.fromkeys(folder.resolve() for folder in folders):
        try:
            run, unread = _read_run(folder)
        except ResultError as error:
            errors.append(error)
            continue
        errors += unread
        runs += [run] if run.files else []
    if not runs:
        raise errors[0]
    return runs, [str(error) for error in errors]


def _read_run(folder: Path) -> tuple[Run, list[ResultError]]:
    paths = sorted(folder.glob("*.h5")) if folder.is_dir() else []
    if not paths:
        raise ResultError(f"{folder}: no .h5 file, expected a run folder with one file per study")
    files, errors = [], []
    for path in paths:
        try:
            files.append(_with_sources(read_results(path)))
        except ResultError as error:
            errors.append(error)
    return Run(folder, files), errors


def _with_sources(file: ResultFile) -> ResultFile:
    """Each record knows its place, "run/file.h5#row": the report links a number to it."""
    file.records["file"] = file.where
    file.records["source"] = [f"{file.where}#{row}" for row in range(len(file.records))]
    return file


def advice(path: Path) -> str:
    """What brings a damaged file back."""
    if path.parent.name == "published":  # kept in git
        return f"bring it back by `git checkout -- results/published/{path.name}`"
    if path.name == "train.h5":  # with its model
        return "delete its folder; the same run command trains the model again"
    return "delete it; the same run command makes it again"


def open_sealed(path: Path) -> h5py.File:
    """The file, whose bytes are those of its seal."""
    try:
        if path.exists() and not path.is_file():  # a pipe would block
            raise ResultError(f"{path}: no regular file, expected a whole result file; {advice(path)}")
        facts = os.stat(path)
        damage = _damage(path, facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
    except OSError as error:
        raise ResultError(f"{path}: cannot be read ({error.strerror or _one_line(error)}), expected a whole result file") from error
    if damage:
        raise ResultError(f"{path}: {damage}, expected a whole file that cliplab wrote; {advice(path)}")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ResultError(f"{path}: cannot be read as HDF5 ({_one_line(error)}), expected a whole result file; {advice(path)}") from error


@functools.lru_cache(maxsize=4096)
def _damage(path: Path, *_: int) -> str:
    """What is wrong with the seal, "" if nothing. Files are opened once an array: the facts of a file that did not change stand for its bytes."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size < SEAL_BYTES:
            return "too short for a result file"
        file.seek(size - SEAL_BYTES)
        seal = file.read(SEAL_BYTES)
        if not seal.startswith(MARK):
            return "no checksum at its end (cut short, or written by another program)"
        file.seek(0)
        digest, left = hashlib.sha256(), size - SEAL_BYTES
        while left and (block := file.read(min(left, 1 << 20))):
            digest.update(block)
            left -= len(block)
    return "" if seal == MARK + digest.hexdigest().encode() + b"\n" else "bytes that do not match its checksum (damaged)"


def _read(path: Path, file: h5py.File) -> ResultFile:
    version = _text(file.attrs.get("schema_version", "none"))
    if version != str(SCHEMA_VERSION):
        raise ResultError(f"{path}: schema {version}, expected {SCHEMA_VERSION}; {advice(path)}")
    for name in ("experiment", "config"):
        if name not in file.attrs:
            raise ResultError(f"{path}: attribute '{name}' is missing, expected it at the root")
    for name in ("records", "provenance"):
        if not isinstance(file.get(name), h5py.Group):
            raise ResultError(f"{path}: group '/{name}' is missing")
    provenance = {_key(_decoded(key)): _text(value, LINE) for key, value in file["provenance"].attrs.items()}
    records = _read_records(path, file["records"])
    columns, params = _arrays(path, file)
    config = cleaned_lines(_decoded(file.attrs["config"]))
    return ResultFile(path, _text(file.attrs["experiment"]), config, provenance, records, columns, params, _left_out(path, file))


def _left_out(path: Path, file: h5py.File) -> list[tuple[str, str]]:
    if "left_out" not in file:
        return []
    group = file["left_out"]
    if not isinstance(group, h5py.Group) or not {"name", "reason"} <= set(group):
        raise ResultError(f"{path}: /left_out without name and reason, expected both columns")
    names, reasons = ([_text(value, limit) for value in group[column][()]] for column, limit in (("name", NAME), ("reason", LINE)))
    if len(names) != len(reasons):
        raise ResultError(f"{path}: /left_out has {len(names)} names and {len(reasons)} reasons, expected as many")
    return list(zip(names, reasons, strict=True))


def _read_records(path: Path, group: h5py.Group) -> pd.DataFrame:
    columns: dict[str, object] = {}
    for name in TEXT_COLUMNS + NUMBER_COLUMNS:
        if not isinstance(group.get(name), h5py.Dataset):
            raise ResultError(f"{path}: column '/records/{name}' is missing")
        data = group[name]
        if data.ndim != 1:
            raise ResultError(f"{path}: column '/records/{name}' has {data.ndim} dimensions, expected 1")
        columns[name] = _column(path, name, data)
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ResultError(f"{path}: columns of /records differ in length: {lengths}")
    frame = pd.DataFrame(columns).astype(dict.fromkeys(TEXT_COLUMNS, "str"))  # text where there is no record too
    frame["params"] = _cleaned_params(path, frame)
    frame = noted(frame)
    _check_units(path, frame)
    return frame


def _column(path: Path, name: str, data: h5py.Dataset) -> list[str] | np.ndarray:
    if name in TEXT_COLUMNS:
        if h5py.check_string_dtype(data.dtype) is None:
            raise ResultError(f"{path}: column '/records/{name}' has type {data.dtype}, expected UTF-8 strings")
        return [_decoded(value) if name == "params" else _text(value) for value in data[()]]
    kind = "iu" if name == "n" else "f"
    if data.dtype.kind not in kind:
        expected = "integers" if name == "n" else "float64"
        raise ResultError(f"{path}: column '/records/{name}' has type {data.dtype}, expected {expected}")
    return data[()]


def _cleaned_params(path: Path, frame: pd.DataFrame) -> pd.Series:
    texts = {}
    for text in frame["params"].unique():
        values = _params(f"{path}: record {frame.index[frame['params'] == text][0]}", text)
        texts[text] = text if values == parsed(text) else to_text(values)
    return frame["params"].map(texts).astype("str")


def _params(where: str, text: str) -> Mapping[str, str]:
    try:
        return {cleaned(k): cleaned(v) for k, v in parsed(text).items()}
    except ValueError as error:
        raise ResultError(f"{where} has params {text[:80]!r}, expected a JSON object of texts") from error


def _check_units(path: Path, frame: pd.DataFrame) -> None:
    for unit, rows in frame.groupby("unit", sort=False):
        low, high = RANGES.get(str(unit), (-math.inf, math.inf))
        wrong = rows[(rows["value"] < low) | (rows["value"] > high) | (unit == "")]
        if len(wrong):
            row = wrong.iloc[0]
            expected = f"a {unit} in [{low:g}, {high:g}]" if unit else "a unit"
            raise ResultError(f"{path}: record {wrong.index[0]} has {row.metric} = {row.value:g}, expected {expected}")


def _arrays(path: Path, file: h5py.File) -> tuple[dict[str, list[str]], dict[str, Mapping[str, str]]]:
    """Column names and params of every dataset below /arrays; the values stay on disk."""
    found: dict[str, list[str]] = {}
    about: dict[str, Mapping[str, str]] = {}

    def visit(name: str, item: object) -> None:
        if not isinstance(item, h5py.Dataset):
            return
        names = item.attrs.get("columns")
        if names is None:
            raise ResultError(f"{path}: array '/arrays/{name}' has no attribute 'columns'")
        columns = [_text(c) for c in np.atleast_1d(names)]
        if item.ndim != 2 or item.shape[1] != len(columns):
            raise ResultError(f"{path}: array '/arrays/{name}' has shape {item.shape}, expected {len(columns)} columns")
        found[name] = columns
        about[name] = _params(f"{path}: array '/arrays/{name}'", _decoded(item.attrs.get("params", "{}")))

    if "arrays" in file:
        file["arrays"].visititems(visit)
    return found, about


def _decoded(value: object) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def _text(value: object, limit: int = NAME) -> str:
    return cleaned(_decoded(value), limit)


def _key(name: str) -> str:
    """Of provenance: "dataset NAME" and "model NAME" hold the name as the records have it."""
    kind, blank, rest = name.partition(" ")
    return cleaned(kind) + blank + cleaned(rest)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:160]
