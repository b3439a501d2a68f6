"""Goldens of the eval layer: scikit-learn's data sets, SciPy's optimiser and statistics.

Run by hand: python tests/golden/make_eval_goldens.py; writes eval.json beside itself. Producer versions are inside.
The objective is scikit-learn 0.24's: summed cross-entropy + lambda/2 |W|^2, bias free, two classes as one logit.
"""

import json
from pathlib import Path

import numpy as np
import scipy
import sklearn
from scipy.optimize import minimize
from scipy.special import logsumexp
from scipy.stats import beta, binom, chi2_contingency, linregress
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.metrics import precision_recall_curve, roc_auc_score


ORDERS = 5


def objective(theta, x, y, classes, lam):
    n, d = x.shape
    k = 1 if classes == 2 else classes
    w, b = theta[: k * d].reshape(k, d), theta[k * d :]
    z = x @ w.T + b
    if k == 1:
        z = np.concatenate([np.zeros_like(z), z], axis=1)
    p = np.exp(z - logsumexp(z, axis=1, keepdims=True))
    loss = (logsumexp(z, axis=1) - z[np.arange(n), y]).sum() + 0.5 * lam * (w**2).sum()
    p[np.arange(n), y] -= 1
    if k == 1:
        p = p[:, 1:]
    return loss, np.concatenate([(p.T @ x + lam * w).ravel(), p.sum(axis=0)])


def fit(x, y, classes, lam):
    k = 1 if classes == 2 else classes
    start = np.zeros(k * (x.shape[1] + 1))
    run = lambda **o: minimize(objective, start, args=(x, y, classes, lam), jac=True, method="L-BFGS-B", options={"maxiter": 100000, "maxfun": 1000000, "maxcor": 10, **o})
    stop = {"gtol": 1e-4, "ftol": 2.220446049250313e-09, "maxiter": 1000}
    rule, tight = run(**stop), run(gtol=1e-9, ftol=1e-16)
    spread = 0.0  # of the same rule over orders of the samples: what rounding alone does to where a slow path ends
    for seed in range(ORDERS):
        order = np.random.default_rng(seed).permutation(len(y))
        other = minimize(objective, start, args=(x[order], y[order], classes, lam), jac=True, method="L-BFGS-B",
                         options={"maxfun": 1000000, "maxcor": 10, **stop})
        spread = max(spread, abs(other.fun - rule.fun))
    w, b = tight.x[: k * x.shape[1]].reshape(k, -1), tight.x[k * x.shape[1] :]
    z = x @ w.T + b
    predictions = (z[:, 0] > 0).astype(int) if k == 1 else z.argmax(axis=1)
    return {"lambda": lam, "rule_objective": rule.fun, "rule_spread": spread, "optimum": tight.fun, "predictions": predictions.tolist()}


def problem(name, data, rows, lambdas=(100.0, 1.0, 0.01)):
    x = data.data[rows].astype(np.float32).astype(float)
    if name == "digits of unit range":
        x = x / 16
    if name == "cancer":
        x = ((x - x.mean(0)) / x.std(0)).round(4).astype(np.float32).astype(float)
    y = data.target[rows]
    classes = int(y.max()) + 1
    return {"name": name, "features": [[float(f"{v:.6g}") for v in row] for row in x], "labels": y.tolist(), "classes": classes,
            "fits": [fit(x, y, classes, lam) for lam in lambdas]}


def average_precision_11(scores, labels):
    """VOC 2007's 11 points on scikit-learn's curve, where equal scores enter together."""
    precision, recall, _ = (part[:-1] for part in precision_recall_curve(labels, scores))  # its last point (1, 0) is made up
    return float(np.mean([precision[recall >= t - 1e-12].max() for t in np.linspace(0, 1, 11)]))


def statistics(rng):
    scores = rng.normal(size=60).round(1)  # with ties
    labels = (scores + rng.normal(size=60) > 0.3).astype(int)
    return {"scores": scores.tolist(), "labels": labels.tolist(), "roc_auc": float(roc_auc_score(labels, scores)),
            "average_precision_11": average_precision_11(scores, labels)}


def main():
    rng = np.random.default_rng(0)
    iris, digits, cancer = load_iris(), load_digits(), load_breast_cancer()
    hits = [(0, 1), (1, 1), (0, 10), (10, 10), (37, 100), (9999, 10000), (5000, 10000)]
    x = rng.normal(size=20).round(6)
    y = (1.7 * x - 0.3 + 0.2 * rng.normal(size=20)).round(6)
    line = linregress(x, y)
    out = {
        "producer": f"numpy {np.__version__}, scipy {scipy.__version__}, scikit-learn {sklearn.__version__}, seed 0",
        "problems": [problem("iris", iris, slice(0, 150)), problem("digits", digits, slice(0, 200)), problem("cancer", cancer, slice(0, 120)),
                     problem("digits of unit range", digits, slice(200, 500), (100.0, 10.0, 1.0))],
        "clopper_pearson": [[k, n, float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0, float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0] for k, n in hits],
        "binomial": [[k, n, rate, float(binom.sf(k - 1, n, rate))] for k, n in hits for rate in (0.0, 0.03, 0.5, 0.97, 1.0)],
        "chi_squared": [[k, n, o, m, float(chi2_contingency([[k, n - k], [o, m - o]], correction=False).pvalue)]
                        for k, n, o, m in [(1, 10, 3, 12), (40, 100, 41, 100), (400, 413, 2, 126), (0, 400, 1, 100), (5, 10, 50, 100)]],
        "statistics": statistics(rng),
        "line": {"x": x.tolist(), "y": y.tolist(), "slope": line.slope, "intercept": line.intercept, "r": line.rvalue},
    }
    Path(__file__).with_name("eval.json").write_text(json.dumps(out))


if __name__ == "__main__":
    main()
