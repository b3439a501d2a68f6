"""The paper's measured numbers as records: the same columns as a result file's, fractions, so that claims and tables
read both alike.

Read from experiments/*/reference.csv and paper/published/. What the paper derived from its measurements (wins, gains,
fits, means over data sets) is left out: claims.py derives it again. Names become those of our studies' records."""

from __future__ import annotations

import functools
from pathlib import Path

import pandas as pd

from params import column, to_text, without
from reference import COLUMNS, plain, read_reference
from results import RATE

FOLDER = Path("paper") / "published"
RECORD = ["study", "dataset", "model", "method", "metric", "params", "unit", "value", "ci_low", "ci_high", "n", "paper_ref", "source"]
MEASURED = {"top1", "top5", "mean_per_class", "roc_auc", "map11", "mean_top1_top5", "error", "source_top1", "shift_top1",
            "recall1", "recall5", "recall10", "examples_per_class", "gflops", "label_rate", "share", "mwap", "mwsap", "mean",
            "within_1km", "within_25km", "within_200km", "within_750km", "within_2500km"}
PAPER_UNITS = {"percent": RATE, "points": "fraction difference", "GFLOPs": "gflops", "examples": "examples"}
DERIVED_FROM = {"fit", "training", "dataset", "zero-shot minus ResNet-50 linear-probe"}
STUDY_OF = {  # where paper/published/reference.csv has rows of a study that has no file of its own
    "Table 1": "visual_ngrams", "Table 2": "human_comparison", "section 4": "human_comparison", **{f"Table {i}": "bias" for i in range(3, 9)},
    "section 7.1": "bias", "section 7.2": "bias", "Table 12": "yfcc_vs_wit", "Table 14": "ocr", "appendix E.2": "ocr",
    "Table 15": "action", "Table 17": "geolocalization", "Fig 2": "objective_efficiency", "Fig 17": "data_overlap",
    "section 5": "data_overlap"}
SECOND_VALUES = ("text", "Table 14")  # contradictions.csv has both values of such a cell
FRAMES = ("pm-0", "pm-10")
SHIFTS = {  # shift and frames, "" for pictures -> the column of imagenet_testbed.csv
    ("ImageNetV2", ""): "imagenetv2-matched-frequency", ("ImageNet-A", ""): "imagenet-a", ("ImageNet-R", ""): "imagenet-r",
    ("ObjectNet", ""): "objectnet-1.0-beta", ("ImageNet-Sketch", ""): "imagenet-sketch",
    ("ImageNet-Vid", "pm-0"): "imagenet-vid-robust_pm0", ("ImageNet-Vid", "pm-10"): "imagenet-vid-robust_pm10",
    ("Youtube-BB", "pm-0"): "ytbb-robust_pm0", ("Youtube-BB", "pm-10"): "ytbb-robust_pm10"}
SUBSETS = ("val", "val", "val-on-imagenet-a-classes", "val-on-imagenet-r-classes", "val-on-objectnet-classes",
           "val-on-vid-robust-classes", "val-on-ytbb-robust-classes")  # ImageNetV2 and Sketch have all 1,000 classes
SUBSETS_TO_SHIFTS = {"source_set": "ImageNet class subsets", "summary": "mean", "suite": "7 shifts"}  # the axes of Figures 14 and 15
PAPER_MODELS = ("RN50", "RN101", "RN50x4", "RN50x16", "RN50x64", "ViT-B/32", "ViT-B/16", "ViT-L/14", "ViT-L/14@336", "CLIP")
CLIP_FAMILIES = ("CLIP-RN", "CLIP-ViT")


@functools.cache
def table9(root: Path) -> pd.DataFrame:
    """The paper's 27 data sets, a row each: sizes, metric, Kornblith's 12."""
    path = root / FOLDER / "table09.csv"
    return pd.read_csv(path, keep_default_na=False) if path.exists() else pd.DataFrame(
        columns=["dataset", "title", "kornblith12", "classes", "train_size", "test_size", "metric", "note"])


@functools.cache
def contradictions(root: Path) -> pd.DataFrame:
    path = root / FOLDER / "contradictions.csv"
    return pd.read_csv(path, keep_default_na=False) if path.exists() else pd.DataFrame(columns=["about"])


@functools.cache
def published_records(root: Path) -> pd.DataFrame:
    """Every measured number of the paper; of two for one cell the main tables' comes first and counts."""
    frames = [read_reference(path).assign(study=path.parent.name) for path in sorted((root / "experiments").glob("*/reference.csv"))]
    wide = root / FOLDER / "reference.csv"
    if wide.exists():
        rows = read_reference(wide)
        frames.append(rows.assign(study=rows["paper_ref"].map(STUDY_OF).fillna("")))
    frames += [_table10(root), _testbed(root)]
    frames = [f for f in frames if len(f)]
    if not frames:
        return pd.DataFrame(columns=RECORD)
    rows = pd.concat(frames, ignore_index=True)
    rows = _as_our_records(rows)
    measured = rows["metric"].isin(MEASURED) | rows["metric"].eq("gain") & rows["study"].eq("data_overlap")
    rows = rows[measured & ~rows["method"].isin(DERIVED_FROM)]
    rows = rows[~(rows["study"].eq("zero_shot_vs_probe") & column(rows, "origin").isin(SECOND_VALUES))]
    main = rows["paper_ref"].isin(["Table 10", "Table 11", "Table 13", "Table 16"])
    rows = pd.concat([rows[main], rows[~main], _averaged(rows)])
    rows = rows.drop_duplicates(["study", "dataset", "model", "method", "metric", "params"])
    sizes = {plain(d): int(n) for d, n in zip(table9(root)["dataset"], table9(root)["test_size"], strict=True)}
    rows["n"] = rows["dataset"].map(lambda d: sizes.get(plain(d), 0))
    rows["ci_low"] = rows["ci_high"] = rows["value"]
    return rows[RECORD].reset_index(drop=True)


def _as_our_records(rows: pd.DataFrame) -> pd.DataFrame:
    """Fractions, and the names that our studies write."""
    rows = rows.copy()
    rows["value"] = rows["value"].where(~rows["unit"].isin(["percent", "points"]), rows["value"] / 100)
    rows["unit"] = rows["unit"].replace(PAPER_UNITS)
    rows.loc[rows["metric"].eq("mean_score"), "metric"] = "top1"  # Fig 6
    rows.loc[rows["metric"].eq("score"), "metric"] = "top1"  # Fig 4
    over_sets = column(rows, "summary").ne("")
    derived = rows["metric"].eq("examples_per_class") & over_sets
    derived |= column(rows, "source_set").eq("ImageNet") & over_sets | (rows["metric"].eq("mean") & rows["paper_ref"].ne("Table 12"))
    return rows[~derived]


def _averaged(rows: pd.DataFrame) -> pd.DataFrame:
    """Vid and YTBB as the paper scores them: the mean of pm-0 and pm-10."""
    halves = rows[column(rows, "frames").isin(FRAMES) & rows["metric"].eq("shift_top1")]
    keys = ["study", "dataset", "model", "method", "metric", "params", "paper_ref", "source", "unit"]
    both = without(halves, "frames").groupby(keys, sort=False, as_index=False)["value"].agg(["mean", "size"])
    return both[both["size"] == len(FRAMES)].rename(columns={"mean": "value"}).drop(columns="size")


def _table10(root: Path) -> pd.DataFrame:
    path = root / FOLDER / "table10.csv"
    if not path.exists():
        return pd.DataFrame()
    metric = dict(zip(table9(root)["dataset"], table9(root)["metric"], strict=True))
    rows = pd.read_csv(path).melt(["family", "model"], var_name="dataset", value_name="value")
    plain_rows = rows["family"].isin(CLIP_FAMILIES) | rows["model"].eq("ResNet-50")  # these stand in reference.csv too
    params = [to_text({"family": "" if known else family}) for known, family in zip(plain_rows, rows["family"], strict=True)]
    return rows.assign(paper_ref="Table 10", method="linear-probe", metric=rows["dataset"].map(metric), params=params,
                       unit="percent", source="arXiv 2103.00020, Table 10", study="zero_shot_vs_probe")[[*COLUMNS, "params", "study"]]


def _testbed(root: Path) -> pd.DataFrame:
    """Models of Taori et al. under each shift, and the two axes of Figures 14 and 15 where all are known."""
    path = root / FOLDER / "imagenet_testbed.csv"
    if not path.exists():
        return pd.DataFrame()
    bed = pd.read_csv(path)
    average = {shift: bed[[c for (name, _), c in SHIFTS.items() if name == shift]].mean(axis=1, skipna=False)
               for shift in dict.fromkeys(name for name, _ in SHIFTS)}
    parts = [("ImageNet", {}, "source_top1", bed["val"])]
    parts += [(shift, {"source_set": "ImageNet"}, "shift_top1", values) for shift, values in average.items()]
    parts += [("", SUBSETS_TO_SHIFTS, "source_top1", sum(bed[c] for c in SUBSETS) / len(SUBSETS)),
              ("", SUBSETS_TO_SHIFTS, "shift_top1", sum(average.values()) / len(average))]
    kinds = bed["type"].fillna("OTHER")
    rows = pd.concat([pd.DataFrame({"dataset": d, "metric": m, "value": v, "model": "testbed " + bed["model"],
                                    "params": [to_text(p | {"testbed": kind}) for kind in kinds]}) for d, p, m, v in parts]).dropna(subset=["value"])
    return rows.assign(paper_ref="Fig 14", method="supervised", unit="percent", study="distribution_shift",
                       source="Taori et al. 2020, imagenet-testbed")[[*COLUMNS, "params", "study"]]
