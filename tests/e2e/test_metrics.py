"""Each data set is scored by the metric that the paper reports of it: whole runs on small twins, held against scikit-learn."""

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import accuracy_score, balanced_accuracy_score, precision_recall_curve, roc_auc_score

CONFIG = """studies = zero_shot_vs_probe, distribution_shift
smoke = true
[train]
arch = vit-test
augment = drawings
steps = 6
batch = 64
warmup = 2
[eval]
datasets = pets, kinetics700, hateful_memes, voc2007
probe_iterations = 20
[zero_shot_vs_probe]
extra_datasets = video
[distribution_shift]
pairs = many>few, breeds>video
shares = 2
draws = 2
"""
VOC = ["cat", "dog", "person"]


def picture(rng, label):
    pixels = rng.integers(0, 120, (24, 24, 3))
    pixels[:, :, label % 3] += 40 * (label // 3 + 1)  # learnable, not perfectly
    return Image.fromarray(np.clip(pixels + rng.normal(0, 60) + rng.normal(0, 30, 3), 0, 255).astype(np.uint8))


def write_folders(root, name, splits, classes, each, rng):
    for split in splits:
        for c, label in enumerate(classes):
            folder = root / name / split / label
            folder.mkdir(parents=True)
            for i in range(each + c):  # unbalanced: the mean over classes is not the accuracy
                picture(rng, c).save(folder / f"{i}.png")


def write_voc(root, rng):
    base = root / "voc2007"
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (base / folder).mkdir(parents=True)
    for split, count in (("trainval", 40), ("test", 30)):
        names = []
        for i in range(count):
            name, chosen = f"{split}{i:03}", set(rng.choice(3, rng.integers(1, 3), replace=False).tolist()) | {i % 3}
            names.append(name)
            picture(rng, min(chosen)).save(base / "JPEGImages" / f"{name}.jpg")
            objects = "".join(f"<object><name>{VOC[c]}</name><difficult>{int(c != i % 3 and i % 4 == 0)}</difficult></object>" for c in sorted(chosen))
            (base / "Annotations" / f"{name}.xml").write_text(f"<annotation>{objects}</annotation>")
        (base / "ImageSets/Main" / f"{split}.txt").write_text("\n".join(names) + "\n")


def write_clips(root, rng):
    """Super-classes of `breeds`: 6 clips of an anchor and two frames beside it, one frame that shows another class."""
    base = root / "video"
    clips, labels = {}, {}
    for clip in range(6):
        keys = [f"val/c{clip}/{i}.png" for i in range(3)]
        clips[keys[1]] = keys
        for i, key in enumerate(keys):
            (base / key).parent.mkdir(parents=True, exist_ok=True)
            labels[key] = [clip % 2]
            picture(rng, (clip + (clip == 5 and i == 2)) % 2).save(base / key)
    index = {"0": ["n0", "dog, domestic dog"], "1": ["n1", "cat"]}
    files = {"metadata/pmsets": clips, "metadata/labels": labels, "misc/imagenet_vid_class_index": index,
             "misc/rev_wnid_map": {"n0": ["n01", "n02"], "n1": ["n11"]},
             "misc/imagenet_class_index": {"0": ["n01", "beagle"], "1": ["n02", "boxer"], "2": ["n11", "tabby"]}}
    for name, content in files.items():
        (base / name).parent.mkdir(exist_ok=True)
        (base / f"{name}.json").write_text(json.dumps(content))


def keys(file):
    """(data set, model, method, metric) of each record; a shift as "source->shift", its frames and shares of the source behind."""
    columns = ([value.decode() for value in file["records"][name][()]] for name in ("dataset", "model", "method", "metric", "params"))
    for dataset, model, method, metric, params in zip(*columns):
        params = json.loads(params)
        name = f"{params['source_set']}->{dataset}" if "source_set" in params else dataset or params.get("summary", "")
        yield " ".join(filter(None, (name, params.get("frames")))), " on ".join(filter(None, (model, params.get("share")))), method, metric


def records(file):
    return dict(zip(keys(file), file["records/value"][()], strict=True))


def array(file, name):
    item = file["arrays/" + name]
    return {c.decode() if isinstance(c, bytes) else c: item[:, i] for i, c in enumerate(item.attrs["columns"])}


def average_precision_11(targets, logits):
    kept = targets != 0
    precision, recall, _ = (part[:-1] for part in precision_recall_curve(targets[kept] > 0, logits[kept]))
    return np.mean([precision[recall >= t - 1e-12].max() for t in np.linspace(0, 1, 11)])


@pytest.fixture
def run(project, tmp_path):
    rng, sets = np.random.default_rng(5), tmp_path / "sets"
    write_folders(sets, "pets", ("trainval", "test"), ["Abyssinian", "Beagle", "Bengal"], 8, rng)
    write_folders(sets, "kinetics700", ("train", "val"), [f"act {i}" for i in range(12)], 4, rng)
    write_folders(sets, "hateful_memes", ("train", "dev"), ["Meme", "hateful"], 15, rng)
    write_voc(sets, rng)
    write_folders(sets, "many", ("train", "test"), ["ant", "bee", "cow", "dog"], 8, rng)
    write_folders(sets, "breeds", ("train", "test"), ["n01", "n11", "other", "boxer"], 8, rng)
    write_clips(sets, rng)
    write_folders(sets, "few", ("test",), ["dog", "bee"], 8, rng)
    config = tmp_path / "metrics.cfg"
    config.write_text(CONFIG)
    done = project.run("run", str(config), "--data-root", str(sets), timeout=600)
    assert done.returncode == 0, done.stderr
    return next((project.folder / "results" / "runs").glob("*"))


def test_every_set_is_scored_by_its_own_metric(run):
    with h5py.File(run / "zero_shot_vs_probe.h5") as file:
        found = records(file)
        for model, method in (("vit-test", "zero-shot"), ("vit-test", "linear-probe"), ("raw-pixels", "linear-probe")):
            pets = array(file, f"scores/pets/{model}/{method}")
            # Sums of a few dozen rates of magnitude 1 in double: far below 1e-12.
            expected = balanced_accuracy_score(pets["label"], pets["predicted"])
            assert found["pets", model, method, "mean_per_class"] == pytest.approx(expected, abs=1e-12)
            assert found["pets", model, method, "top1"] == pytest.approx(accuracy_score(pets["label"], pets["predicted"]), abs=1e-12)
            acts = array(file, f"scores/kinetics700/{model}/{method}")
            expected = (np.mean(acts["rank"] < 1) + np.mean(acts["rank"] < 5)) / 2
            assert found["kinetics700", model, method, "mean_top1_top5"] == pytest.approx(expected, abs=1e-12)
            memes = array(file, f"scores/hateful_memes/{model}/{method}")
            of_second = np.where(memes["predicted"] == 1, memes["confidence"], 1 - memes["confidence"])
            expected = roc_auc_score(memes["label"], of_second)
            assert found["hateful_memes", model, method, "roc_auc"] == pytest.approx(expected, abs=1e-12)
            voc = array(file, f"scores/voc2007/{model}/{method}")
            assert any((voc[f"target{c}"] == 0).any() for c in range(3)), "no difficult object: the twin tests less than it should"
            expected = np.mean([average_precision_11(voc[f"target{c}"], voc[f"logit{c}"]) for c in range(3)])
            if method == "zero-shot":  # ranked by the probability of the class among all, not by its logit
                assert sum(np.exp(voc[f"logit{c}"]) for c in range(3)) == pytest.approx(1, abs=1e-5)
            assert found["voc2007", model, method, "map11"] == pytest.approx(expected, abs=1e-12)
            assert ("voc2007", model, method, "top1") not in found


def test_a_shift_with_some_of_the_classes_is_scored_over_them_alone(run):
    with h5py.File(run / "distribution_shift.h5") as file:
        found = records(file)
    n = {key: value for key, value in found.items() if key[0] == "many->few"}
    assert ("many->few", "vit-test", "linear-probe", "source_top1") in n
    with h5py.File(run / "distribution_shift.h5") as file:
        sizes = dict(zip(keys(file), file["records/n"][()], strict=True))
    assert sizes["many->few", "vit-test", "linear-probe", "source_top1"] == 9 + 11  # bee and dog of many/test
    assert sizes["many->few", "vit-test", "linear-probe", "shift_top1"] == 8 + 9
    # Two classes of clear colours: a classifier whose columns were taken by position would mistake dog for ant.
    assert found["many->few", "raw-pixels on 1/1", "linear-probe", "shift_top1"] > 0.6


def test_few_shot_probes_under_shift_are_means_of_their_draws(run):
    with h5py.File(run / "distribution_shift.h5") as file:
        shots = [json.loads(params).get("shots", "") for params in file["records/params"][()]]
        found = {(pair, method, metric, k): value for (pair, _, method, metric), k, value in zip(keys(file), shots, file["records/value"][()], strict=True)}
        for pair, n in (("many->few", 20), ("breeds->video", None)):  # of clips the source count is not needed
            draws = array(file, f"few_shot/{pair}/vit-test")
            assert sorted(set(draws["shots"])) == [1, 2, 4]  # of the smallest class, of which a fifth chooses lambda
            assert len(draws["shots"]) == 3 * 2 and (draws["shift"] != draws["source"]).any()
            zero = found[pair, "zero-shot", "shift_top1", ""]
            slope, intercept = (found[pair, "fit", m, ""] for m in ("slope", "intercept"))
            for k in (1, 2, 4):
                of_k = draws["shots"] == k
                at = (pair, "few-shot"), str(k)
                mean = {side: found[*at[0], f"{side}_top1", at[1]] for side in ("source", "shift")}
                assert mean == pytest.approx({side: draws[side][of_k].mean() for side in mean}, abs=1e-12)
                assert found[*at[0], "relative_robustness", at[1]] == pytest.approx(mean["shift"] - zero, abs=1e-12)
                if n:
                    p = np.clip(draws["source"][of_k], 1 / (2 * n), 1 - 1 / (2 * n))
                    line = 1 / (1 + np.exp(-(intercept + slope * np.log(p / (1 - p)))))
                    assert found[*at[0], "effective_robustness", at[1]] == pytest.approx((draws["shift"][of_k] - line).mean(), abs=1e-9)


def pm(clip, right):
    anchors = {c: r for c, r in zip(clip, right) if c > 0}
    return np.mean(list(anchors.values())), np.mean([r and all(right[clip == -c]) for c, r in anchors.items()])


def test_clips_are_scored_by_their_anchor_and_by_all_their_frames(run):
    with h5py.File(run / "zero_shot_vs_probe.h5") as file:
        found, scores = records(file), array(file, "scores/video/vit-test/zero-shot")
        assert (scores["clip"] > 0).sum() == 6 and len(scores["clip"]) == 18
        pm0, pm10 = pm(scores["clip"], scores["predicted"] == scores["label"])
        at = ("video", "vit-test", "zero-shot")
        assert (found[*at, "pm0"], found[*at, "pm10"]) == (pm0, pm10)
        assert found[*at, "mean_pm0_pm10"] == pytest.approx((pm0 + pm10) / 2, abs=1e-12)
    with h5py.File(run / "distribution_shift.h5") as file:
        found = records(file)
    at = ("raw-pixels on 1/1", "linear-probe", "shift_top1")
    pm0, pm10 = found["breeds->video pm-0", *at], found["breeds->video pm-10", *at]
    assert found["breeds->video", *at] == pytest.approx((pm0 + pm10) / 2, abs=1e-12)
    # Clear colours: the classes below dog (n01, and boxer by its name) and cat are found, one frame shows the other class.
    assert pm0 > 0.8 and pm10 < pm0


def test_few_shot_and_prompts_score_by_the_same_metric(project, tmp_path, run):
    config = tmp_path / "few.cfg"
    text = CONFIG.replace("zero_shot_vs_probe, distribution_shift", "few_shot, prompt_engineering").replace(", voc2007", "")
    config.write_text(text.split("[zero_shot_vs_probe]")[0] + "[few_shot]\ndraws = 2\nstarts = zero\n")
    done = project.run("run", str(config), "--data-root", str(tmp_path / "sets"), timeout=600)
    assert done.returncode == 0, done.stderr
    folder = next((project.folder / "results" / "runs").glob("*-few-*"))
    with h5py.File(run / "zero_shot_vs_probe.h5") as file:
        whole = records(file)
    with h5py.File(folder / "few_shot.h5") as few, h5py.File(folder / "prompt_engineering.h5") as prompts:
        few, prompts = records(few), {(r[0], r[3]) for r in records(prompts) if r[2] == "zero-shot"}
    for name, metric in (("pets", "mean_per_class"), ("kinetics700", "mean_top1_top5"), ("hateful_memes", "roc_auc")):
        at = (name, "vit-test", "zero-shot", metric)
        assert few[at] == whole[at]
        assert (name, "vit-test", "few-shot", metric) in few and (name, "vit-test", "few-shot", "top1") not in few
        assert (name, metric) in prompts
    assert ("mean", "score") in prompts and ("mean", "top1") in prompts


def test_studies_of_one_label_refuse_several(project, tmp_path):
    rng = np.random.default_rng(5)
    write_voc(tmp_path / "sets", rng)
    config = tmp_path / "one.cfg"
    config.write_text(CONFIG.split("[eval]")[0].replace("zero_shot_vs_probe, distribution_shift", "few_shot") + "[eval]\ndatasets = voc2007\n")
    done = project.run("run", str(config), "--data-root", str(tmp_path / "sets"))
    assert done.returncode == 1
    assert "data set voc2007: several labels a picture, expected one" in done.stderr
