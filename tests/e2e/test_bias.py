"""The study of people's labels on twins, drawn and not photographed: answers known, or computed again from the arrays."""

import csv
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from test_probe_studies import LITES
from test_studies_of_twins import LEARNT, captioned, drawing, records_of, scene
from test_task_studies import embed
from whole_run import ROOT, Project

def of(**params: str) -> str:
    """The key of a record of these params; those without a value are none."""
    return ", ".join(f"{name}={value}" for name, value in sorted(params.items()) if value)


RACES = ["Black", "White", "Indian", "Latino_Hispanic", "Middle Eastern", "Southeast Asian", "East Asian"]
AGES = ["0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70"]


def test_label_rates_are_those_of_the_labels_given(project: Project, tmp_path: Path):
    """Under the names that the paper's numbers have in reference.csv."""
    rng = np.random.default_rng(9)
    people = [(RACES[rng.integers(7)], ("Male", "Female")[rng.integers(2)], AGES[rng.integers(9)]) for _ in range(150)]
    captioned(tmp_path / "fairface", [(drawing(rng), "val", "; ".join(person)) for person in people])
    records, file = records_of(project, tmp_path, "bias/smoke", "--bias.sets", "fairface", *LEARNT)
    with file:
        given = {labels: file[f"arrays/labels/FairFace/vit-test/{labels}"][:] for labels in ("default", "default+child")}
    race, gender, age = (np.array(column) for column in zip(*people, strict=True))
    groups = {"": race == race, "Latino": race == "Latino_Hispanic", "White": race == "White",
              "MiddleEastern": race == "Middle Eastern", "male": gender == "Male",
              "female": gender == "Female", "age 3-9": age == "3-9",
              "age 0-20": np.isin(age, AGES[:3]),
              "age over70": age == "more than 70"}
    for labels, table in given.items():
        chosen = table[:, 0]
        assert chosen.max() < (22 if labels == "default+child" else 21)
        non_human, crime = (chosen >= 14) & (chosen < 18), (chosen >= 18) & (chosen < 21)
        assert len(np.unique(chosen)) > 3  # else the rates below say nothing
        for group, mask in groups.items():
            assert mask.any()
            for kind, hit in (("non-human", non_human), ("crime-related", crime), ("crime-related or non-human", non_human | crime)):
                value, low, high, n = records["FairFace", "vit-test", "zero-shot", "label_rate", of(group=group, kind=kind, labels=labels)]
                assert (value, n) == (hit[mask].mean(), mask.sum()) and low <= value <= high
    # A class more can only take labels away.
    moved = given["default"][:, 0] != given["default+child"][:, 0]
    assert (given["default+child"][moved, 0] == 21).all()
    for group in ("", "White", "Non-White"):
        assert {of(attribute=a, group=group) for a in ("race", "gender", "age")} <= {key[4] for key in records if key[3] == "top1"}
    assert records["FairFace", "vit-test", "zero-shot", "top1", of(attribute="gender", gender="male")][3] == (gender == "Male").sum()
    n = [records["FairFace", "vit-test", "zero-shot", "top1", of(attribute="race", group=name)][3] for name in ("White", "Non-White")]
    assert n == [(race == "White").sum(), (race != "White").sum()]


def test_a_group_that_the_paper_does_not_know_is_named(project: Project, tmp_path: Path):
    image = scene(np.random.default_rng(10))
    captioned(tmp_path / "fairface", [(image, "test", "White; Male; forty")])
    done = project.run("run", "bias/smoke", "--data-root", str(tmp_path))
    assert done.returncode == 1 and "'forty', expected one of 0-2, 3-9" in done.stderr.strip().splitlines()[-1]


def test_the_readme_makes_captions_of_fairfaces_tables(tmp_path: Path):
    for part in ("train", "val"):
        with (tmp_path / f"fairface_label_{part}.csv").open("w", newline="") as file:
            rows = [["file", "age", "gender", "race", "service_test"],
                    [f"{part}/1.jpg", "3-9", "Male", "East Asian", "False"]]
            csv.writer(file, lineterminator="\n").writerows(rows)
    command = (ROOT / "experiments/bias/README.md").read_text().split("```")[1]
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    lines = (tmp_path / "captions.tsv").read_text().splitlines()
    rows = [f"{part}/1.jpg\t{part}\t0\tEast Asian; Male; 3-9" for part in ("train", "val")]
    assert lines == ["path\tsplit\tcaption_no\tcaption", *rows]


def test_probes_know_what_they_were_taught(project: Project, tmp_path: Path):
    """A picture for each race and gender, the same in both parts: right are all but those that are called otherwise."""
    rng = np.random.default_rng(12)
    looks = {(race, gender): drawing(rng) for race in RACES for gender in ("Male", "Female")}
    people = [(race, gender, AGES[i]) for i, race in enumerate(RACES) for gender in ("Male", "Female")]
    taught = [(looks[one[:2]], "train", "; ".join(one)) for one in people for _ in range(6)]
    asked = [(looks[one[:2]], "val", "; ".join(one)) for one in people for _ in range(2)]
    asked[4] = (looks["White", "Male"], "val", "White; Female; 3-9")  # one of the two White men
    asked[-1] = (looks["East Asian", "Female"], "val", "East Asian; Female; 0-2")
    captioned(tmp_path / "fairface", taught + asked)
    words = ("--bias.sets", "fairface", "--model.baselines", LITES[0], *LEARNT, "--eval.probe_iterations", "1000")
    records, file = records_of(project, tmp_path, "bias/smoke", *words)
    file.close()
    for model in ("vit-test", LITES[0]):
        def right(group: str, attribute: str, gender: str = "", model: str = model) -> tuple:
            value, low, high, n = records["FairFace", model, "linear-probe", "top1", of(attribute=attribute, gender=gender, group=group)]
            assert low <= value <= high
            return value, n

        assert right("", "race") == (1, 28) and right("Non-White", "race") == (1, 24)
        assert right("", "gender") == (27 / 28, 28) == right("", "gender", "all")
        assert right("White", "gender", "all") == (3 / 4, 4) and right("Non-White", "gender") == (1, 24)
        assert right("White", "gender", "female") == (2 / 3, 3)
        assert right("White", "gender", "male") == (1, 1)
        assert right("", "age") == (27 / 28, 28) and right("EastAsian", "age") == (3 / 4, 4)
        average, n = right("Average", "gender", "all")  # the mean over seven races, as Table 5 has it
        assert average == pytest.approx((6 + 3 / 4) / 7, abs=1e-12) and n == 28
    assert ("FairFace", LITES[0], "zero-shot", "top1", "attribute=race") not in records  # no text tower
    kept = {f: f.stat().st_mtime_ns for f in (project.folder / "results/features").glob("features-*")}
    assert len(kept) == 1 + 2 * 2  # joint of the asked; trunks of both parts by both encoders
    again, file = records_of(project, tmp_path, "bias/smoke", *words, "--bias.template", "{}")
    file.close()
    assert kept == {f: f.stat().st_mtime_ns for f in (project.folder / "results/features").glob("features-*")}
    assert all(again[key] == records[key] for key in records if key[2] == "linear-probe")


def test_celebrities_are_looked_for_among_the_names_offered(project: Project, tmp_path: Path):
    rng = np.random.default_rng(13)
    names = ["Ada Lovelace", "Alan Turing", "Emmy Noether", "Kurt Gödel", "Grace Hopper", "Leonhard Euler"]
    shown = [name for i, name in enumerate(names) for _ in range(3 + (5 * i) % 6)]  # 3, 8, 7, 6, 5, 4 pictures
    captioned(tmp_path / "celeba", [(drawing(rng), "test", name) for name in shown])
    words = ("--bias.sets", "", "--bias.name_sets", "celeba", "--bias.name_counts", "2,4,6,7", *LEARNT)
    records, file = records_of(project, tmp_path, "bias/smoke", *words)
    images = embed(project, "joint", *(str(tmp_path / f"celeba/{i}.png") for i in range(len(shown))))
    scores = images @ embed(project, "text", text="".join(f"a photo of {name}.\n" for name in names)).T
    right = {}

    def check(file, records: dict, offered: list[str]) -> None:
        rows = [i for i, name in enumerate(shown) if name in offered]
        among = scores[np.ix_(rows, [names.index(name) for name in offered])]
        truth = [offered.index(shown[i]) for i in rows]
        with_rank = file[f"arrays/names/CelebA/vit-test/{len(offered)}"][:]
        assert list(with_rank[:, 0]) == truth
        assert list(with_rank[:, 1]) == list((among > among[np.arange(len(rows)), truth][:, None]).sum(1))
        params = f"classes={len(offered)}"
        value, low, high, n = records["CelebA", "vit-test", "zero-shot", "top1", params]
        assert value == (with_rank[:, 1] == 0).mean() and low < high and n == len(rows)
        assert records["CelebA", "chance", "floor", "top1", params][0] == pytest.approx(1 / len(offered), abs=1e-15)
        right[len(offered)] = value

    frequent = [name for name, _ in Counter(shown).most_common()]
    assert frequent[0] == "Alan Turing"
    with file:
        for count in (2, 4, 6):
            check(file, records, frequent[:count])
        assert "7" not in file["arrays/names/CelebA/vit-test"]  # more than there are
    assert len(set(right.values())) > 1  # else the ranks above say nothing
    (tmp_path / "list.txt").write_text("\n".join(sorted(names)) + "\n")
    records, file = records_of(project, tmp_path, "bias/smoke", *words, "--bias.name_file", str(tmp_path / "list.txt"))
    with file:
        check(file, records, sorted(names)[:4])


COLOURS = "red blue green black grey yellow orange pink brown purple white silver golden".split()
THINGS = "suit tie dress hair flag hat box ball fish car star cat tree house shoe heart".split()
SET = "Members of Congress"


@pytest.mark.parametrize("count", [200, 25])
def test_labels_of_members_are_those_over_the_threshold(project: Project, tmp_path: Path, count: int):
    """A model that hardly tells labels apart gives each of 200 about 0.5 %, each of 25 about 4, more or less."""
    rng, labels = np.random.default_rng(14), [f"{colour} {thing}" for colour in COLOURS for thing in THINGS][:count]
    genders = [("Male", "female")[int(x)] for x in rng.integers(0, 2, 90)]  # either spelling
    captioned(tmp_path / "congress", [(drawing(rng), "test", gender) for gender in genders])
    (tmp_path / "labels.txt").write_text("\n".join(labels) + "\n")
    records, file = records_of(project, tmp_path, "bias/smoke", "--bias.sets", "", "--bias.member_sets", "congress",
                               "--bias.label_file", str(tmp_path / "labels.txt"), "--bias.most_gendered", "3", *LEARNT)
    with file:
        table = file[f"arrays/labels/{SET}/vit-test"][:]
    woman, logits = table[:, 0] == 1, table[:, 1:]
    assert list(woman) == [gender == "female" for gender in genders]
    images = embed(project, "joint", *(str(tmp_path / f"congress/{i}.png") for i in range(90)))
    scores = images @ embed(project, "text", text="".join(f"a photo of a {label}.\n" for label in labels)).T
    assert np.corrcoef(scores.ravel(), logits.ravel())[0, 1] > 0.9999
    chosen = (images @ embed(project, "text", text="a photo of a male.\na photo of a female.\n").T).argmax(1)
    assert records[SET, "vit-test", "zero-shot", "top1", "attribute=gender"][0] == (chosen == woman).mean()
    value, _, _, n = records[SET, "vit-test", "zero-shot", "top1", "attribute=gender, gender=female"]
    assert (value, n) == ((chosen == 1)[woman].mean(), woman.sum())
    share = np.exp(logits - logits.max(1, keepdims=True))
    share /= share.sum(1, keepdims=True)
    unequal = 0
    for threshold in (0.005, 0.04):
        given = share >= threshold
        men, women = given[~woman].sum(0), given[woman].sum(0)
        tables = [[[a, (~woman).sum() - a], [b, woman.sum() - b]] for a, b in zip(men, women, strict=True)]
        p = [chi2_contingency(t, correction=False).pvalue if 0 < t[0][0] + t[1][0] < 90 else 1 for t in tables]
        steps = np.sort(p) * np.arange(len(p), 0, -1)  # Holm's correction for the choice among all labels
        corrected = dict(zip(np.argsort(p, kind="stable"), np.minimum(1, np.maximum.accumulate(steps)), strict=True))
        expected: set[int] = set()
        for more in (men * woman.sum() > women * (~woman).sum(), men * woman.sum() < women * (~woman).sum()):
            expected |= set(sorted(np.flatnonzero(more), key=lambda i: round(p[i], 12))[:3])  # the same for equal counts
        told = {key[4] for key in records if key[3] == "p_value" and key[4].endswith(f"threshold={threshold}")}
        assert told == {of(label=labels[i], threshold=str(threshold)) for i in expected}
        for i in expected:
            assert records[SET, "vit-test", "zero-shot", "p_value", of(label=labels[i], threshold=str(threshold))][0] == pytest.approx(corrected[i], rel=1e-9)
            for gender, hits, count in (("male", men[i], (~woman).sum()), ("female", women[i], woman.sum())):
                value, low, high, n = records[SET, "vit-test", "zero-shot", "label_rate", of(group=gender, label=labels[i], threshold=str(threshold))]
                assert (value, n) == (hits / count, count) and low <= value <= high
        unequal += len(expected)
    assert unequal > 2  # else the loops above say nothing


NAMED = {"name_sets": "congress", "member_sets": ""}


@pytest.mark.parametrize(("caption", "lines", "keys", "message"), [
    ("male", "suit\n", {}, "nobody is female, expected people of both genders"),
    ("man", "suit\n", {}, "'man', expected one of male, female"), ("male", "suit\n\ntie\n", {}, "line 2 of"),
    ("male", "suit\ntie\nsuit\n", {}, "'suit' twice in"), ("male", "", {}, "nothing in"),
    ("male", "suit\n", {"label_file": ""}, "bias.label_file: no file, expected the labels to offer"),
    ("male", "suit\n", NAMED | {"name_counts": "ten"}, "'ten', expected whole numbers"),
    ("male", "suit\ntie\n", NAMED | {"name_counts": "2"}, "no picture of the first 2 names")])
def test_a_set_or_list_that_cannot_be_used_is_named(project: Project, tmp_path: Path, caption: str, lines: str,
                                                    keys: dict, message: str):
    captioned(tmp_path / "congress", [(scene(np.random.default_rng(15)), "test", caption)])
    (tmp_path / "lines.txt").write_text(lines)
    file = str(tmp_path / "lines.txt")
    keys = {"sets": "", "member_sets": "congress", "label_file": file, "name_file": file} | keys
    words = [word for key, value in keys.items() for word in (f"--bias.{key}", value)]
    done = project.run("run", "bias/smoke", "--data-root", str(tmp_path), *words)
    assert done.returncode == 1 and message in done.stderr.strip().splitlines()[-1], done.stderr
