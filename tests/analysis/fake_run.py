"""Writes synthetic result files in the schema of results/README.md: plainly invented numbers, six studies whole.

They end with cliplab's seal; a test that edits one does so by `edited`. Run alone it makes a demo folder: python tests/analysis/fake_run.py FOLDER"""

from __future__ import annotations

import contextlib
import hashlib
import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py
import numpy as np

sys.path.append(str(Path(__file__).resolve().parents[2] / "analysis"))
from params import to_text  # noqa: E402

MODELS = {"vit-xs": 0.011, "vit-s": 0.06, "vit-m": 0.19, "rn-xs": 0.02, "rn-s": 0.075, "rn-m": 0.21}  # GFLOPs
DATASETS = {"openmoji": (1500, 50), "fluent": (1200, 50), "cifar10": (10000, 10), "mnist": (10000, 10),
            "fashion_mnist": (10000, 10), "texture_vs_shape": (1280, 16), "pacs_sketch": (900, 7)}  # n, classes
PAIRS = (("openmoji", "fluent"), ("pacs_photo", "pacs_sketch"))
PROMPTS = {"name-only": 0.0, "one-template": 0.02, "ensemble": 0.045}
ARRAY = tuple  # columns, values and, where a reader asks for it, params
NOTHING: dict[str, str] = {}
MEAN = {"summary": "mean"}
UNITS = {"gflops": "gflops", "parameters": "count", "wins": "count", "examples_per_class": "examples", "p_value": "p-value", "loss": "nats", "pairs_per_second": "pairs/s",
         **dict.fromkeys(("slope", "r", "efficiency", "times"), "ratio"), "intercept": "logit",
         **dict.fromkeys(("gain", "delta", "difference", "effective_robustness", "relative_robustness", "class_adaptation", "transfer_lead", "gain_over_own_names",
                          "gain_over_ensemble"), "fraction difference")}  # the others' is "fraction"


def seal(path: Path) -> Path:
    """Appends what src/store/seal.cpp appends."""
    data = path.read_bytes()
    path.write_bytes(data + b"\ncliplab sha256 " + hashlib.sha256(data).hexdigest().encode() + b"\n")
    return path


def as_stored(text: str) -> str | bytes:
    """Of a text with halves of surrogate pairs the bytes that are no UTF-8."""
    try:
        text.encode("utf-8")
        return text
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")


@contextlib.contextmanager
def edited(path: Path) -> Iterator[h5py.File]:
    """The open file, without its seal meanwhile."""
    path.write_bytes(path.read_bytes()[:-81])
    with h5py.File(path, "a") as file:
        yield file
    seal(path)


def row(dataset: str, model: str, method: str, metric: str, value: float, params: dict[str, str] = NOTHING, n: int = 1000,
        width: float | None = None) -> tuple:
    if width is None:
        width = 1.96 * math.sqrt(max(value * (1 - value), 0.0) / n) if metric not in ("gflops", "parameters") else 0.0
    covers = {"interval": "clopper-pearson(pictures)" if width else "none"}
    return (dataset, "test", model, method, metric, to_text(dict(params) | covers), value, value - width, value + width, n)


def write(path: Path, experiment: str, rows: Iterable[tuple], arrays: dict[str, ARRAY] | None = None,
          config: str = "seed = 7\ndevice = cpu\n", **provenance: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ["dataset", "split", "model", "method", "metric", "params", "value", "ci_low", "ci_high", "n", "unit"]
    columns = list(zip(*((*r, UNITS.get(r[4], "fraction")) for r in rows), strict=True)) or [()] * len(names)
    with h5py.File(path, "w") as file:
        file.attrs.update({"experiment": as_stored(experiment), "schema_version": 2, "config": as_stored(config)})
        base = {"commit": "0123456789abcdef", "dirty": "no", "smoke": "no", "compiler": "g++ 12.2", "torch": "2.11.0",
                "device": "cpu", "seed": "7", "seconds": "123.4", "dataset openmoji": "openmoji/test@9f2c41"}
        file.create_group("provenance").attrs.update({as_stored(k): as_stored(v) for k, v in (base | provenance).items()})
        records = file.create_group("records")
        for name, values in zip(names, columns, strict=True):
            text = name not in ("value", "ci_low", "ci_high", "n")
            kind = h5py.string_dtype() if text else "i8" if name == "n" else "f8"
            values = [as_stored(v) for v in values] if text else values
            records.create_dataset(name, data=np.array(values, dtype=object if text else kind), dtype=kind)
        for name, (labels, values, *params) in (arrays or {}).items():
            array = file.create_dataset(f"arrays/{name}", data=values)
            array.attrs["columns"] = np.array([as_stored(label) for label in labels], dtype=h5py.string_dtype())
            array.attrs["params"] = as_stored(to_text(params[0] if params else {}))
    return seal(path)


def zero_shot(model: str, dataset: str) -> float:
    classes = DATASETS.get(dataset, (1000, 20))[1]
    ease = {"openmoji": 0.35, "fluent": 0.3, "pacs_sketch": 0.3, "cifar10": 0.1, "fashion_mnist": 0.08}.get(dataset, 0.03)
    return 1 / classes + ease * (1 + 0.25 * math.log10(MODELS[model] / 0.011))


def probe(model: str, dataset: str) -> float:
    return min(0.97, 0.38 + zero_shot(model, dataset) * 0.9)


def floors(dataset: str, metric: str, n: int, classes: int, params: dict[str, str] = NOTHING) -> list[tuple]:
    wrong = metric == "error"
    raw, majority = min(0.93, 0.3 + 1.2 / classes), 1 / classes
    return [row(dataset, "majority-class", "floor", metric, 1 - majority if wrong else majority, params, n),
            row(dataset, "raw-pixels", "linear-probe", metric, 1 - raw if wrong else raw, params, n)]


def zero_shot_vs_probe_rows() -> list[tuple]:
    rows = []
    for d, (n, classes) in DATASETS.items():
        for m in MODELS:
            rows += [row(d, m, "zero-shot", "top1", zero_shot(m, d), n=n),
                     row(d, m, "zero-shot", "mean_per_class", zero_shot(m, d) - 0.01, n=n),
                     row(d, m, "linear-probe", "top1", probe(m, d), {"lambda": "0.1"}, n),
                     row(d, m, "linear-probe", "mean_per_class", probe(m, d) - 0.01, {"lambda": "0.1"}, n),
                     row(d, f"untrained {m}", "linear-probe", "top1", probe(m, d) * 0.7, {"lambda": "1", "weights": "untrained"}, n)]
            if classes > 10:
                rows.append(row(d, m, "zero-shot", "top5", min(zero_shot(m, d) + 0.3, 0.99), n=n))
        rows += floors(d, "top1", n, classes) + floors(d, "mean_per_class", n, classes)
    for m in MODELS:
        rows += [row("", m, "fit", k, v, n=len(DATASETS), width=0.1)
                 for k, v in (("r", 0.71), ("slope", 0.94), ("intercept", -0.33))]
    return rows


def scaling_rows() -> list[tuple]:
    rows = []
    for m, gflops in MODELS.items():
        rows += [row("", m, "cost", "gflops", gflops, {"family": family(m)}, 1), row("", m, "cost", "parameters", 1e6 + 2e7 * gflops, {"family": family(m)}, 1)]
        for method, accuracy in (("zero-shot", zero_shot), ("linear-probe", probe)):
            rows += [row(d, m, method, "error", 1 - accuracy(m, d), n=n) for d, (n, _) in DATASETS.items()]
            rows.append(row("", m, method, "error", 1 - sum(accuracy(m, d) for d in DATASETS) / len(DATASETS), MEAN,
                            n=len(DATASETS), width=0.0))
    for d, (n, classes) in DATASETS.items():
        rows += floors(d, "error", n, classes)
    rows += floors("", "error", len(DATASETS), 12, MEAN)
    means = {r[2]: r[6] for r in rows if r[0] == "" and r[3] == "zero-shot"}
    for name in ("vit", "resnet", "all"):
        chosen = [m for m in MODELS if name in ("all", family(m))]
        slope, intercept = np.polyfit(np.log10([MODELS[m] for m in chosen]), np.log10([means[m] for m in chosen]), 1)
        for of, shift in (("zero-shot", 0.0), ("linear-probe", -0.3)):
            rows += [row("", "", "fit", k, v, {"family": name, "axes": "log10", "x": "gflops", "y": of}, len(chosen), 0.02)
                     for k, v in (("slope", slope), ("intercept", intercept + shift), ("r", -0.97))]
    return rows


def family(model: str) -> str:
    return "vit" if model.startswith("vit") else "resnet"


def shift_rows() -> tuple[list[tuple], dict[str, ARRAY]]:
    rows, arrays = [], {}
    for i, (source_set, shift_set) in enumerate(PAIRS):
        points, pair = [], {"source_set": source_set}

        def add(model: str, method: str, source: float, shift: float, robust: float, params: dict[str, str] = NOTHING, dataset: str = shift_set,
                points: list = points, pair: dict[str, str] = pair) -> None:
            params = params | pair
            rows.extend([row(dataset, model, method, "source_top1", source, params, 1500), row(dataset, model, method, "shift_top1", shift, params),
                         row(dataset, model, method, "effective_robustness", robust, params, width=0.02)])
            points.append([source, shift, 1500, 1000, float("role" in params)])

        for share in range(5):
            of_line = {"role": "baseline", "share": f"1/{2**share}"}
            add("raw-pixels", "linear-probe", 0.31 - 0.03 * share, 0.15 - 0.02 * share, 0.0, of_line)
            for m in MODELS:
                add(f"untrained {m}", "linear-probe", 0.4 - 0.04 * share + MODELS[m] / 5, 0.21 - 0.03 * share + MODELS[m] / 6, 0.0,
                    of_line | {"weights": "untrained"})
        for j, m in enumerate(MODELS):
            add(m, "zero-shot", 0.3 + 0.03 * j, 0.24 + 0.02 * j - 0.03 * i, 0.06)
            add(m, "linear-probe", 0.55 + 0.03 * j, 0.33 + 0.03 * j - 0.05 * i, 0.01)
        for k in range(3):
            shots = {"shots": str(2**k)}
            add("rn-s", "few-shot", 0.35 + 0.05 * k, 0.2 + 0.04 * k, -0.02, shots)
            rows.append(row(shift_set, "rn-s", "few-shot", "relative_robustness", -0.05 + 0.04 * k, pair | shots, width=0.02))
        rows += [row(shift_set, "majority-class", "floor", "source_top1", 0.05, pair, 1500), row(shift_set, "majority-class", "floor", "shift_top1", 0.04, pair)]
        rows += [row(shift_set, "", "fit", k, v, pair | {"role": "baseline", "axes": "logit"}, 8, 0.05) for k, v in (("slope", 1.1), ("intercept", -0.85), ("r", 0.98))]
        arrays[f"points/{source_set}->{shift_set}"] = (["source", "shift", "n_source", "n_shift", "is_baseline"], np.array(points),
                                                       {"kind": "points", "dataset": shift_set, **pair})
    return rows, arrays


def prompt_rows() -> list[tuple]:
    rows = []
    for m in MODELS:
        for v, gain in PROMPTS.items():
            rows += [row(d, m, "zero-shot", "top1", zero_shot(m, d) - 0.04 + gain, {"prompts": v}, n) for d, (n, _) in DATASETS.items()]
            rows.append(row("", m, "zero-shot", "top1", sum(zero_shot(m, d) for d in DATASETS) / 7 - 0.04 + gain, MEAN | {"prompts": v},
                            len(DATASETS), 0.0))
    return rows + [r for d, (n, classes) in DATASETS.items() for r in floors(d, "top1", n, classes)]


def few_shot_rows() -> list[tuple]:
    """Two models; each doubling of the shots adds 5 points to a start 4 points below zero-shot."""
    rows = []
    for m in ("vit-s", "rn-s"):
        for d, (n, _) in DATASETS.items():
            zero = zero_shot(m, d)
            rows += [row(d, m, "zero-shot", "top1", zero, n=n), row(d, m, "linear-probe", "top1", min(0.95, zero + 0.4), {"rule": "fast"}, n)]
            rows += [row(d, m, "few-shot", "top1", zero - 0.04 + 0.05 * i, {"shots": str(2**i), "start": s}, n)
                     for s in ("zero", "zero-shot") for i in range(5)]
            rows.append(row(d, m, "few-shot", "examples_per_class", 2**0.8, {"start": "zero"}, n, 0.0))
        rows.append(row("", m, "few-shot", "examples_per_class", 2**0.8, {"start": "zero", "summary": "median"}, len(DATASETS), 0.2))
    return rows + [r for d, (n, classes) in DATASETS.items() for r in floors(d, "top1", n, classes)]


def retrieval_rows() -> list[tuple]:
    return [row("drawings", m, method, f"recall{k}", min(0.9, base * k), {"direction": v}, 239) for m, method, base in (
        ("vit-s", "zero-shot", 0.08), ("chance", "floor", 0.004)) for v in ("image-to-text", "text-to-image") for k in (1, 5, 10)]


def curve(model: str) -> ARRAY:
    rng = np.random.default_rng(sum(map(ord, model)))
    step = np.arange(0, 1200, 10)
    loss = 5.5 * np.exp(-step / 300) + 1.2 + 0.12 * rng.standard_normal(len(step)) - 2 * MODELS[model]
    held = np.where(step % 100 == 0, 4.4 * np.exp(-step / 350) + 1.9 - MODELS[model], np.nan)
    steady = np.full(len(step), 900 / (1 + 10 * MODELS[model]))
    values = np.column_stack([step, step * 256, loss, held, 1e-3 * (1 - step / 1300), 14 + step / 60, 1 + loss / 9, steady,
                              step * 256 / steady])
    return ["step", "pairs", "loss", "val_loss", "learning_rate", "logit_scale", "grad_norm", "pairs_per_second", "seconds"], values


def write_run(folder: Path, **provenance: str) -> Path:
    """Six studies and six training logs."""
    write(folder / "zero_shot_vs_probe.h5", "zero_shot_vs_probe", zero_shot_vs_probe_rows(), **provenance)
    write(folder / "encoder_scaling.h5", "encoder_scaling", scaling_rows(), **provenance)
    rows, arrays = shift_rows()
    write(folder / "distribution_shift.h5", "distribution_shift", rows, arrays, **provenance)
    write(folder / "prompt_engineering.h5", "prompt_engineering", prompt_rows(), **provenance)
    write(folder / "few_shot.h5", "few_shot", few_shot_rows(), **provenance)
    write(folder / "retrieval.h5", "retrieval", retrieval_rows(), **provenance)
    for m in MODELS:
        write(folder / f"train_{m}.h5", "train", [row("drawings", m, "train", "loss", 1.3, {"batch": "256"}, 256, 0.0)], {"curve": curve(m)},
              corpus_pairs="9031", **provenance)
    return folder


if __name__ == "__main__":
    write_run(Path(sys.argv[1]))
