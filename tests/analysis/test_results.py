"""A result file is read whole or refused with one line that names it."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest
from fake_run import row, write
from results import ResultError, read_results, read_run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    import numpy as np

    array = (["lambda", "validation_accuracy"], np.array([[0.1, 0.5], [1.0, 0.6]]))
    return write(tmp_path / "run" / "study.h5", "zero_shot_vs_probe", [row("mnist", "vit-s", "zero-shot", "top1", 0.25)],
                 {"probe/mnist/ViT-B/32/sweep": array}, dirty="yes")


def refused(path: Path, *words: str) -> None:
    with pytest.raises(ResultError) as caught:
        read_results(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    assert all(word in message for word in words), message


def test_records_provenance_and_arrays_are_read(file: Path) -> None:
    result = read_results(file)
    assert result.experiment == "zero_shot_vs_probe" and result.dirty and not result.smoke
    assert result.records.loc[0, ["dataset", "method", "value", "n"]].tolist() == ["mnist", "zero-shot", 0.25, 1000]
    assert result.array("probe/mnist/ViT-B/32/sweep")["validation_accuracy"].tolist() == [0.5, 0.6]


def test_truncated_file_is_refused(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:700])
    refused(file, "HDF5", "run the study again")


def test_file_of_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.h5"
    path.write_text("no results")
    refused(path, "HDF5")


@pytest.mark.parametrize("column", ["dataset", "params", "unit", "value", "n"])
def test_missing_column_is_named(file: Path, column: str) -> None:
    with h5py.File(file, "a") as content:
        del content[f"records/{column}"]
    refused(file, f"/records/{column}", "missing")


def test_columns_of_different_length_are_refused(file: Path) -> None:
    with h5py.File(file, "a") as content:
        del content["records/n"]
        content["records"].create_dataset("n", data=[1, 2])
    refused(file, "length")


def test_wrong_type_is_refused(file: Path) -> None:
    with h5py.File(file, "a") as content:
        del content["records/n"]
        content["records"].create_dataset("n", data=[1.5])
    refused(file, "/records/n", "expected integers")


def test_other_schema_version_is_refused(file: Path) -> None:
    with h5py.File(file, "a") as content:
        content.attrs["schema_version"] = 1
    refused(file, "schema 1, expected 2; run the config again")


def test_percent_in_place_of_a_fraction_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", "zero_shot_vs_probe", [row("mnist", "vit-s", "zero-shot", "top1", 72.1, width=0.0)])
    refused(path, "72.1", "fraction")


@pytest.mark.parametrize(("metric", "value", "unit", "expected"), [
    ("within_25km", 43.0, "fraction", "a fraction in [0, 1]"), ("own_metric", -0.1, "fraction", "a fraction in [0, 1]"),
    ("gain", 2.6, "fraction difference", "a fraction difference in [-1, 1]"), ("p_value", 1.5, "p-value", "a p-value in [0, 1]"),
    ("wins", -1.0, "count", "a count in [0, inf]"), ("top1", 0.5, "", "a unit")])
def test_every_metric_is_checked_by_its_unit(tmp_path: Path, metric: str, value: float, unit: str, expected: str) -> None:
    path = write(tmp_path / "a.h5", "geolocalization", [row("im2gps", "vit-s", "nearest-neighbour", metric, value, width=0.0)])
    with h5py.File(path, "a") as content:
        content["records/unit"][0] = unit
    refused(path, f"record 0 has {metric} = {value:g}", expected)


def test_units_without_bounds_have_any_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", "geolocalization", [row("im2gps", "vit-s", "nearest-neighbour", "median", 812.5, width=0.0)])
    with h5py.File(path, "a") as content:
        content["records/unit"][0] = "km"
    assert read_results(path).records["value"].tolist() == [812.5]


@pytest.mark.parametrize("text", ["shots=4", "[]", '{"shots": 4}', ""])
def test_params_that_are_no_object_of_texts_are_refused(file: Path, text: str) -> None:
    with h5py.File(file, "a") as content:
        content["records/params"][0] = text
    refused(file, "record 0 has params", "a JSON object of texts")


def test_array_without_columns_is_refused(file: Path) -> None:
    with h5py.File(file, "a") as content:
        content["arrays"].create_dataset("curve", data=[[1.0]])
    refused(file, "/arrays/curve", "columns")


def test_run_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="no .h5 file"):
        read_run(tmp_path / "absent")
