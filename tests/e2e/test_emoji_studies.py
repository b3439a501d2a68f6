"""bias/small and geolocalization/small on the emoji that the project builds, with a model of a few steps."""

import csv
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from test_studies_of_twins import records_of
from whole_run import ROOT, Project

FEW_STEPS = ("--train.arch", "vit-test", "--train.steps", "6", "--train.batch", "64", "--train.warmup", "2", "--train.lr", "0.001")


def rows_of(table: str) -> list[dict[str, str]]:
    with (ROOT / "data/corpora" / table).open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def pictures_of(name: str) -> list[dict[str, str]]:
    """The pairs of a built set; each with its hand, and the name that its hand's set gives it."""
    found = rows_of(f"{name}/captions.tsv")
    for row in found:
        row["hand"], _, file = row["path"].partition("/")
        row["name"] = names_of(row["hand"])[file.removeprefix(row["hand"] + "-")]
    return found


@cache
def names_of(hand: str) -> dict[str, str]:
    return {row["path"]: row["class"] for row in rows_of(f"{hand}/labels.tsv")}


def test_men_and_women_of_openmoji_get_labels(project: Project, tmp_path: Path):
    project.run("data", "fetch", "openmoji")  # its labels are the names
    records, file = records_of(project, tmp_path, "bias/small", *FEW_STEPS)
    labels = (ROOT / "experiments/bias/emoji_labels.txt").read_text().splitlines()
    with file:
        table = file["arrays/labels/emoji_people/vit-test"][:]
    people = pictures_of("emoji_people")
    women = sum(one["caption"] == "female" for one in people)
    named = [set(re.findall(r"\w+", one["name"])) for one in people]
    assert women == sum(bool({"woman", "women"} & words) for words in named) > 80 and not any({"man", "men"} & w and {"woman", "women"} & w for w in named)
    assert table.shape == (len(people), 1 + len(labels)) and table[:, 0].sum() == women
    for gender, count in (("female", women), ("male", len(people) - women)):
        assert records["emoji_people", "vit-test", "zero-shot", "top1", f"attribute=gender, gender={gender}"][3] == count
    told = {key[4] for key in records if key[3] == "p_value"}
    assert told <= {f"label={label}, threshold={t}" for label in labels for t in ("0.005", "0.04")}


def test_flags_by_two_hands_have_one_place_a_country(project: Project, tmp_path: Path):
    for hand in ("openmoji", "gemojione"):
        project.run("data", "fetch", hand)  # their labels are the names
    records, file = records_of(project, tmp_path, "geolocalization/small", *FEW_STEPS)
    with file:
        nearest, km = file["arrays/places/emoji_flags/vit-test"][:].T
    flags = pictures_of("emoji_flags")
    asked, known = ([f for f in flags if f["split"] == split] for split in ("test", "train"))
    place = {f["name"]: f["caption"] for f in known}
    both = [f for f in asked if f["name"] in place]
    assert len(asked) == len(nearest) > 230 and len(both) > 200 and all(f["caption"] == place[f["name"]] for f in both)
    assert {f["hand"] for f in asked} == {"openmoji"} and {f["hand"] for f in known} == {"gemojione"}
    latitude, longitude = np.radians([[float(x) for x in f["caption"].split()] for f in flags]).T
    vectors = np.stack([np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)], axis=1)
    index = {split: [i for i, f in enumerate(flags) if f["split"] == split] for split in ("test", "train")}
    angle = np.arccos(np.clip((vectors[index["test"]] * vectors[index["train"]][nearest.astype(int)]).sum(1), -1, 1))
    # The angle's cosine has 1e-16 of rounding: near 0 that is 1e-8 rad, 0.1 m.
    assert km == pytest.approx(6371.0088 * angle, abs=1e-3)
    for radius in (1, 25, 200, 750, 2500):
        assert records["emoji_flags", "vit-test", "nearest-neighbour", f"within_{radius}km", ""][0] == (km <= radius).mean()
