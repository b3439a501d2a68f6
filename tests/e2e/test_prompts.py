"""prompt_engineering beyond Figure 4, on a twin: ensembles by size, a chosen subset, classes that share a label."""

import json
from pathlib import Path

import numpy as np
import pytest

from test_shift import write
from test_studies_of_twins import LEARNT, records_of
from whole_run import ROOT, Project

TEMPLATES = ["{}", "a photo of a {}.", "a drawing of a {}.", "the {}.", "art of the {}."]


def with_prompts(project: Project, document: dict) -> None:
    """A data folder of the project's own, whose prompts are the real ones and those of the set "own"."""
    data = project.folder / "data"
    data.unlink()
    (data / "prompts").mkdir(parents=True)
    for part in (ROOT / "data").iterdir():
        if part.name != "prompts":
            (data / part.name).symlink_to(part)
    for part in (ROOT / "data/prompts").iterdir():
        (data / "prompts" / part.name).symlink_to(part)
    (data / "prompts/own.json").write_text(json.dumps(document))


def test_sizes_subsets_and_shared_labels(project: Project, tmp_path: Path):
    sets = tmp_path / "sets"
    write(sets / "own", ("train", "test"), grey=False, seed=1)
    with_prompts(project, {"classes": {c: [c] for c in ("bird", "car", "ship")}, "own_names": {"bird": "crane", "car": "crane", "ship": "ship"},
                           "templates": TEMPLATES, "subsets": {"all": TEMPLATES, "1": TEMPLATES[1:2]}})
    words = ("prompt_engineering/smoke", "--eval.datasets", "own", "--prompt_engineering.extra_datasets", "", "--train.arch", "vit-test", *LEARNT)
    records, file = records_of(project, sets, *words, "--prompt_engineering.draws", "12")
    with file:
        points = file["arrays/templates/own/vit-test"][:]
        classes = file["arrays/classes/own/vit-test"][:]
    top1 = {params: values for (data, model, method, metric, params), values in records.items()
            if (data, model, method, metric) == ("own", "vit-test", "zero-shot", "top1")}
    assert set(top1) == {"prompts=name-only", "prompts=one-template", "prompts=ensemble", "templates=1", "templates=2", "templates=4", "subset=all", "subset=1",
                         "names=own, prompts=name-only", "names=own, prompts=one-template"}
    # Every template alone, then 12 draws of two and of four; the same pictures, hence multiples of 1/90 and no rounding.
    assert points[:, 0].tolist() == [1] * 5 + [2] * 12 + [4] * 12
    assert points[0, 2] == top1["prompts=name-only"][0] and points[1, 2] == top1["prompts=one-template"][0]
    for size in (1, 2, 4):
        drawn = points[points[:, 0] == size, 2]
        value, low, high, n = top1[f"templates={size}"]
        half = 1.96 * drawn.std(ddof=1) / np.sqrt(len(drawn))
        assert value == pytest.approx(drawn.mean(), abs=1e-9) and n == len(drawn)  # of the draws' spread and the pictures' sampling
        assert low < max(0, value - half) + 1e-9 and high > min(1, value + half) - 1e-9 and high - low > 1.96 * np.sqrt(value * (1 - value) / 90)
    assert top1["subset=all"] == top1["prompts=ensemble"] and top1["subset=1"] == top1["prompts=one-template"]
    assert records["own", "vit-test", "zero-shot", "gain_over_ensemble", "subset=all"][0] == 0
    # By one label for two classes no classifier tells them apart: the first gets all that either would get.
    assert classes[:, 1].tolist() == [30] * 3 and classes[:, 2].tolist() == [2, 2, 1] and classes[1, 5:].tolist() == [0, 0]
    for prompts, column in (("name-only", 3), ("one-template", 4)):
        chosen, own = f"prompts={prompts}", f"names=own, prompts={prompts}"
        assert classes[:, column].sum() == pytest.approx(90 * top1[chosen][0]) and classes[:, column + 2].sum() == pytest.approx(90 * top1[own][0])
        for names, at in ((chosen, column), (own, column + 2)):
            value, *_, n = records["own", "vit-test", "zero-shot", "top1_shared_label", names]
            assert n == 60 and value == pytest.approx(classes[:2, at].sum() / 60)
        gain, low, high, n = records["own", "vit-test", "zero-shot", "gain_over_own_names", chosen]
        assert gain == pytest.approx(top1[chosen][0] - top1[own][0], abs=1e-12) and low <= gain <= high and n == 90
    of_one = records["", "vit-test", "zero-shot", "top1", "prompts=ensemble, summary=mean"]
    assert of_one == pytest.approx(top1["prompts=ensemble"], abs=1e-12)  # of one data set: interval and n too
    none, file = records_of(project, sets, *words, "--prompt_engineering.draws", "0")
    with file:
        assert "templates" not in file["arrays"]
    assert not any(params.startswith("templates=") for *_, params in none)


def test_a_bad_prompt_file_is_one_line(project: Project, tmp_path: Path):
    sets = tmp_path / "sets"
    write(sets / "own", ("train", "test"), grey=False, seed=1)
    with_prompts(project, {"classes": "own", "templates": TEMPLATES, "subsets": {"x": ["an {}"]}})
    done = project.run("run", "prompt_engineering/smoke", "--data-root", str(sets), "--eval.datasets", "own", "--prompt_engineering.extra_datasets", "",
                       "--train.arch", "vit-test")
    assert done.returncode == 1 and "own.json: in subset 'x' the template 'an {}' that is not among the templates" in done.stderr


@pytest.mark.parametrize("study", ["prompt_engineering", "zero_shot_vs_probe"])
def test_a_set_named_twice_is_scored_once(project: Project, tmp_path: Path, study: str):
    sets = tmp_path / "sets"
    write(sets / "own", ("train", "test"), grey=False, seed=1)
    records, file = records_of(project, sets, f"{study}/smoke", "--eval.datasets", "own", f"--{study}.extra_datasets", "own", "--train.arch", "vit-test")
    with file:
        assert len(file["records/value"]) == len(records)  # no key twice
