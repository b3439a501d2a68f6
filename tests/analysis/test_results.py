"""A result file is read whole or refused with one line that names it."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from clean import NAME, cleaned
from conftest import PROJECT
from fake_run import edited, row, seal, write
from params import to_text
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


ADVICE = "; delete it; the same run command makes it again"
DAMAGED, UNSEALED, SHORT = "bytes that do not match its checksum", "no checksum at its end", "too short for a result file"


def test_a_flipped_bit_anywhere_is_seen(file: Path) -> None:
    """Each 97th byte, so that every object of the file is met, and every byte of the seal."""
    whole = file.read_bytes()
    data = len(whole) - 81
    for at in [*range(0, data, 97), *range(data - 20, len(whole))]:
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1:])
        refused(file, UNSEALED if data <= at < data + 16 else DAMAGED, ADVICE)
    file.write_bytes(whole)
    assert len(read_results(file).records) == 1


def test_a_file_that_is_cut_or_empty_or_without_seal_is_refused(file: Path) -> None:
    whole = file.read_bytes()
    for size, said in ((0, SHORT), (1, SHORT), (80, SHORT), (81, UNSEALED), (700, UNSEALED), (len(whole) // 2, UNSEALED), (len(whole) - 81, UNSEALED),
                       (len(whole) - 1, UNSEALED)):
        file.write_bytes(whole[:size])
        refused(file, said, ADVICE)
    for more, said in ((b"\n", UNSEALED), (whole[-81:], DAMAGED)):
        file.write_bytes(whole + more)
        refused(file, said)
    file.write_text("no results")
    refused(file, SHORT)
    file.write_bytes(b"x" * 1000)
    refused(seal(file), "cannot be read as HDF5", ADVICE)


def test_damage_after_the_file_was_opened_is_seen(file: Path) -> None:
    result, whole = read_results(file), file.read_bytes()
    file.write_bytes(whole[:1000] + b"X" + whole[1001:])
    with pytest.raises(ResultError, match=DAMAGED):
        result.array("probe/mnist/ViT-B/32/sweep")
    file.write_bytes(whole)
    assert len(result.array("probe/mnist/ViT-B/32/sweep")) == 2
    file.unlink()
    with pytest.raises(ResultError, match="cannot be read .No such file"):
        result.array("probe/mnist/ViT-B/32/sweep")


def test_the_advice_names_what_brings_the_file_back(tmp_path: Path) -> None:
    for name, advice in (("runs/a-1/train_vit-s.h5", ADVICE), ("models/vit-s-1/train.h5", "; delete its folder; the same run command trains the model again"),
                         ("published/ocr.h5", "; bring it back by `git checkout -- results/published/ocr.h5`")):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
        refused(path, advice)


def test_results_of_the_program_are_sealed_as_here() -> None:
    for path in sorted((PROJECT / "results" / "published").glob("*.h5")):
        assert len(read_results(path).records), path


def test_texts_of_strangers_are_cleaned_where_they_are_read(tmp_path: Path) -> None:
    bad = "a\x1b[31m\u202eb\nc"
    path = write(tmp_path / "run" / "a.h5", "ocr\x01", [row(bad, "m" * 5000, "zero-shot", "top1", 0.5, {bad: "\udcff"})], {
        "scores": (["label\u2066", "rank"], [[0.0, 1.0]], {"dataset": bad})}, config="a = 1\nb = \x07\n", **{f"dataset {bad}": "x\u200f"})
    result, name = read_results(path), "a\\x1b[31m\\u202eb c"
    assert result.experiment == "ocr\\x01" and result.config == "a = 1\nb = \\x07\n"
    assert result.records.loc[0, "dataset"] == name and len(result.records.loc[0, "model"]) == NAME and result.records.loc[0, "model"].startswith("mmm")
    assert result.records.loc[0, "params"] == to_text({name: "\\xff"}) and result.provenance[f"dataset {name}"] == "x\\u200f"
    assert result.array("scores").columns.tolist() == ["label\\u2066", "rank"] and result.arrays(dataset=name) == ["scores"]


def test_cleaned_keeps_names_apart_and_every_script() -> None:
    kept = ["fashion_mnist", "模型", "نوروز\u200cها", "👩\u200d🚒", "é $x$ <b> & # @ ` * _ \\", ""]
    assert [cleaned(text) for text in kept] == kept
    assert cleaned("x" * NAME) == "x" * NAME and len({cleaned("x" * 5000 + end) for end in "abc"}) == 3
    every = "".join(map(chr, range(0x11000))) + "\udcff\U0001ffff"
    line = cleaned(every, 10**7)
    assert not {unicodedata.category(c) for c in line} & {"Cc", "Cs", "Zl", "Zp"}
    assert "\\x1b" in line and "\\xff" in line and not set(line) & set("\x00\x1b\x7f\x9b\n\u202e\u2066\ufeff\uffff\ud800\udfff\U0001ffff")
    line.encode("utf-8")


@pytest.mark.parametrize("column", ["dataset", "params", "unit", "value", "n"])
def test_missing_column_is_named(file: Path, column: str) -> None:
    with edited(file) as content:
        del content[f"records/{column}"]
    refused(file, f"/records/{column}", "missing")


def test_columns_of_different_length_are_refused(file: Path) -> None:
    with edited(file) as content:
        del content["records/n"]
        content["records"].create_dataset("n", data=[1, 2])
    refused(file, "length")


def test_wrong_type_is_refused(file: Path) -> None:
    with edited(file) as content:
        del content["records/n"]
        content["records"].create_dataset("n", data=[1.5])
    refused(file, "/records/n", "expected integers")


def test_other_schema_version_is_refused(file: Path) -> None:
    with edited(file) as content:
        content.attrs["schema_version"] = 1
    refused(file, "schema 1, expected 2; delete it; the same run command makes it again")


def test_percent_in_place_of_a_fraction_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", "zero_shot_vs_probe", [row("mnist", "vit-s", "zero-shot", "top1", 72.1, width=0.0)])
    refused(path, "72.1", "fraction")


@pytest.mark.parametrize(("metric", "value", "unit", "expected"), [
    ("within_25km", 43.0, "fraction", "a fraction in [0, 1]"), ("own_metric", -0.1, "fraction", "a fraction in [0, 1]"),
    ("gain", 2.6, "fraction difference", "a fraction difference in [-1, 1]"), ("p_value", 1.5, "p-value", "a p-value in [0, 1]"),
    ("wins", -1.0, "count", "a count in [0, inf]"), ("top1", 0.5, "", "a unit")])
def test_every_metric_is_checked_by_its_unit(tmp_path: Path, metric: str, value: float, unit: str, expected: str) -> None:
    path = write(tmp_path / "a.h5", "geolocalization", [row("im2gps", "vit-s", "nearest-neighbour", metric, value, width=0.0)])
    with edited(path) as content:
        content["records/unit"][0] = unit
    refused(path, f"record 0 has {metric} = {value:g}", expected)


def test_units_without_bounds_have_any_value(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", "geolocalization", [row("im2gps", "vit-s", "nearest-neighbour", "median", 812.5, width=0.0)])
    with edited(path) as content:
        content["records/unit"][0] = "km"
    assert read_results(path).records["value"].tolist() == [812.5]


@pytest.mark.parametrize("text", ["shots=4", "[]", '{"shots": 4}', ""])
def test_params_that_are_no_object_of_texts_are_refused(file: Path, text: str) -> None:
    with edited(file) as content:
        content["records/params"][0] = text
    refused(file, "record 0 has params", "a JSON object of texts")


def test_array_without_columns_is_refused(file: Path) -> None:
    with edited(file) as content:
        content["arrays"].create_dataset("curve", data=[[1.0]])
    refused(file, "/arrays/curve", "columns")


def test_run_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="no .h5 file"):
        read_run(tmp_path / "absent")
