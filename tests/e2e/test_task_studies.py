"""Small studies on twins made here: their answers are known, or computed again by NumPy and scikit-learn from the arrays."""

import json
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from binaries import oracle_binary
from sklearn.metrics import average_precision_score

from test_studies_of_twins import LEARNT, captioned, drawing, records_of, scene
from whole_run import ROOT, Project


def model_of(project: Project) -> str:
    (file,) = (project.folder / "results/models").glob("*/model.safetensors")
    return str(file)


def embed(project: Project, space: str, *files: str, text: str = "") -> np.ndarray:
    done = subprocess.run([oracle_binary(), "embed", model_of(project), space, *(files or ("-",))], input=text.encode(),
                          capture_output=True, check=True, env=project.environment())
    head, _, body = done.stdout.partition(b"\n")
    return np.frombuffer(body, np.float32).reshape([int(n) for n in head.split()])


def test_names_alone_against_chance(project: Project, tmp_path: Path):
    records, file = records_of(project, tmp_path, "visual_ngrams/smoke")
    with file:
        rank = file["arrays/scores/openmoji/vit-test/zero-shot"][:, 1]
    assert records["openmoji", "vit-test", "zero-shot", "top1", ""][0] == (rank == 0).mean()
    assert records["openmoji", "vit-test", "zero-shot", "top5", ""][0] == (rank < 5).mean()
    assert records["tuxpaint", "chance", "floor", "top1", ""][0] == 1 / len(classes_of_tuxpaint())
    assert records["openmoji", "chance", "floor", "top1", ""][0] == 1 / 1862  # a class a name: as many as pictures


def test_one_architecture_is_trained_on_each_corpus(project: Project, tmp_path: Path):
    records, file = records_of(project, tmp_path, "yfcc_vs_wit/smoke", "--yfcc_vs_wit.names", "")
    folder = Path(file.filename).parent
    file.close()
    parts = ("drawings:noto+twemoji:400", "drawings:openclipart:400")
    assert {key[1] for key in records if key[2] == "zero-shot"} == {f"vit-test on {part}" for part in parts}
    seen = []
    for part in parts:
        with h5py.File(folder / f"train_vit-test_on_{part}.h5") as curve:
            seen.append(curve["provenance"].attrs["corpus"])
    assert [str(corpus).split("/")[0] for corpus in seen] == list(parts)
    weights = {f.read_bytes() for f in (project.folder / "results/models").glob("*/model.safetensors")}
    assert len(weights) == 2
    # The first of the two is the model of a run on that corpus alone: the other corpus changes nothing in it.
    done = project.run("run", "prompt_engineering/smoke", "--train.corpus", parts[0], timeout=600)
    assert done.returncode == 0 and "vit-test: trained already" in done.stderr, done.stderr


@pytest.mark.parametrize(("corpus", "message"), [
    ("drawings:noto:9999", "pairs, expected at least 9999"),
    ("drawings:photos", "no source 'photos', expected one of noto, openclipart, twemoji"),
    ("drawings:", "expected NAME, NAME:SOURCE+SOURCE"), ("", "train.corpus: an empty list, expected a corpus")])
def test_a_part_that_is_not_there_is_named(project: Project, corpus: str, message: str):
    done = project.run("run", "yfcc_vs_wit/smoke", "--train.corpus", corpus)
    assert done.returncode == 1 and message in done.stderr.strip().splitlines()[-1], done.stderr


def test_two_models_on_the_same_pictures(project: Project, tmp_path: Path):
    records, file = records_of(project, tmp_path, "yfcc_vs_wit/smoke", "--yfcc_vs_wit.names", "A,B")
    sets = ("tuxpaint", "openmoji_groups")
    with file:
        for method in ("zero-shot", "linear-probe"):
            right = {(d, m): file[f"arrays/scores/{d}/{m}/{method}"][:, 1] == 0 for d in sets for m in "AB"}
            gains = [right[d, "A"].mean() - right[d, "B"].mean() for d in sets]
            for d, gain in zip(sets, gains, strict=True):
                value, low, high, n = records[d, "A", method, "delta", "over=B, score=top1"]
                assert value == pytest.approx(gain, abs=1e-12) and low <= value <= high and n == right[d, "A"].size
            assert records["", "A", method, "wins", ""][0] == sum(g > 0 for g in gains)
            assert records["", "B", method, "wins", ""][0] == sum(g < 0 for g in gains)
            for m in "AB":
                mean = np.mean([right[d, m].mean() for d in sets])
                assert records["", m, method, "mean", "summary=mean"][0] == pytest.approx(mean, abs=1e-12)


@pytest.mark.parametrize(("words", "message"), [
    (("--train.corpus", "drawings"), "1 models, expected two, trained on the two data sets"),
    (("--yfcc_vs_wit.names", "A"), "1 names, expected two")])
def test_what_are_not_two_models_is_refused(project: Project, words: tuple, message: str):
    done = project.run("run", "yfcc_vs_wit/smoke", *words)
    assert done.returncode == 1 and message in done.stderr.strip().splitlines()[-1]


LEXICON = ["exit", "hotel", "open", "taxi", "sale", "stop"]


def test_words_are_looked_for_among_those_offered(project: Project, tmp_path: Path):
    """The ranks by NumPy from the model's own features: by a lexicon beside the picture, and by all words of the set."""
    rng = np.random.default_rng(4)
    truth = [LEXICON[i] for i in rng.integers(0, 6, 24)]
    pictures = [drawing(rng) for _ in truth]
    for folder in ("signs", "listed"):
        captioned(tmp_path / folder, [(image, "test", word) for image, word in zip(pictures, truth, strict=True)])
    with (tmp_path / "listed/captions.tsv").open("a") as file:
        for i, word in enumerate(truth):
            others = [w for w in LEXICON if w != word][: 1 + i % 3]
            file.writelines(f"{i}.png\ttest\t{n + 1}\t{w}\n" for n, w in enumerate([*others, word]))  # a lexicon has the word too
    records, file = records_of(project, tmp_path, "ocr/smoke", "--ocr.sets", "signs,listed", *LEARNT)
    images = embed(project, "joint", *(str(tmp_path / f"signs/{i}.png") for i in range(len(truth))))
    texts = embed(project, "text", text="".join(f'a photo of the text "{word}".\n' for word in LEXICON))
    scores = images @ texts.T
    own = scores[np.arange(24), [LEXICON.index(w) for w in truth]]
    with file:
        found = {name: file[f"arrays/words/{name}/vit-test"][:] for name in ("signs", "listed")}
    shown = sorted(set(truth))
    among_all = (scores[:, [LEXICON.index(w) for w in shown]] > own[:, None]).sum(1)
    # Cosines of float32 features are known to some 1e-7: words that are nearer to the right one than 1e-6 may stand on either side.
    near, sure = (((scores[:, [LEXICON.index(w) for w in shown]] - own[:, None]) > slack).sum(1) for slack in (-1e-6, 1e-6))
    ranks = found["signs"][:, 0]
    assert (sure <= ranks).all() and (ranks < near).all() and (near - sure <= 2).all() and set(found["signs"][:, 1]) == {len(shown)}
    assert 0 < (among_all == 0).mean() < 1  # else the scores below say nothing
    for i, word in enumerate(truth):
        offered = [LEXICON.index(w) for w in [w for w in LEXICON if w != word][: 1 + i % 3]]
        assert tuple(found["listed"][i]) == ((scores[i, offered] > own[i]).sum(), len(offered) + 1)
    for name, table in found.items():
        assert records[name, "vit-test", "zero-shot", "top1", ""][0] == (table[:, 0] == 0).mean()
        assert records[name, "chance", "floor", "top1", ""][0] == pytest.approx((1 / table[:, 1]).mean(), abs=1e-12)
    assert {"tuxpaint", "openmoji_groups"} <= {key[0] for key in records if key[2] == "linear-probe"}


ACTIONS = [("cut", "laptop"), ("cut", "apple"), ("wash", "laptop"), ("hit", "car")]


def published_scores(clips: list[tuple[str, str, int, str]], logits: np.ndarray, actions: list[tuple[str, str]]) -> list[float]:
    """mWAP's parts by the rule of RareAct's compute_score.py and scikit-learn's average precision."""
    found = []
    for a, (verb, noun) in enumerate(actions):
        kind = []
        for v, n, annotation, _ in clips:
            if (v, n) == (verb, noun):
                kind.append({0: "negative", 1: "positive"}.get(annotation, "hard"))
            else:
                kind.append("" if annotation != 1 else "hard" if v == verb or n == noun else "negative")
        rows = [i for i, k in enumerate(kind) if k]
        weights = [1 / sum(kind[j] == kind[i] and clips[j][3] == clips[i][3] for j in rows) for i in rows]
        right = [kind[i] == "positive" for i in rows]
        found.append(average_precision_score(right, logits[rows, a], sample_weight=weights))
    return found


def test_rare_actions_by_the_authors_rule(project: Project, tmp_path: Path):
    rng = np.random.default_rng(11)
    clips = [(*ACTIONS[rng.integers(4)], int(rng.choice([0, 1, 1, 2, 3, 4])), f"video{rng.integers(14)}") for _ in range(60)]
    captioned(tmp_path / "rareact", [(drawing(rng), "test", "; ".join(map(str, clip))) for clip in clips])
    records, file = records_of(project, tmp_path, "action/smoke", "--action.sets", "rareact", *LEARNT)
    actions = sorted({clip[:2] for clip in clips if clip[2] == 1})
    assert len(actions) == 4
    with file:
        logits, table = file["arrays/logits/rareact/vit-test"][:], file["arrays/actions/rareact/vit-test"][:]
    images = embed(project, "joint", *(str(tmp_path / f"rareact/{i}.png") for i in range(len(clips))))
    texts = embed(project, "text", text="".join(f"a photo of a person doing this: {v} {n}.\n" for v, n in actions))
    scores = images @ texts.T
    assert np.corrcoef(scores.ravel(), logits.ravel())[0, 1] > 0.999999
    assert table[:, 0] == pytest.approx(published_scores(clips, logits, actions), abs=1e-9)
    assert records["RareAct", "vit-test", "zero-shot", "mwap", ""][0] == pytest.approx(table[:, 0].mean(), abs=1e-12)
    value, low, high, n = records["RareAct", "vit-test", "zero-shot", "mwsap", ""]
    # 100 draws of one clip a video: a mean of the same quantity, its draws some hundredths apart.
    assert value == pytest.approx(table[:, 1].mean(), abs=1e-12) and abs(value - table[:, 0].mean()) < 0.1
    assert low <= value <= high and n == 60


def test_a_caption_that_is_no_clip_is_named(project: Project, tmp_path: Path):
    captioned(tmp_path / "rareact", [(scene(np.random.default_rng(1)), "test", "cut; laptop; 7; video")])
    done = project.run("run", "action/smoke", "--data-root", str(tmp_path), "--action.sets", "rareact")
    assert done.returncode == 1
    assert "0.png: caption 'cut; laptop; 7; video', expected verb; noun; annotation of 0 to 4" in done.stderr


HEADER = "person\tshots\tpicture\tclass\tanswer\n"


def classes_of_tuxpaint() -> list[str]:
    return list(json.loads((ROOT / "data/prompts/tuxpaint.json").read_text())["classes"])


def test_people_and_model_by_class(project: Project, tmp_path: Path):
    names, rng = classes_of_tuxpaint(), np.random.default_rng(12)
    answers, lines = [], HEADER
    for person in range(5):
        for picture in range(40):
            label = names[picture % len(names)]
            knows, unsure = rng.random() < 0.1 + 0.04 * (picture % len(names)), rng.random() < 0.3
            answer = label if knows else "?" if unsure else names[rng.integers(len(names))]
            answers.append((picture, label, answer))
            lines += f"p{person}\t0\tpicture{picture}\t{label}\t{answer}\n"
    (tmp_path / "answers.tsv").write_text(lines)
    records, file = records_of(project, tmp_path, "human_comparison/smoke", "--eval.datasets", "tuxpaint",
                               "--human_comparison.answers", str(tmp_path / "answers.tsv"), *LEARNT)

    def vote(chosen: list) -> tuple[float, int]:
        right = []
        for picture in range(40):
            votes = [a for p, _, a in chosen if p == picture]
            counts = sorted(((votes.count(a), a) for a in set(votes)), reverse=True)
            if counts and (len(counts) == 1 or counts[0][0] > counts[1][0]):
                right.append(counts[0][1] == names[picture % len(names)])
        return float(np.mean(right)), len(right)

    guesses = [a for a in answers if a[2] != "?"]
    for params, expected in (("", (np.mean([a == c for _, c, a in answers]), 200)), ("vote=majority", vote(answers)),
                              ("answers=guesses", (np.mean([a == c for _, c, a in guesses]), len(guesses))),
                              ("answers=guesses, vote=majority", vote(guesses))):
        value, low, high, n = records["tuxpaint", "human", "zero-shot", "top1", params]
        assert (value, n) == (pytest.approx(expected[0], abs=1e-12), expected[1]) and low < value <= high
    with file:
        people, model = file["arrays/classes/tuxpaint/human"][:], file["arrays/classes/tuxpaint/vit-test"][:]
        label, rank = file["arrays/scores/tuxpaint/vit-test/zero-shot"][:, :2].T
    order = [c for c in range(len(names)) if (label == c).any()]
    assert list(model[order, 0]) == pytest.approx([(rank[label == c] == 0).mean() for c in order], abs=1e-12)
    share = np.array([(label == c).mean() for c in range(len(names))])
    for column, shots in ((1, 1), (2, 2)):
        mean = records["tuxpaint", "vit-test", "few-shot", "top1", f"shots={shots}, start=zero"][0]
        assert mean == pytest.approx(share @ model[:, column], abs=1e-9)
    for other, method, whose in ((people[:, 0], "zero-shot", "human"), (model[:, 1], "one-shot", "vit-test")):
        value, low, high, n = records["tuxpaint", "vit-test", "fit", "r", f"x=zero-shot, y={method}, y_model={whose}"]
        assert value == pytest.approx(np.corrcoef(model[:, 0], other)[0, 1], abs=1e-9)
        assert n == len(names) and low <= value <= high


@pytest.mark.parametrize(("line", "message"), [
    ("p\t3\ta\t{0}\t?", "answers.tsv:2: shots '3', expected 0, 1 or 2"),
    ("p\t0\ta\tmoon dog\t?", "answers.tsv:2: class 'moon dog', expected one of"),
    ("p\t0\ta", "answers.tsv:2: 'p?0?a', expected five fields")])
def test_an_answer_that_makes_no_sense_is_named(project: Project, tmp_path: Path, line: str, message: str):
    file = tmp_path / "answers.tsv"
    file.write_text(HEADER + line.format(classes_of_tuxpaint()[0]) + "\n")
    done = project.run("run", "human_comparison/smoke", "--eval.datasets", "tuxpaint", "--human_comparison.answers", str(file))
    assert done.returncode == 1 and message in done.stderr.strip().splitlines()[-1]
