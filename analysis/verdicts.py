"""Verdicts on the paper's claims from the records of a report's runs, at the paper's scale and in miniature.

A claim counts as reproduced when the whole interval of the number lies within the claim's tolerance, or on the claimed side of a
bound; as not reproduced when the whole interval lies outside; else as inconclusive. A number without an interval is a point only."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import pandas as pd

from claims import UNITS, Claim, ClaimError, Question
from estimates import AGAINST_BY_MODEL, BY_NUMBER, OF_BOUNDS, TESTS
from intervals import CENSORED, COLUMNS, EXACT, Estimate, TooFew, Unfit, mean_alike
from params import column, parsed
from pool import NOT_MODELS, Pool
from published import PAPER_MODELS, published_records, table9
from reference import plain
from study_tables import are_baselines
from wording import BOUNDS

STATES = ("reproduced", "not reproduced", "inconclusive", "point only", "not comparable", "not run")
AVERAGED = ("lambda", "rule", "validation", "classes_not_validated", "undecodable", "family", "testbed", "suite", "point")  # params that may differ within one mean
SHIFTS7 = ["ImageNetV2", "ImageNet-A", "ImageNet-R", "ObjectNet", "ImageNet-Sketch", "ImageNet-Vid", "Youtube-BB"]  # of ImageNet
PLACE = ("source_set", "group", "frames")  # params that with the data set say which pictures
_PAPER = {plain(m) for m in PAPER_MODELS}


@dataclass(frozen=True)
class Verdict:
    state: str
    found: str = ""  # what came out, in the claim's unit
    reason: str = ""
    estimate: Estimate | None = None
    sources: tuple[tuple[str, int], ...] = field(default=())  # (file, row) of the records of ours


class Missing(Exception):
    """Records that a claim needs and no run holds."""


def places(rows: pd.DataFrame) -> list[str]:
    """One name for a data set of ours and of the paper, with the source of a shift and the group of people."""
    keys = (column(rows, name) for name in ("dataset", *PLACE))
    return [" of ".join(plain(part) for part in parts if part) for parts in zip(*keys, strict=True)]


def are_shifts7(rows: pd.DataFrame) -> pd.Series:
    """Rows of the seven natural shifts of ImageNet."""
    names = {plain(d) for d in SHIFTS7}
    return rows["dataset"].map(plain).isin(names) & column(rows, "source_set").map(plain).eq("imagenet") & column(rows, "frames").eq("")


def judge(root: Path, pool: Pool, claim: Claim) -> tuple[Verdict, Verdict]:
    """At the paper's scale, and the direction in miniature; a record without a number counts as none."""
    records = pool.clean.dropna(subset=["value"])
    paper = _verdict(root, records, claim, claim.paper, small=False, exact=pool.exact)
    if claim.miniature is None:
        return paper, Verdict("not run", reason="no miniature of it: it needs the paper's models or data")
    return paper, _verdict(root, records, claim, claim.miniature, small=True, exact=pool.exact)


def _verdict(root: Path, records: pd.DataFrame, claim: Claim, question: Question, small: bool, exact: bool) -> Verdict:
    levels = TESTS[question.test][1]
    try:
        ours = select(root, records, question.ours, small)
        sources = tuple(zip(ours["file"], ours["row"], strict=True)) if "file" in ours else ()
        reason = "" if small or question.ours.get("published") else incomparable(root, ours, question.ours)
        options: dict = {"within": question.within}
        ours, unfit_line = _on_fit_lines(ours)
        against = None
        if question.against is not None:
            rows, _ = _on_fit_lines(select(root, records, question.against, small))
            against = indexed(rows, ("model", "dataset") if question.test in AGAINST_BY_MODEL else levels, question.test)
        if question.baseline is not None:
            options["baseline"] = _axes(select(root, records, question.baseline, small))
        own = indexed(ours, levels, question.test)
        if question.test not in OF_BOUNDS and (bounds := sum(int(rows[CENSORED].ne("").sum()) for rows in (own, against) if rows is not None)):
            return Verdict("inconclusive", reason=f"of {bounds} numbers a bound alone is known, the test needs their values", sources=sources)
        estimate = TESTS[question.test][0](own, against, options)
    except Missing as missing:
        also = f"; {claim.needs}" if claim.needs and not small else ""
        return Verdict("not run", reason=f"needs {missing}{also}")
    except (TooFew, ClaimError) as fault:
        return Verdict("not run", reason=str(fault))
    except Unfit as unfit:
        return Verdict("inconclusive", shown(unfit.found, question.unit), str(unfit), unfit.found, sources)
    found = shown(estimate, question.unit)
    if reason:
        return Verdict("not comparable", found, reason, estimate, sources)
    if unfit_line:
        return Verdict("inconclusive", found, unfit_line, estimate, sources)
    return Verdict(compare(estimate, question, exact), found, "", estimate, sources)


def _on_fit_lines(rows: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Of numbers held against a line those whose line carries them; where there are none, all, and what stands against them."""
    line = column(rows, "line").fillna("")
    unfit = ~line.isin(["", "fitted"])
    if not unfit.all():
        return rows[~unfit], ""
    return rows, "the baselines' line: " + ", ".join(sorted(set(line)))


def compare(estimate: Estimate, question: Question, exact: bool = False) -> str:
    """`exact`: the records are printed numbers, which stand for themselves, without an interval."""
    scale = UNITS[question.unit]
    value, low, high = (scale * v for v in (estimate.value, estimate.low, estimate.high))
    if math.isnan(value):
        return "inconclusive"
    if not (estimate.bounded or exact):
        return "point only"
    slack = 1e-9 * max(1.0, abs(value))  # decimals of the paper are no binary fractions
    if question.value is not None:
        floor, ceiling = question.value - question.tolerance - slack, question.value + question.tolerance + slack
        if floor <= value <= ceiling if exact and math.isfinite(high - low) else floor <= low and high <= ceiling:
            return "reproduced"
        return "not reproduced" if high < floor or low > ceiling else "inconclusive"
    if question.at_most is not None:
        ceiling = question.at_most + question.tolerance + slack
        return "reproduced" if high <= ceiling else "not reproduced" if low > ceiling else "inconclusive"
    above, below = question.above, question.below
    if (above is None or low > above) and (below is None or high < below):
        return "reproduced"
    return "not reproduced" if above is not None and high <= above or below is not None and low >= below else "inconclusive"


def shown(estimate: Estimate, unit: str) -> str:
    scale = UNITS[unit]
    digits = 1 if scale == 100 else 0 if unit in ("data sets", "models", "shots") else 2
    value, low, high = (f"{scale * v:.{digits}f}".replace("inf", "∞") for v in (estimate.value, estimate.low, estimate.high))
    above, below = math.isinf(estimate.high), math.isinf(estimate.low)
    text = ("" if estimate.known or above == below else BOUNDS["above" if above else "below"]) + value
    if estimate.bounded and not math.isclose(estimate.low, estimate.high):
        text += f" [{low}, {high}]"
    of = f" of {estimate.n}" if unit == "data sets" else ""
    return f"{text}{of}".replace("-", "−")


def select(root: Path, records: pd.DataFrame, selector: dict, small: bool) -> pd.DataFrame:
    """The records that a selector names; Missing says what there is none of."""
    theirs = bool(selector.get("published"))
    frame = published_records(root) if theirs else records
    for name in ("study", "split", "method", "paper_ref"):
        if name in selector and not (theirs and name in ("study", "split")):
            frame = having(frame, name, lambda v, w=_list(selector[name]): any(fnmatchcase(v, p) for p in w))
    frame = _of_params(frame, selector.get("params", {}))
    frame = _of_models(frame, selector.get("model", []), small)
    frame = _of_data_sets(root, frame, selector, _described(selector, theirs))
    if "metric" in selector and selector["metric"] != "table9":
        frame = frame[frame["metric"].isin(_list(selector["metric"]))]
    if frame.empty:
        raise Missing(_described(selector, theirs))
    for name, wanted in selector.get("params", {}).items():
        absent = [v for v in wanted if v not in set(column(frame, name))] if isinstance(wanted, list) else []
        if absent:
            raise Missing(f"{len(absent)} of {len(wanted)} {name}s of {_described(selector, theirs)}: {', '.join(absent[:4])}")
    return frame.assign(exact=theirs | frame["model"].eq("chance") | frame["method"].eq("cost"))


def _of_params(frame: pd.DataFrame, wanted: dict[str, str | list[str]]) -> pd.DataFrame:
    """Rows whose params match: a text is a pattern, a list holds exact values, all of which must be there; "" stands for a key that is not there."""
    def fits(text: str) -> bool:
        values = parsed(text)
        return all(values.get(k, "") in w if isinstance(w, list) else fnmatchcase(values.get(k, ""), w) for k, w in wanted.items())

    return having(frame, "params", fits) if wanted else frame


def having(frame: pd.DataFrame, name: str, test: Callable[[str], bool]) -> pd.DataFrame:
    """Rows whose value passes; each distinct value is asked once."""
    passed = {v for v in frame[name].unique() if test(v)}
    return frame[frame[name].isin(passed)]


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _of_models(frame: pd.DataFrame, wanted: str | list[str], small: bool) -> pd.DataFrame:
    if wanted == "trained":  # any model that is neither the paper's nor a floor
        return frame[(frame["scale"] == "miniature") & ~frame["method"].isin(NOT_MODELS[:2])]
    if wanted == "paper":
        return having(frame, "model", lambda m: plain(m) in _PAPER)
    if wanted == "others" and small:
        return frame[frame["scale"] == "others"]
    if wanted == "others":
        others = having(frame[~are_baselines(frame)], "model", lambda m: plain(m) not in _PAPER)
        return others[~others["method"].isin(NOT_MODELS[:2])]
    if not wanted:
        return frame
    names = {plain(m) for m in _list(wanted)}
    return having(frame, "model", lambda m: plain(m) in names and not (small and plain(m) in _PAPER))


def _of_data_sets(root: Path, frame: pd.DataFrame, selector: dict, described: str) -> pd.DataFrame:
    """Rows of the named data sets, all of which must be there; `any` takes what there is, sums only if nothing else."""
    wanted, table = selector["dataset"], table9(root)
    if wanted in ("any", "any pair"):
        chosen = frame[frame["metric"].isin(_list(selector["metric"])) & (column(frame, "source_set").ne("") == (wanted == "any pair"))]
        single = chosen[chosen["dataset"] != ""]
        return single if len(single) else chosen
    if wanted in ("table9", "kornblith12", "table9 without imagenet"):
        names = table["dataset"][table["kornblith12"].eq(1) | (wanted != "kornblith12")].tolist()
        names = [n for n in names if n != "ImageNet" or wanted == "table9"]
    else:
        names = SHIFTS7 if wanted == "shifts7" else _list(wanted)
    if wanted == "shifts7":
        frame = frame[are_shifts7(frame)]
    elif "source_set" not in selector.get("params", {}):
        frame = frame[column(frame, "source_set") == ""]
    keys = {plain(n): n for n in names}
    frame = having(frame, "dataset", lambda d: plain(d) in keys)
    if selector["metric"] == "table9":
        metric = {plain(d): m for d, m in zip(table["dataset"], table["metric"], strict=True)}
        right = frame["metric"].eq(frame["dataset"].map({d: metric.get(plain(d), "top1") for d in frame["dataset"].unique()}))
        frame = _with_other_metric(frame[right], frame[~right])
    else:
        frame = frame[frame["metric"].isin(_list(selector["metric"]))]
    absent = [n for k, n in keys.items() if k not in set(frame["dataset"].map(plain))]
    if absent and len(absent) < len(keys):
        listed = ", ".join(absent[:4]) + (f" and {len(absent) - 4} more" if len(absent) > 4 else "")
        raise Missing(f"{len(absent)} of {len(keys)} data sets of {described}: {listed}")
    return frame


def _with_other_metric(right: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Top-1 in place of the paper's metric where only that was recorded: `incomparable` names it."""
    held = set(right["dataset"])
    spare = other[(other["metric"] == "top1") & ~other["dataset"].isin(held)]
    return pd.concat([right, spare]) if len(spare) else right


def _described(selector: dict, theirs: bool) -> str:
    def joined(column: str) -> str:
        return " or ".join(v.rstrip("*") for v in _list(selector.get(column, [])))

    whom = {"trained": "models that are not the paper's", "paper": "the paper's models", "others": "other models"}
    model = whom.get(joined("model"), joined("model"))
    data = {"table9": "the 27 data sets", "table9 without imagenet": "26 data sets", "kornblith12": "12 data sets", "shifts7": "seven shifts",
            "any": "any data set", "any pair": "any pair of data sets"}.get(joined("dataset"), joined("dataset"))
    metric = {"table9": "Table 9's metric"}.get(joined("metric"), joined("metric"))
    params = ", ".join(f"{k}={' or '.join(_list(v))}" for k, v in selector.get("params", {}).items() if v not in ("", "?*"))
    source = "the paper's numbers" if theirs else f"records of {joined('study') or 'a study'}"
    words = [source, model and f"for {model}:", joined("method"), metric, params and f"({params})", data and f"on {data}"]
    return " ".join(w for w in words if w)


def indexed(rows: pd.DataFrame, levels: tuple[str, ...], test: str) -> pd.DataFrame:
    """One row an index: several models on the same pictures become their mean. Raises ClaimError where records would be averaged that
    differ in what was measured."""
    rows = rows.assign(dataset=places(rows), exact=rows[EXACT] if EXACT in rows else False, censored=column(rows, CENSORED).fillna(""))
    for number in BY_NUMBER.get(test, ()):
        rows[number] = pd.to_numeric(column(rows, number), errors="coerce")
        levels = (*levels, number) if rows[number].notna().all() else levels
    groups = rows.groupby(list(levels), sort=False)
    columns = [*COLUMNS, EXACT, CENSORED]
    if len(groups) == len(rows):
        return rows.set_index(list(levels))[columns]
    made = {}
    for name, group in groups:
        if len(kinds := {_kind(text, levels) for text in group["params"]}) > 1:
            raise ClaimError(f"records of {', '.join(map(str, name))} that are not one quantity: {' and '.join(sorted(kinds))}, expected params that tell them apart")
        e = mean_alike(group)
        side = "" if math.isinf(e.low) == math.isinf(e.high) else "above" if math.isinf(e.high) else "below"
        made[name] = (e.value, e.value if side else e.low, e.value if side else e.high, bool(group[EXACT].all()), side)
    index = pd.MultiIndex.from_tuples(made, names=levels) if len(levels) > 1 else pd.Index([k[0] for k in made], name=levels[0])
    return pd.DataFrame(made.values(), index, columns)


def _kind(params: str, levels: tuple[str, ...]) -> str:
    return ", ".join(f"{k}={v}" for k, v in parsed(params).items() if k not in (*AVERAGED, *levels, *PLACE)) or "no params"


def _axes(rows: pd.DataFrame) -> pd.DataFrame:
    """A row a baseline model: x at the source, y under shift."""
    wide = rows.pivot_table(index=["model", "params"], columns="metric", values="value")
    missing = {"source_top1", "shift_top1"} - set(wide)
    if missing:
        raise Missing(f"{' and '.join(sorted(missing))} of the baseline models")
    return wide.rename(columns={"source_top1": "x", "shift_top1": "y"})


def incomparable(root: Path, ours: pd.DataFrame, selector: dict) -> str:
    """Why numbers of the paper's models are none of the paper's measurement; "" where they are."""
    reasons = []
    here = ours[(ours["scale"] == "miniature") & ours["model"].map(lambda m: plain(m) in _PAPER)]
    if len(here):
        reasons.append(f"{here['model'].iloc[0]} was trained here, not on the paper's data")
    table = table9(root)
    metric = {plain(d): m for d, m in zip(table["dataset"], table["metric"], strict=True)}
    sizes = _test_sizes(root)
    for _, row in ours.iterrows():
        name = plain(row["dataset"])
        if selector["metric"] == "table9" and row["metric"] != metric.get(name, row["metric"]):
            reasons.append(f"{row['dataset']}: {row['metric']} recorded, the paper has {metric[name]}")
        known = sizes.get(name, set())
        if row["n"] and known and row["metric"] != "source_top1" and not _is_size(int(row["n"]), known, parsed(row["params"]).get("rounds", "1")):
            reasons.append(f"{row['dataset']}: {int(row['n']):,} test pictures, the paper has {min(known):,}")
    return reasons[0] + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else "") if reasons else ""


def _is_size(n: int, known: set[int], rounds: str) -> bool:
    """Of several splits n is the sum, and their sizes differ a little (UCF101's: 3,783, 3,734 and 3,696)."""
    each = n / max(1, int(rounds)) if rounds.isdigit() else n
    return n in known or rounds != "1" and any(abs(each - size) <= 0.05 * size for size in known)


def _test_sizes(root: Path) -> dict[str, set[int]]:
    """Test pictures by data set: Table 9's and those of data/datasets.json, which differ for FER2013."""
    table = table9(root)
    sizes = {plain(d): {int(n)} for d, n in zip(table["dataset"], table["test_size"], strict=True)}
    path = root / "data" / "datasets.json"
    if path.exists():
        for entry in json.loads(path.read_text(encoding="utf-8"))["sets"]:
            if "test" in (entry.get("counts") or {}):
                sizes.setdefault(plain(entry["name"]), set()).add(int(entry["counts"]["test"]))
    return sizes
