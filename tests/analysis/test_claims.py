"""The claims are valid data, and fed with the paper's own numbers the analysis derives what the paper derived from them.

A value between printed cells is known to half of their last digit; where the paper prints more than its cells give, the
place is in paper/published/contradictions.csv and the claim must not come out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from claims import ClaimError, read_claims, read_file
from conftest import PROJECT
from estimates import logit
from fake_run import row, write
from pool import Pool, make_pool, paper_pool
from paper_run import write_paper_run
from params import pick, to_text
from published import SUBSETS_TO_SHIFTS, contradictions, published_records
from reference import plain
from results import read_run
from verdicts import STATES, Verdict, indexed, judge, select

CLAIMS = {c.id: c for c in read_claims(PROJECT)}
PAPER = paper_pool(PROJECT)
OFF = {"within-3-of-probe", "zero-shot-follows-probe", "zero-shot-over-probe-slope", "gap-reduced", "classes-per-data-set",
       "resnet101-five-times-the-errors", "overlap-median", "overlap-gains-little", "ayahoo-errors"}  # the paper against its own cells
BY_OBJECTIVE = {"contrastive-efficiency", "bag-of-words-efficiency"}  # their models are called by objective, at each scale
GAINS_ONLY = {"one-template", "ensemble-of-80"}  # what they follow from is not printed


def at_paper_scale(name: str, pool: Pool = PAPER) -> Verdict:
    return judge(PROJECT, pool, CLAIMS[name])[0]


def changed(name: str, change: object) -> Pool:
    """The paper's numbers with those that the claim calls its own changed."""
    records = PAPER.records.copy()
    rows = select(PROJECT, records, CLAIMS[name].paper.ours, small=False).index
    values = records.loc[rows, "value"].to_numpy(float)
    for column in ("value", "ci_low", "ci_high"):
        records.loc[rows, column] = change(values)
    return Pool(records, exact=True)


def test_every_claim_is_read_once_and_says_where_it_stands() -> None:
    assert len(CLAIMS) >= 40
    assert all(c.where and c.statement.endswith(".") and c.paper.expected for c in CLAIMS.values())


@pytest.mark.parametrize(("name", "shown", "value", "digit"), [
    ("above-resnet50-probe", "16 of 27", 16, 0), ("probe-above-noisy-student", "21 of 27", 21, 0), ("probe-lead-12", "2.6", 0.026, 5e-4),
    ("examples-median", "5.40", 5.4, 5e-3), ("examples-mean", "20.77", 20.8, 5e-2), ("error-falls-with-compute", "−0.10", -0.1034, 5e-5),
    ("seven-shifts-zero-shot", "79.0", 0.7897, 5e-5), ("seven-shifts-probe", "72.6", 0.7258, 5e-5),
    ("seven-shifts-noisy-student", "72.4", 0.7236, 5e-5)])
def test_derived_statements_come_out_of_the_papers_numbers(name: str, shown: str, value: float, digit: float) -> None:
    verdict = at_paper_scale(name)
    assert verdict.state == "reproduced" and verdict.found.startswith(shown)
    assert abs(verdict.estimate.value - value) <= digit + 1e-9


def test_figure_8_follows_from_figure_5s_kitti_and_not_from_the_tables() -> None:
    names = ("zero-shot-follows-probe", "zero-shot-over-probe-slope")
    assert [f"{at_paper_scale(n).estimate.value:.3f}" for n in names] == ["0.814", "1.321"]
    records = PAPER.records.copy()
    kitti = records["dataset"].map(plain).eq("kitti") & records["method"].eq("zero-shot") & records["model"].eq("ViT-L/14@336")
    assert kitti.sum() == 1 and records.loc[kitti, "value"].item() == pytest.approx(0.219)
    records.loc[kitti, ["value", "ci_low", "ci_high"]] = 0.331  # 67.1, the ResNet-50 probe of Table 10, minus Fig 5's 34.0
    assert [at_paper_scale(n, Pool(records, exact=True)).state for n in names] == ["reproduced", "reproduced"]
    assert [at_paper_scale(n, Pool(records, exact=True)).found[:4] for n in names] == ["0.82", "1.28"]


def test_robustness_line_is_that_of_the_82_standard_models() -> None:
    rows = pick(published_records(PROJECT), **SUBSETS_TO_SHIFTS, testbed="STANDARD")
    wide = rows.pivot(index="model", columns="metric", values="value").dropna()
    slope, intercept = np.polyfit(logit(wide["source_top1"]), logit(wide["shift_top1"]), 1)
    assert len(wide) == 82
    assert (round(slope, 4), round(intercept, 4)) == (0.8602, -2.0795)  # a fit of the same rows by another program
    assert at_paper_scale("effective-robustness").state == "reproduced"


@pytest.mark.parametrize("name", sorted(CLAIMS))
def test_the_papers_own_numbers_give_each_claim_or_the_claim_says_why_not(name: str) -> None:
    verdict, small = judge(PROJECT, PAPER, CLAIMS[name])
    assert verdict.state in STATES and (small.state == "not run" or name in BY_OBJECTIVE)
    if name in OFF:
        assert verdict.state in ("not reproduced", "inconclusive") and CLAIMS[name].note
    elif name in GAINS_ONLY:
        assert verdict.state == "not run" and CLAIMS[name].needs in verdict.reason
    else:
        assert verdict.state == "reproduced", verdict


@pytest.mark.parametrize("name", sorted(set(CLAIMS) - OFF - GAINS_ONLY - {"zero-shot-more-robust-than-probe", "yfcc-vs-wit-single-sets"}))
def test_other_numbers_flip_each_verdict(name: str) -> None:
    changes = (lambda v: 0.3 * v, lambda v: 3 * v, lambda v: 1 - v, lambda v: v.max() + v.min() - v)
    assert any(at_paper_scale(name, changed(name, change)).state != "reproduced" for change in changes)


def test_probes_that_keep_their_robustness_flip_its_verdict() -> None:
    records = PAPER.records.copy()
    records.loc[pick(records, **SUBSETS_TO_SHIFTS, method="linear-probe", metric="shift_top1").index, "value"] += 0.2
    assert at_paper_scale("zero-shot-more-robust-than-probe", Pool(records, exact=True)).state == "not reproduced"


def test_two_models_with_near_scores_on_each_set_flip_the_verdict_on_single_sets() -> None:
    """Either way round: the largest gap counts, whoever is ahead."""
    rows = PAPER.records["study"].eq("yfcc_vs_wit") & PAPER.records["method"].eq("zero-shot") & PAPER.records["metric"].eq("top1")
    wit = PAPER.records[rows & PAPER.records["model"].eq("RN50 on WIT")].set_index("dataset")["value"]
    for off, state in ((0.099, "not reproduced"), (0.101, "reproduced"), (-0.099, "not reproduced"), (-0.101, "reproduced")):
        records = PAPER.records.copy()
        ours = rows & records["model"].eq("RN50 on YFCC")
        near = records.loc[ours, "dataset"].map(wit) + off * records.loc[ours, "dataset"].eq("UCF101")
        for column in ("value", "ci_low", "ci_high"):
            records.loc[ours, column] = near
        assert at_paper_scale("yfcc-vs-wit-single-sets", Pool(records, exact=True)).state == state, off


@pytest.mark.parametrize("name", ["zero-shot-imagenet", "seven-shifts-probe", "examples-mean", "probe-lead-12"])
def test_one_percent_flips_a_value(name: str) -> None:
    """1 % of these is 0.76, 0.73, 0.21 and 0.9 in their units, above each tolerance of 0.5, 0.05, 0.05, 0.05."""
    assert at_paper_scale(name, changed(name, lambda v: 1.01 * v)).state == "not reproduced"


@pytest.mark.parametrize(("birdsnap", "half", "state"), [
    (0.0069, 0, "not reproduced"), (0.0066, 0, "not reproduced"), (0.0064, 0, "reproduced"), (0.0, 0, "reproduced"), (-0.01, 0, "reproduced"),
    (0.0064, 0.0005, "inconclusive"), (0.007, 0.001, "inconclusive"), (0.008, 0.001, "not reproduced"), (0.002, 0.004, "reproduced")])
def test_a_bound_holds_at_and_below_it_and_needs_the_whole_interval(birdsnap: float, half: float, state: str) -> None:
    """0.6 points and the 0.05 that printing hides; the others of Figure 17 stand below, so that Birdsnap decides."""
    records = PAPER.records.copy()
    rows = records["study"].eq("data_overlap") & records["metric"].eq("gain")
    records.loc[rows, ["value", "ci_low", "ci_high"]] = -0.02
    one = rows & records["dataset"].eq("Birdsnap")
    records.loc[one, ["value", "ci_low", "ci_high"]] = birdsnap, birdsnap - half, birdsnap + half
    assert at_paper_scale("overlap-gains-little", Pool(records, exact=True)).state == state
    assert CLAIMS["overlap-gains-little"].paper.expected == "at most 0.6 + 0.05 points"


def test_the_papers_own_gains_are_above_its_bound_for_birdsnap() -> None:
    verdict = at_paper_scale("overlap-gains-little")
    assert (verdict.state, verdict.found) == ("not reproduced", "0.7")
    assert verdict.estimate.value == pytest.approx(0.0069)


def test_the_gain_of_a_model_trained_here_decides_its_miniature_alone() -> None:
    records = PAPER.records.assign(model="rn-s", scale="miniature")
    records.loc[records["metric"].eq("gain"), ["value", "ci_low", "ci_high"]] = 0.0
    paper, small = judge(PROJECT, Pool(records, exact=True), CLAIMS["overlap-gains-little"])
    assert (paper.state, small.state, small.found) == ("not run", "reproduced", "0.0")


def in_miniature(tmp_path: Path, study: str, rows: list[tuple], baselines: str = "") -> dict[str, Verdict]:
    file = write(tmp_path / "own-1" / f"{study}.h5", study, rows, config=f"model.activation = auto\nmodel.baselines = {baselines}\nseed = 7\n")
    pool = make_pool([read_run(file.parent)])
    return {name: judge(PROJECT, pool, claim)[1] for name, claim in CLAIMS.items() if claim.miniature and study in claim.miniature.ours.get("study", study)}


@pytest.mark.parametrize(("gain", "state"), [(0.2, "reproduced"), (-0.2, "not reproduced"), (0.0, "inconclusive")])
def test_other_encoders_stand_against_the_trained_and_are_none_of_them(tmp_path: Path, gain: float, state: str) -> None:
    rows = [row(d, m, "linear-probe", "top1", value, {"lambda": "1", "rule": "fast"}, 400) for d, base in (("a", 0.3), ("b", 0.5))
            for m, value in (("efficientnet-lite0", base - 0.1), ("efficientnet-lite2", base), ("rn-s", base + gain), ("raw-pixels", 0.1))]
    found = in_miniature(tmp_path, "representation", rows, "efficientnet-lite0,efficientnet-lite2")
    assert found["probe-lead-27"].state == state and found["probe-lead-27"].estimate.value == pytest.approx(gain)
    assert found["probe-above-noisy-student"].state == state
    scales = make_pool([read_run(tmp_path / "own-1")]).records.groupby("model")["scale"].first()
    assert scales.to_dict() == {"efficientnet-lite0": "others", "efficientnet-lite2": "others", "rn-s": "miniature", "raw-pixels": ""}


def test_objectives_are_compared_at_the_same_numbers_of_pictures(tmp_path: Path) -> None:
    curves = {"contrastive_bow": (0.2, 0.5), "bow_prediction": (0.3, 0.3), "transformer_lm": (0.1, 0.2)}
    rows = [row(d, m, "zero-shot", "top1", value, {"images": str(1000 * (i + 1))}, 1000) for d in ("a", "b") for m, curve in curves.items() for i, value in enumerate(curve)]
    found = in_miniature(tmp_path, "objective_efficiency", rows)
    assert found["contrastive-efficiency"].estimate.value == pytest.approx(0.05) and found["contrastive-efficiency"].state == "reproduced"
    assert found["bag-of-words-efficiency"].estimate.value == pytest.approx(0.15) and found["bag-of-words-efficiency"].state == "reproduced"


def test_chance_the_source_and_one_example_are_what_miniatures_are_held_against(tmp_path: Path) -> None:
    words = [row("pairs", "rn-s", "zero-shot", "recall1", 0.01, {"direction": "text-to-image"}, 1000), row("pairs", "chance", "floor", "recall1", 0.01, {"direction": "text-to-image"}, 1000)]
    assert in_miniature(tmp_path / "a", "retrieval", words)["retrieval-above-zero-shot-models"].state == "inconclusive"
    full = {"source_set": "a", "role": "baseline", "share": "1/1"}
    shift = [row("b", "raw-pixels", "linear-probe", metric, value, full, 1000) for metric, value in (("source_top1", 0.6), ("shift_top1", 0.3))]
    found = in_miniature(tmp_path / "b", "distribution_shift", shift)["resnet101-five-times-the-errors"]
    assert found.state == "reproduced" and found.estimate.value == pytest.approx(-0.3)
    few = [row(d, "rn-s", "few-shot", "examples_per_class", value, {"start": "zero"}, 100, 0.0) for d, value in (("a", 3.0), ("b", 0.5))]
    found = in_miniature(tmp_path / "c", "few_shot", few)["examples-mean"]
    assert found.state == "point only" and found.estimate.value == pytest.approx(1.75)  # examples have no interval


def test_a_data_sets_own_labels_are_no_prompt_of_the_claims(tmp_path: Path) -> None:
    rows = [row("a", "rn-s", "zero-shot", "top1", value, {"prompts": prompts} | own, 400)
            for prompts, value in (("name-only", 0.3), ("one-template", 0.4)) for own in ({}, {"names": "own"})
            for value in (value if not own else 0.9,)]
    assert in_miniature(tmp_path, "prompt_engineering", rows)["one-template"].estimate.value == pytest.approx(0.1)


def measured(name: str, half: float, off: float = 0.0) -> Verdict:
    """The claim judged on the paper's numbers as if they were measured, each with such a half-width."""
    records = PAPER.records.copy()
    rows = select(PROJECT, records, CLAIMS[name].paper.ours, small=False).index
    records.loc[rows, "value"] += off
    records["ci_low"], records["ci_high"] = records["value"] - half, records["value"] + half
    return at_paper_scale(name, Pool(records))


@pytest.mark.parametrize(("half", "off", "state"), [
    (0.004, 0.0, "reproduced"), (0.006, 0.0, "inconclusive"), (0.004, 0.02, "not reproduced"), (0.02, 0.02, "inconclusive"), (0.0, 0.0, "point only"),
    (0.0, 0.02, "point only")])
def test_a_value_is_reproduced_when_its_whole_interval_is_within_the_tolerance(half: float, off: float, state: str) -> None:
    """76.2 % on ImageNet, give or take 0.5 points."""
    assert measured("zero-shot-imagenet", half, off).state == state


def test_records_of_several_variants_are_no_mean(tmp_path: Path) -> None:
    rows = [row("a", "rn-s", "few-shot", "examples_per_class", value, {"start": start}, 100, 0.0) for start, value in (("zero", 3.0), ("zero-shot", 60.0))]
    frame = make_pool([read_run(write(tmp_path / "own-1" / "few_shot.h5", "few_shot", rows).parent)]).records
    with pytest.raises(ClaimError, match="start=zero and start=zero-shot"):
        indexed(frame, ("dataset",), "median")
    two = [row("a", m, "zero-shot", "top1", value, {}, 100) for m, value in (("rn-s", 0.3), ("rn-w", 0.5))]
    frame = make_pool([read_run(write(tmp_path / "own-2" / "x.h5", "few_shot", two).parent)]).records
    mean = indexed(frame, ("dataset",), "mean").loc["a"]
    halves = (frame["ci_high"] - frame["value"]).mean()
    assert mean["value"] == pytest.approx(0.4) and mean["ci_high"] - mean["value"] == pytest.approx(halves)  # on the same pictures: no quadrature


@pytest.mark.parametrize(("line", "state", "reason"), [
    ("fitted", "reproduced", ""), ("extrapolated", "inconclusive", "extrapolated"), ("not significant", "inconclusive", "not significant"),
    ("few points", "inconclusive", "few points")])
def test_a_distance_from_a_line_has_a_verdict_only_where_the_line_carries_one(tmp_path: Path, line: str, state: str, reason: str) -> None:
    rows = [row("b", "rn-s", "zero-shot", "effective_robustness", 0.05, {"source_set": "a", "line": line}, 1000, 0.02)]
    verdict = in_miniature(tmp_path, "distribution_shift", rows)["effective-robustness"]
    assert verdict.state == state and reason in verdict.reason and verdict.found == "5.0 [3.0, 7.0]"
    both = [*rows, row("c", "rn-s", "zero-shot", "effective_robustness", -0.3, {"source_set": "a", "line": "extrapolated"}, 1000, 0.02)]
    if line == "fitted":
        assert in_miniature(tmp_path / "both", "distribution_shift", both)["effective-robustness"].found == verdict.found


def test_contradictions_stand_with_both_values() -> None:
    found = contradictions(PROJECT).set_index(["about", "where_a"])
    assert len(found) == 15 and (found["value_a"] != found["value_b"]).all()
    for about, place, values in (("KITTI", "Fig 5", (-34.0, -45.2)), ("UCF101", "Fig 5", (7.7, 5.7)), ("STL10", "section 3.1.5", (99.3, 99.4)),
                                 ("MNIST", "Table 14", (88.4, 88.3)), ("FER2013", "Table 9", (8, 7))):
        assert tuple(found.loc[(about, place), ["value_a", "value_b"]]) == values
    records = PAPER.records
    cells = records[records["study"].eq("zero_shot_vs_probe") & records["dataset"].eq("KITTI")].set_index(["model", "method"])["value"]
    assert cells["ViT-L/14@336", "zero-shot"] - cells["ResNet-50", "linear-probe"] == pytest.approx(-0.452)


def test_the_same_verdicts_come_from_result_files(tmp_path: Path) -> None:
    """Result files hold what the printed numbers hold: reading, pooling and naming lose nothing."""
    pool = make_pool([read_run(write_paper_run(PROJECT, tmp_path / "paper-00000000"))])
    pool.exact = True
    for claim in CLAIMS.values():
        ours, theirs = judge(PROJECT, pool, claim)[0], at_paper_scale(claim.id)
        assert (ours.state, ours.found) == (theirs.state, theirs.found), claim.id
        assert ours.state == "not run" or len(ours.sources) > 0


@pytest.mark.parametrize("flag", [{"smoke": "yes"}, {"dirty": "yes"}, {"limit": "100"}])
def test_smoke_dirty_and_limited_records_decide_nothing(tmp_path: Path, flag: dict[str, str]) -> None:
    pool = make_pool([read_run(write_paper_run(PROJECT, tmp_path / "paper-00000000", **flag))])
    assert len(pool.clean) == 0 and sum(pool.counts().values()) == len(pool.records) > 1000
    assert {judge(PROJECT, pool, c)[0].state for c in CLAIMS.values()} == {"not run"}


def test_a_later_file_supersedes_and_a_second_model_does_not(tmp_path: Path) -> None:
    ours = PAPER.records[PAPER.records["dataset"].eq("ImageNet") & PAPER.records["study"].eq("zero_shot_vs_probe")]
    write_paper_run(PROJECT, tmp_path / "early", ours, date="2026-01-01T00:00:00Z")
    write_paper_run(PROJECT, tmp_path / "late", ours.assign(value=0.5)[ours["model"].eq("ViT-L/14@336")], date="2026-01-02T00:00:00Z")
    pool = make_pool([read_run(tmp_path / "late"), read_run(tmp_path / "early")])
    assert at_paper_scale("zero-shot-imagenet", pool).found.startswith("50.0")
    assert set(pool.counts()) == {"superseded by a later file of the same study"}
    assert pool.clean["model"].nunique() == ours["model"].nunique()


def test_seeds_of_one_recipe_are_pooled_and_other_recipes_superseded(tmp_path: Path) -> None:
    for seed, value in ((1, 0.40), (2, 0.50), (3, 0.48)):
        write(tmp_path / f"own-{seed}" / "zero_shot_vs_probe.h5", "zero_shot_vs_probe", [row("a", "rn-s", "zero-shot", "top1", value, {}, 1000)],
              config=f"steps = 9\nseed = {seed}\n", seed=str(seed), date=f"2026-01-0{seed}T00:00:00Z")
    write(tmp_path / "own-0" / "zero_shot_vs_probe.h5", "zero_shot_vs_probe", [row("a", "rn-s", "zero-shot", "top1", 0.9, {}, 1000)],
          config="steps = 8\nseed = 4\n", seed="4", date="2026-01-01T00:00:00Z")
    pool = make_pool([read_run(tmp_path / f"own-{seed}") for seed in range(4)])
    one = pool.clean.iloc[0]
    assert len(pool.clean) == 1 and one["value"] == pytest.approx(0.46) and one["interval"] == "t(3 seeds, pictures)"
    spread = np.std([0.40, 0.50, 0.48], ddof=1) / np.sqrt(3)
    assert one["ci_high"] - one["value"] > 2 * np.hypot(spread, np.sqrt(0.46 * 0.54 / 1000))
    assert pool.counts() == {"pooled with other seeds of the same recipe": 3, "superseded by a later file of the same study": 1}


def test_too_few_pictures_or_another_metric_are_not_comparable() -> None:
    records = PAPER.records.copy()
    records.loc[records["dataset"].eq("ImageNet"), "n"] = 1000
    verdict = at_paper_scale("zero-shot-imagenet", Pool(records, exact=True))
    assert verdict.state == "not comparable" and "1,000 test pictures, the paper has 50,000" in verdict.reason
    records = PAPER.records.copy()
    records.loc[records["dataset"].eq("VOC2007"), "metric"] = "top1"
    verdict = at_paper_scale("above-resnet50-probe", Pool(records, exact=True))
    assert verdict.state == "not comparable" and "VOC2007: top1 recorded, the paper has map11" in verdict.reason


@pytest.mark.parametrize(("n", "rounds", "state"), [(3783, "", "reproduced"), (11213, "3", "reproduced"), (11213, "", "not comparable"), (3738, "", "not comparable"),
                                                    (1113, "3", "not comparable")])
def test_pictures_of_several_splits_are_counted_together(n: int, rounds: str, state: str) -> None:
    records = PAPER.records.copy()
    rows = records["dataset"].eq("UCF101") & records["method"].eq("linear-probe")
    records.loc[rows, "n"] = n
    records.loc[rows, "params"] = to_text({"rounds": rounds})
    assert at_paper_scale("actions-probe", Pool(records, exact=True)).state == state


def test_a_missing_data_set_is_counted_and_named() -> None:
    verdict = at_paper_scale("above-resnet50-probe", Pool(PAPER.records[PAPER.records["dataset"] != "GTSRB"]))
    assert verdict.state == "not run" and "1 of 27 data sets" in verdict.reason and "GTSRB" in verdict.reason


def test_a_model_trained_here_under_a_papers_name_is_not_the_papers(tmp_path: Path) -> None:
    from fake_run import row, write

    write_paper_run(PROJECT, tmp_path / "own", PAPER.records[PAPER.records["dataset"].eq("ImageNet") & PAPER.records["study"].eq("zero_shot_vs_probe")])
    write(tmp_path / "own" / "train_ViT-L_14_336.h5", "train", [row("drawings", "ViT-L/14@336", "train", "loss", 1.3, width=0.0)])
    verdict = at_paper_scale("zero-shot-imagenet", make_pool([read_run(tmp_path / "own")]))
    assert verdict.state == "not comparable" and "trained here" in verdict.reason


GOOD = """[[claim]]
id = "a"
where = "Table 1"
statement = "One."
test = "mean"
unit = "percent"
ours = { model = "RN50", metric = "top1", dataset = "ImageNet" }
value = 1
tolerance = 0.5
"""


@pytest.mark.parametrize(("old", "new", "message"), [
    ("[[claim]]", "[[claim", "no TOML"), ("[[claim]]", "[[claims]]", "field 'claims' is unknown"), ('id = "a"\n', "", "no field 'id'"),
    ('"mean"', '"magic"', "test 'magic' is unknown"), ('"percent"', '"miles"', "unit 'miles' is unknown"),
    ("value = 1\n", "", "either 'value'"), ("tolerance = 0.5", "tolerance = -1", "0 or more"),
    ("tolerance = 0.5", "above = 0", "either 'value'"), ("value = 1", 'value = "1"', "field 'value' is '1', expected a number"),
    ("value = 1", "at_most = 1\nvalue = 1", "either 'value'"), ("value = 1\ntolerance = 0.5", "at_most = 1", "go together"),
    (GOOD, GOOD + '[claim.miniature]\nat_most = 2\n', "expected a direction"),
    ("value = 1", "value = true", "field 'value' is True"), ("tolerance = 0.5", "tolerence = 0.5", "field 'tolerence' is unknown"),
    ('"mean"', '"difference"', "'against' is missing"), ('"mean"', '"within"', "'against' is missing"),
    (', dataset = "ImageNet"', "", "at least 'dataset'"), ('"RN50"', "[1]", "'model' holds [1]"), ('metric = "top1"', "metric = 5", "'metric' is 5"),
    (GOOD, GOOD + GOOD, "the second with this id"), (GOOD, GOOD + '[claim.miniature]\nvalue = 2\ntolerance = 1\n', "expected a direction"),
    (GOOD, GOOD + "[claim.miniature]\nabove = 0\n", "'ours' is missing")])
def test_bad_claims_are_refused_with_file_claim_and_reason(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "claims.toml"
    path.write_text(GOOD)
    assert [c.id for c in read_file(path)] == ["a"]
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(ClaimError) as caught:
        read_file(path)
    assert str(path) in str(caught.value) and message in str(caught.value) and "\n" not in str(caught.value)


def test_the_same_id_in_two_files_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "paper" / "claims"
    folder.mkdir(parents=True)
    for name in ("1.toml", "2.toml"):
        (folder / name).write_text(GOOD)
    with pytest.raises(ClaimError, match="2.toml: claim 'a' stands already in 1.toml"):
        read_claims(tmp_path)


def test_claims_without_records_or_files_are_not_run(tmp_path: Path) -> None:
    assert read_claims(tmp_path) == []
    verdict = judge(PROJECT, make_pool([]), CLAIMS["zero-shot-imagenet"])
    assert [v.state for v in verdict] == ["not run", "not run"] and "needs records of" in verdict[0].reason
    assert isinstance(make_pool([]).clean, pd.DataFrame)
