"""Every shipped config: smoke ones are run, the others checked; wrong ones fail with the message that they promise."""

from pathlib import Path

import h5py
import pytest

from whole_run import ROOT, Project

STUDIES = ["encoder_scaling", "zero_shot_vs_probe", "distribution_shift", "prompt_engineering"]
CONFIGS = sorted(str(path.relative_to(ROOT / "experiments").with_suffix("")) for path in (ROOT / "experiments").rglob("*.cfg"))
BAD = sorted((ROOT / "tests/configs").glob("bad_*.cfg"))


def text(column) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else value for value in column[:]]


def test_every_study_ships_its_folder():
    folders = [path.name for path in (ROOT / "experiments").iterdir() if path.is_dir()]
    assert set(STUDIES) < set(folders)
    for study in folders:
        names = {path.name for path in (ROOT / "experiments" / study).iterdir()}
        assert {f"{study}.cpp", "smoke.cfg", "small.cfg", "paper.cfg", "reference.csv", "README.md"} <= names


@pytest.mark.parametrize("config", CONFIGS)
def test_shipped_config_is_right_and_says_what_it_costs(project: Project, config: str):
    lines = (ROOT / "experiments" / f"{config}.cfg").read_text().splitlines()
    assert lines[0].startswith(f"# ./cliplab run {config}")
    head = "\n".join(line for line in lines if line.startswith("#"))
    assert "Cost:" in head and "Expect:" in head
    done = project.run("check", config)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("study", STUDIES)
def test_smoke_run_writes_whole_results_and_reuses_them(project: Project, study: str):
    first = project.run("run", f"{study}/smoke")
    assert first.returncode == 0, first.stderr
    folder = Path(first.stdout.strip().splitlines()[-1])
    with h5py.File(folder / f"{study}.h5") as file:
        models, methods = text(file["records/model"]), text(file["records/method"])
        values, low, high = file["records/value"][:], file["records/ci_low"][:], file["records/ci_high"][:]
        assert file["provenance"].attrs["smoke"] == "yes"
    assert "majority-class" in models and "raw-pixels" in " ".join(models)  # no table without its floors
    assert "zero-shot" in methods
    assert all(low <= values) and all(values <= high)
    stamp = (folder / f"{study}.h5").stat().st_mtime_ns
    second = project.run("run", f"{study}/smoke", timeout=20)
    assert second.returncode == 0 and "measured already" in second.stderr
    assert (folder / f"{study}.h5").stat().st_mtime_ns == stamp


@pytest.mark.parametrize("config", BAD, ids=lambda path: path.stem)
def test_bad_config_fails_with_its_message(project: Project, config: Path):
    expected = config.read_text().splitlines()[0].removeprefix("# expect:").strip()
    done = project.run("check", str(config))
    assert done.returncode == 1
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, "one clear line"


def test_there_are_bad_configs():
    assert len(BAD) >= 8


def test_sweep_tells_a_typing_error_before_the_first_cell_runs(project: Project):
    done = project.run("run", "prompt_engineering/smoke", "--sweep", "train.lr=0.001,0.0x")
    assert done.returncode == 1 and "train.lr = '0.0x'" in done.stderr
    assert not (project.folder / "results").exists()
    done = project.run("run", "prompt_engineering/smoke", "--sweep", "train.arch=vit-test,vit-xxl")
    assert done.returncode == 1 and "'vit-xxl', expected one of" in done.stderr
    assert not (project.folder / "results").exists()


def test_unknown_words_are_refused_in_one_line(project: Project):
    for words in (["rn"], ["run"], ["run", "quickstrat"], ["data", "fetch", "nothing"], ["describe", "nothing"], ["model", "inspect", "/nowhere"]):
        done = project.run(*words)
        assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, (words, done.stderr)
    assert "quickstart" in project.run("run", "quickstrat").stderr


def test_a_baseline_joins_the_probes_and_no_study_of_texts(project: Project):
    done = project.run("run", "zero_shot_vs_probe/smoke", "--model.baselines", "efficientnet-lite0", "--eval.datasets", "tuxpaint",
                       "--studies", "zero_shot_vs_probe,prompt_engineering")
    assert done.returncode == 0, done.stderr
    assert "prompt_engineering: without efficientnet-lite0, which has no text tower" in done.stderr
    folder = Path(done.stdout.strip().splitlines()[-1])
    for study, methods in (("zero_shot_vs_probe", {"linear-probe"}), ("prompt_engineering", set())):
        with h5py.File(folder / f"{study}.h5") as file:
            models, method = text(file["records/model"]), text(file["records/method"])
        assert {how for who, how in zip(models, method, strict=True) if who == "efficientnet-lite0"} == methods
