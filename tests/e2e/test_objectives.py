"""objective_efficiency from training to curve: every objective, its snapshots, and what it refuses."""

from pathlib import Path

import h5py
import numpy as np

from whole_run import Project, spelled

NAMES = ["bow_prediction", "contrastive", "contrastive_bow", "transformer_lm"]


def text(column) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else value for value in column[:]]


def test_curves_of_all_objectives_hold_what_the_records_do(project: Project):
    first = project.run("run", "objective_efficiency/smoke")
    assert first.returncode == 0, first.stderr
    folder = Path(first.stdout.strip().splitlines()[-1])
    with h5py.File(folder / "objective_efficiency.h5") as file:
        records = {name: text(file[f"records/{name}"]) for name in ("dataset", "model", "method", "params", "value")}
        curves = file["arrays/curves"]
        columns, values = [name.decode() if isinstance(name, bytes) else name for name in curves.attrs["columns"]], curves[()]
    assert columns == ["images", *NAMES]
    assert values[:, 0].tolist() == [3 * 64, 6 * 64] and np.all((values[:, 1:] >= 0) & (values[:, 1:] <= 1))
    means = {(m, spelled(p)): x for d, m, k, p, x in zip(*records.values(), strict=True) if d == "" and k == "zero-shot"}
    assert means == {(name, f"images={int(row[0])}, summary=mean"): row[1 + i] for row in values for i, name in enumerate(NAMES)}
    # Snapshots are models of their own, not the last one again.
    files = {file.parent.name + file.name: file.read_bytes() for file in (project.folder / "results/models").glob("*/model*.safetensors")}
    assert len(files) == 8 and len(set(files.values())) == 8
    again = project.run("run", "objective_efficiency/smoke", timeout=20)
    assert again.returncode == 0 and "measured already" in again.stderr


def test_a_predicting_model_is_refused_where_a_text_tower_is_needed(project: Project):
    done = project.run("run", "retrieval/smoke", "--train.objective", "captioning", "--train.arch", "vit-test", "--train.steps", "2")
    assert done.returncode == 1
    assert "no text tower: it was trained by captioning, expected a contrastive model" in done.stderr


def test_an_unknown_objective_names_the_known(project: Project):
    done = project.run("check", "objective_efficiency/smoke", "--train.objective", "captions")
    assert done.returncode == 1 and "captioning" in done.stderr


def test_a_training_starts_from_another_models_weights(project: Project) -> None:
    from safetensors.torch import load_file
    words = ["run", "prompt_engineering/smoke", "--train.arch", "vit-test", "--train.batch", "16", "--train.precision", "fp32"]
    first = project.run(*words, "--train.steps", "4")
    assert first.returncode == 0, first.stderr
    models = project.folder / "results" / "models"
    (given,) = models.glob("*/model.safetensors")
    done = project.run(*words, "--train.steps", "1", "--train.lr", "1e-9", "--train.init", str(given))
    assert done.returncode == 0, done.stderr
    (started,) = set(models.glob("*/model.safetensors")) - {given}
    folder = done.stdout.strip().splitlines()[-1]
    before, after = load_file(given), load_file(started)
    # A step of AdamW moves a weight by at most the rate; random weights would differ by their own size, 0.01 and more.
    assert all((before[name].double() - after[name].double()).abs().max() < 1e-6 for name in before)
    given.write_bytes(started.read_bytes())  # other weights under the name: another run, none of whose studies is measured
    other = project.run(*words, "--train.steps", "1", "--train.lr", "1e-9", "--train.init", str(given))
    assert other.returncode == 0 and "measured already" not in other.stderr and other.stdout.strip().splitlines()[-1] != folder
    refused = project.run(*words, "--train.init", "nowhere.pt")
    assert refused.returncode == 1 and "train.init: 'nowhere.pt', expected an existing file" in refused.stderr
