"""The probe against scikit-learn and SciPy on the same cores in the same run, interleaved, medians.

    .venv/bin/python tests/bench/compare_probe.py [--rounds 3] [--skip peers,search,growth,few,busy]

The problem: 10,000 x 512 float32 features of norm 10, 100 classes that overlap, a mean that carries most of the norm (as
CLIP's features). Prints, for scikit-learn's C = 0.01, 0.316 and 10: seconds and objectives of scikit-learn in float32, of
SciPy's L-BFGS-B under scikit-learn 0.24's rule, and ours; the lambda search and the whole sweep; the few-shot study; the
share of the measured matrix-product rate; how one evaluation grows with N, D, C and stacked lambdas; and one evaluation
beside a competing job.
"""

import argparse
import re
import sys
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "golden"), str(ROOT / "tests" / "parity")]
from make_eval_goldens import objective  # noqa: E402
from ours import oracle  # noqa: E402
from probe_data import write_samples  # noqa: E402
from rivals import rivals  # noqa: E402

N, D, CLASSES = 10_000, 512, 100
PENALTIES = (0.01, 0.316, 10.0)  # scikit-learn's C


def generate(rows, features, classes, spread=0.12, seed=1):
    rng = np.random.default_rng(0)
    centres, common = spread * rng.normal(size=(classes, features)), 1.5 * rng.normal(size=features)
    rng = np.random.default_rng(seed)
    y = np.arange(rows) % classes
    x = centres[y] + common + rng.normal(size=(rows, features))
    return (10 * x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), y


def fit(file, rule, penalty):
    found = re.search(r"objective (\S+) .* evaluations (\S+) seconds (\S+)", oracle("probe-fit", file, rule, 1 / penalty))
    return float(found[3]), float(found[1]), int(found[2])


def fit_to(file, objective, penalty):
    """The fast rule, stopped at the first iteration whose objective is no higher than `objective`."""
    low, high = 0, 1000
    while high - low > 1:
        middle = min((low + high) // 2, 2 * low + 4)
        low, high = (low, middle) if fit(file, f"fast:{middle}", penalty)[1] <= objective else (middle, high)
    return f"fast:{high}"


def sklearns(x, y, penalty):
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        model = LogisticRegression(C=penalty, max_iter=1000).fit(x, y)
        seconds = time.perf_counter() - start
    theta = np.concatenate([model.coef_.ravel(), model.intercept_]).astype(float)
    return seconds, objective(theta, x.astype(float), y, CLASSES, 1 / penalty)[0], int(model.n_iter_[0])


def scipys(x, y, penalty):
    from scipy.optimize import minimize

    options = {"maxiter": 1000, "maxfun": 10**6, "maxcor": 10, "gtol": 1e-4, "ftol": 2.220446049250313e-09}
    wide = x.astype(float)
    start = time.perf_counter()
    found = minimize(objective, np.zeros(CLASSES * (D + 1)), args=(wide, y, CLASSES, 1 / penalty), jac=True, method="L-BFGS-B", options=options)
    return time.perf_counter() - start, found.fun, found.nfev


def rate(rows, features, classes, stack=1, kind="float32"):
    found = re.search(r"seconds (\S+) gflops (\S+)", oracle("probe-rate", rows, features, classes, stack, kind))
    return float(found[1]), float(found[2])


def gemm_peak(kind):
    import torch

    a, b = torch.randn(2048, 2048, dtype=kind), torch.randn(2048, 2048, dtype=kind)
    rates = []
    for _ in range(9):
        start = time.perf_counter()
        a @ b
        rates.append(2 * 2048**3 / 1e9 / (time.perf_counter() - start))
    return median(rates)


def compare_fits(x, y, file, rounds):
    for penalty in PENALTIES:
        runs = {"scikit-learn float32": [sklearns(x, y, penalty)], "SciPy": [], "cliplab fast": [], "cliplab reference": [], "cliplab as good": []}
        as_good = fit_to(file, runs["scikit-learn float32"][0][1], penalty)
        for round_ in range(rounds):
            runs["scikit-learn float32"].append(sklearns(x, y, penalty))
            runs["cliplab as good"].append(fit(file, as_good, penalty))
            runs["cliplab fast"].append(fit(file, "fast", penalty))
            runs["cliplab reference"].append(fit(file, "reference", penalty))
            if round_ == 0:
                runs["SciPy"].append(scipys(x, y, penalty))
        seconds = {name: median(run[0] for run in found) for name, found in runs.items()}
        print(f"C = {penalty}")
        for name, found in runs.items():
            print(f"  {name:22s}{seconds[name]:9.3f} s  objective {found[0][1]:.8f}  {found[0][2]} evaluations or iterations")
        theirs = seconds["scikit-learn float32"]
        print(f"  at an objective no higher than scikit-learn's, which stops early: {theirs / seconds['cliplab as good']:.1f} x faster; fast to its end "
              f"{theirs / seconds['cliplab fast']:.1f} x; reference {seconds['SciPy'] / seconds['cliplab reference']:.1f} x faster than SciPy", flush=True)


def compare_searches(folder, rounds):
    train = write_samples(folder / "train", *generate(N, D, CLASSES), CLASSES)
    validation = write_samples(folder / "validation", *generate(2000, D, CLASSES, seed=2), CLASSES)
    for kind in ("binary", "full"):
        printed = [oracle("probe-search", train, validation, "fast", kind) for _ in range(rounds)]
        found = [re.search(r"fits (\d+) lambda (\S+) .* seconds (\S+)", text) for text in printed]
        each = [int(n) for n in re.findall(r"evaluations (\d+)", printed[0])]
        print(f"search {kind}: {found[0][1]} fits + refit, lambda {found[0][2]}, {median(float(m[3]) for m in found):.2f} s; "
              f"evaluations a fit: mean {sum(each) / len(each):.1f}, most {max(each)}", flush=True)


def growth():
    import torch

    peaks = {"float32": gemm_peak(torch.float32), "float64": gemm_peak(torch.float64)}
    for kind, peak in peaks.items():
        own = rate(N, D, CLASSES, 1, kind)[1]
        print(f"{kind}: an evaluation at {own:.0f} GFLOP/s, {own / peak:.0%} of a 2048^3 product in torch ({peak:.0f})")
    axes = {"N": [(n, D, CLASSES, 1) for n in (2500, 5000, 10_000, 20_000)], "D": [(N, d, CLASSES, 1) for d in (128, 256, 512, 1024)],
            "C": [(N, D, c, 1) for c in (10, 30, 100, 300)], "lambdas": [(N, D, 10, m) for m in (1, 2, 4, 8)]}
    for axis, sizes in axes.items():
        found = [rate(*size) for size in sizes]
        print(f"{axis}: " + ", ".join(f"{size}: {seconds * 1e3:.1f} ms ({gflops:.0f} GFLOP/s)" for size, (seconds, gflops) in zip(sizes, found)), flush=True)


def few_shot(folder, rounds):
    train = write_samples(folder / "few_train", *generate(1000, D, 10), 10)
    test = write_samples(folder / "few_test", *generate(1000, D, 10, seed=2), 10)
    found = [re.search(r"fits (\d+) seconds (\S+)", oracle("probe-few-shot", train, test, 20)) for _ in range(rounds)]
    print(f"few-shot: 20 draws x 5 shots x 10 classes, 13 lambdas each: {median(float(m[2]) for m in found):.2f} s", flush=True)


def busy():
    alone = rate(N, D, CLASSES)[0]
    with rivals():
        beside = rate(N, D, CLASSES)[0]
    print(f"busy: an evaluation takes {alone * 1e3:.1f} ms alone, {beside * 1e3:.1f} ms beside a competing job a core ({beside / alone:.1f} x; "
          "2 x is a fair share)", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--skip", default="")
    arguments = parser.parse_args()
    skip = arguments.skip.split(",")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        x, y = generate(N, D, CLASSES)
        file = write_samples(folder / "samples", x, y, CLASSES)
        if "growth" not in skip:
            growth()
        if "busy" not in skip:
            busy()
        if "few" not in skip:
            few_shot(folder, arguments.rounds)
        if "search" not in skip:
            compare_searches(folder, arguments.rounds)
        if "peers" not in skip:
            compare_fits(x, y, file, arguments.rounds)


if __name__ == "__main__":
    main()
