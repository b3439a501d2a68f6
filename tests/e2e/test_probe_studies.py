"""Studies of probes beside baselines: what they derive is computed again from their arrays and records."""

from pathlib import Path

import numpy as np
import pytest

from test_studies_of_twins import records_of
from whole_run import Project

LITES = [f"efficientnet-lite{i}" for i in range(3)]
SETS = ("tuxpaint", "openmoji_groups")


def only(records: dict, dataset: str, model: str, method: str, metric: str) -> tuple:
    """The one record of these, whatever its params."""
    (value,) = [v for key, v in records.items() if key[:4] == (dataset, model, method, metric)]
    return value


def test_representation_compares_the_same_pictures(project: Project, tmp_path: Path):
    records, file = records_of(project, tmp_path, "representation/smoke")
    with file:
        right = {(d, m): file[f"arrays/scores/{d}/{m}/linear-probe"][:, 1] == 0 for d in SETS for m in ("vit-test", LITES[0])}
    gains = {d: right[d, "vit-test"].astype(float) - right[d, LITES[0]] for d in SETS}
    for d in SETS:
        value, low, high, n = records[d, "vit-test", "linear-probe", "gain", f"over={LITES[0]}, score=top1"]
        assert value == pytest.approx(gains[d].mean(), abs=1e-12) and n == 100 and low < value < high
        # A percentile interval of 1,000 resamples is within 20 % of the normal one of 100 paired differences.
        assert (high - low) / 2 == pytest.approx(1.96 * gains[d].std() / 10, rel=0.2)
        assert only(records, d, LITES[0], "linear-probe", "top1")[0] == right[d, LITES[0]].mean()
    wins = records["", "vit-test", "linear-probe", "wins", f"over={LITES[0]}"]
    assert wins[0] == sum(g.mean() > 0 for g in gains.values()) and wins[3] == 2
    mean = records["", "vit-test", "linear-probe", "gain", f"over={LITES[0]}, suite=2 data sets, summary=mean"]
    assert mean[0] == pytest.approx(np.mean([g.mean() for g in gains.values()]), abs=1e-12)
    assert records["", LITES[0], "linear-probe", "mean", "suite=2 data sets, summary=mean"][3] == 200
    # Multiply-adds of Lite0 without its classifier: 407 M are published with it and with all element-wise work (1 + 4 %).
    assert records["", LITES[0], "cost", "gflops", "family=efficientnet"][0] == pytest.approx(0.407 - 0.0013, rel=0.06)
    assert {"majority-class", "raw-pixels"} < {key[1] for key in records}


def test_transfer_is_held_against_the_baselines_line(project: Project, tmp_path: Path):
    records, file = records_of(project, tmp_path, "task_shift/smoke")
    file.close()
    reference = "reference=openmoji_groups"

    def point(model: str) -> np.ndarray:
        axes = (("reference_score", reference), ("transfer_score", f"{reference}, summary=mean"))
        return np.array([records["", model, "linear-probe", *axis][0] for axis in axes])

    for model in ("vit-test", *LITES):
        probes = [only(records, d, model, "linear-probe", "top1")[0] for d in ("openmoji_groups", "tuxpaint")]
        assert point(model) == pytest.approx(probes)
    x, y = np.array([np.log(point(m) / (1 - point(m))) for m in LITES]).T
    slope, intercept = np.polyfit(x, y, 1)
    source, transfer = point("vit-test")
    expected = 1 / (1 + np.exp(-(intercept + slope * np.log(source / (1 - source)))))
    value, low, high, _ = records["", "vit-test", "linear-probe", "transfer_lead", f"{reference}, summary=mean"]
    assert value == pytest.approx(transfer - expected, abs=1e-9) and low == value == high  # three baselines: no bounds


def test_a_line_needs_three_baselines_and_a_reference(project: Project, tmp_path: Path):
    done = project.run("run", "task_shift/smoke", "--model.baselines", LITES[0])
    assert done.returncode == 0 and "a line needs 3 baselines with different scores, this run has 1" in done.stderr
    done = project.run("run", "task_shift/smoke", "--task_shift.reference", "gemojione_groups")
    assert done.returncode == 1 and "'gemojione_groups', expected one of the data sets of task_shift.datasets" in done.stderr.strip().splitlines()[-1]
