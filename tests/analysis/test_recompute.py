"""Every statistic of a real run, computed again from its stored per-sample scores by SciPy and scikit-learn: the published results.

Rates and their intervals are equal to rounding; what both sides compute by other formulas has its tolerance beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT
from params import column, pick
from results import ResultFile, read_run
from scipy import stats
from sklearn.metrics import balanced_accuracy_score

FILES = {f.experiment: f for f in read_run(PROJECT / "results/published").studies()}
CLOSE = 1e-9


@lru_cache(maxsize=None)
def array(study: str, name: str) -> pd.DataFrame:
    return FILES[study].array(name)


def exact(hits: float, n: float) -> tuple[float, float]:
    """Clopper and Pearson's bounds, of counts that need not be whole."""
    return (float(stats.beta.ppf(0.025, hits, n - hits + 1)) if hits > 0 else 0.0, float(stats.beta.ppf(0.975, hits + 1, n - hits)) if hits < n else 1.0)


def over_classes(right: np.ndarray, labels: np.ndarray) -> tuple[float, float, float]:
    """Mean over classes and bounds: the effective number of samples from each class's variance, one sample of the mean rate added."""
    groups = pd.Series(right, dtype=float).groupby(labels)
    rates, sizes = groups.mean().to_numpy(), groups.size().to_numpy()
    mean = rates.mean()
    shrunk = (sizes * rates + mean) / (sizes + 1)
    variance = (shrunk * (1 - shrunk) / (sizes * (1 - sizes / (sizes + 1) ** 2))).sum() / len(rates) ** 2
    n = mean * (1 - mean) / variance if variance > 0 else float(len(right))
    return mean, *exact(mean * n, n)


def of(row: pd.Series) -> tuple[float, float, float]:
    return row["value"], row["ci_low"], row["ci_high"]


def scored(study: str) -> Iterator[tuple[pd.Series, pd.DataFrame]]:
    """Records with the scores of their samples; the reference of an array is its params."""
    file = FILES[study]
    for name in file.arrays(kind="scores"):
        about = file.array_params[name]
        rows = pick(file.records, dataset=about["dataset"], model=about["model"], method=about["method"])
        yield from ((row, array(study, name)) for _, row in rows.iterrows())


def test_rates_and_means_over_classes_come_from_the_ranks() -> None:
    seen = set()
    for row, scores in scored("zero_shot_vs_probe"):
        labels, ranks = scores["label"].to_numpy(), scores["rank"].to_numpy()
        if row["metric"] in ("top1", "top5"):
            k = int(row["metric"][3:])
            hits = int((ranks < k).sum())
            interval = stats.binomtest(hits, len(ranks)).proportion_ci(method="exact")
            assert of(row) == pytest.approx((hits / len(ranks), interval.low, interval.high), abs=CLOSE), row["dataset"]
        elif row["metric"] == "mean_per_class":
            predicted = scores["predicted"].to_numpy()
            assert row["value"] == pytest.approx(balanced_accuracy_score(labels, predicted), abs=CLOSE)
            assert of(row) == pytest.approx(over_classes(ranks == 0, labels), abs=CLOSE)
        else:
            continue
        assert row["n"] == len(ranks)
        seen.add((row["dataset"], row["model"], row["method"], row["metric"]))
    assert len(seen) >= 35 and {m for *_, m in seen} == {"top1", "top5", "mean_per_class"}


def test_every_record_says_what_its_interval_covers() -> None:
    for file in FILES.values():
        for _, row in file.records.iterrows():
            assert row["interval"], f"{file.name}: {row['metric']}"
            assert (row["interval"] == "none") == (row["ci_low"] == row["value"] == row["ci_high"]), f"{file.name}: {row['metric']}"


def test_lines_are_scipys() -> None:
    file = FILES["distribution_shift"]
    for name in file.arrays(kind="points"):
        about, points = file.array_params[name], array("distribution_shift", name)
        base = points[points["is_baseline"].eq(1)]
        x, y = (logit(base[side].to_numpy(), base[f"n_{side}"].to_numpy()) for side in ("source", "shift"))
        line = stats.linregress(x, y)
        rows = pick(file.records, dataset=about["dataset"], source_set=about["source_set"], method="fit").set_index("metric")
        half = stats.t.ppf(0.975, len(x) - 2)
        assert of(rows.loc["slope"]) == pytest.approx((line.slope, line.slope - half * line.stderr, line.slope + half * line.stderr), abs=1e-8)
        assert of(rows.loc["intercept"]) == pytest.approx(
            (line.intercept, line.intercept - half * line.intercept_stderr, line.intercept + half * line.intercept_stderr), abs=1e-8)
        interval = stats.pearsonr(x, y).confidence_interval(0.95)
        assert of(rows.loc["r"]) == pytest.approx((line.rvalue, interval.low, interval.high), abs=1e-8)


def logit(p: np.ndarray, n: np.ndarray) -> np.ndarray:
    p = np.clip(p, 0.5 / n, 1 - 0.5 / n)
    return np.log(p / (1 - p))


def test_effective_robustness_is_what_the_line_leaves() -> None:
    """The interval by the delta method, written down once more: variances of shift, source and line, degrees of freedom by Satterthwaite."""
    file, seen = FILES["distribution_shift"], 0
    for name in file.arrays(kind="points"):
        about, points = file.array_params[name], array("distribution_shift", name)
        base = points[points["is_baseline"].eq(1)]
        x, y = (logit(base[side].to_numpy(), base[f"n_{side}"].to_numpy()) for side in ("source", "shift"))
        line, n = stats.linregress(x, y), len(x)
        scatter = ((y - line.intercept - line.slope * x) ** 2).sum() / (n - 2)
        rows = pick(file.records, dataset=about["dataset"], source_set=about["source_set"])
        rows = rows[~column(rows, "role").eq("baseline") & column(rows, "shots").eq("") & column(rows, "frames").eq("")]
        for (model, method), own in rows.groupby(["model", "method"]):
            own = own.set_index("metric")
            if "effective_robustness" not in own.index:
                continue
            source, shift, found = own.loc["source_top1"], own.loc["shift_top1"], own.loc["effective_robustness"]
            at = float(logit(np.array([source["value"]]), np.array([source["n"]]))[0])
            expected = 1 / (1 + math.exp(-line.intercept - line.slope * at))
            slope = expected * (1 - expected)
            ends = logit(np.array([source["ci_low"], source["ci_high"]]), np.array([source["n"]] * 2))
            z = stats.norm.ppf(0.975)
            parts = (((shift["ci_high"] - shift["ci_low"]) / (2 * z)) ** 2, (slope * line.slope * (ends[1] - ends[0]) / (2 * z)) ** 2,
                     slope**2 * scatter * (1 / n + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum()))
            half = stats.t.ppf(0.975, sum(parts) ** 2 / parts[2] ** 2 * (n - 2)) * math.sqrt(sum(parts))
            value = shift["value"] - expected
            assert of(found) == pytest.approx((value, max(-1, value - half), min(1, value + half)), abs=1e-8), (model, method)
            significant = stats.pearsonr(x, y).pvalue < 0.05
            inside = x.min() <= at <= x.max()
            assert found["line"] == ("few points" if n < 5 else "not significant" if not significant else "fitted" if inside else "extrapolated")
            seen += 1
    assert seen >= 4


def test_few_shot_means_are_those_of_the_draws() -> None:
    """The test pictures' part is not stored draw by draw: the interval is wider than that of the draws' spread alone, with the least quantile."""
    file, seen = FILES["distribution_shift"], 0
    for name in file.arrays(kind="few_shot"):
        about, draws = file.array_params[name], array("distribution_shift", name)
        for shots, rows in draws.groupby("shots"):
            for side in ("source", "shift"):
                found = pick(file.records, dataset=about["dataset"], source_set=about["source_set"], model=about["model"], metric=f"{side}_top1",
                             shots=f"{shots:g}").iloc[0]
                mean, half = rows[side].mean(), stats.norm.ppf(0.975) * rows[side].std(ddof=1) / math.sqrt(len(rows))
                assert found["value"] == pytest.approx(mean, abs=CLOSE) and found["n"] == len(rows)
                assert found["ci_low"] <= max(0, mean - half) + 1e-9 and found["ci_high"] >= min(1, mean + half) - 1e-9
                seen += 1
    assert seen >= 10


def prompts_of(file: ResultFile, **params: str) -> pd.DataFrame:
    return file.array(file.arrays(kind="prompts", **params)[0])


def test_prompts_and_their_gains_come_from_each_picture() -> None:
    file, seen = FILES["prompt_engineering"], 0
    for name in file.arrays(kind="prompts"):
        about, table = file.array_params[name], file.array(name)
        which = {k: v for k, v in about.items() if k in ("prompts", "subset", "names")}
        found = pick(file.records, dataset=about["dataset"], model=about["model"], metric="top1", **{k: which.get(k, "") for k in ("prompts", "subset", "names")},
                     templates="", method="zero-shot").iloc[0]
        hits = int((table["rank"] == 0).sum())
        assert of(found) == pytest.approx((hits / len(table), *exact(hits, len(table))), abs=CLOSE)
        seen += 1
    for _, gain in pick(file.records, metric="gain_over_ensemble").iterrows():
        subset = column(file.records, "subset")[gain.name]
        fewer, whole = (prompts_of(file, dataset=gain["dataset"], model=gain["model"], **which)["rank"].to_numpy() == 0
                        for which in ({"subset": subset}, {"prompts": "ensemble"}))
        b, c = int((fewer & ~whole).sum()), int((whole & ~fewer).sum())
        assert gain["value"] == pytest.approx((b - c) / len(whole), abs=CLOSE)
        p = stats.chi2.sf((b - c) ** 2 / (b + c), 1) if b + c else 1.0
        assert (gain["ci_low"] > 0 or gain["ci_high"] < 0) == (p < 0.05)
        seen += 1
    assert seen >= 12


def test_means_over_data_sets_add_in_quadrature() -> None:
    file, seen = FILES["encoder_scaling"], 0
    errors = pick(file.records, metric="error")
    for (model, method), rows in errors.groupby(["model", "method"]):
        mean, parts = rows[rows["dataset"].eq("")], rows[rows["dataset"].ne("")]
        if mean.empty:
            continue
        count = len(parts)
        low, high = (math.sqrt(((parts[side] - parts["value"]) ** 2).sum()) / count for side in ("ci_low", "ci_high"))
        value = parts["value"].mean()
        assert of(mean.iloc[0]) == pytest.approx((value, value - low, value + high), abs=CLOSE), (model, method)
        seen += 1
    assert seen >= 3
