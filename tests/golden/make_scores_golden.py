"""Goldens of src/eval/scores: scikit-learn's scores on seeded logits. Run by hand; writes scores.json beside itself.

Logits are of few digits, so ties within a row happen only where they are made: argmax and top_k_accuracy_score break them
otherwise than by the lowest index, and VOC's average precision keeps the order of equal scores where scikit-learn joins them.
"""

import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.metrics import accuracy_score, balanced_accuracy_score, precision_recall_curve, roc_auc_score, top_k_accuracy_score


def logits(rng, rows, columns):
    """float32, no two equal in the whole table, so no order of equals matters."""
    values = rng.permutation(rows * columns).reshape(rows, columns)
    return (values / 64).astype(np.float32)


def average_precision_11(labels, scores):
    precision, recall, _ = (part[:-1] for part in precision_recall_curve(labels, scores))  # its last point (1, 0) is made up
    return np.mean([precision[recall >= t - 1e-12].max() for t in np.linspace(0, 1, 11)])


def main():
    rng = np.random.default_rng(6)
    wide, labels = logits(rng, 80, 12), rng.integers(0, 12, 80)
    wide[np.arange(80), labels] += rng.integers(0, 9, 80)  # a classifier that is often right; whole numbers keep values apart
    assert all(len(set(row)) == 12 for row in wide.tolist())
    narrow, binary = logits(rng, 60, 2), rng.integers(0, 2, 60)
    several = logits(rng, 70, 5)
    targets = rng.choice([-1, -1, 0, 1], size=(70, 5))
    maps = [average_precision_11(targets[targets[:, c] != 0, c] > 0, several[targets[:, c] != 0, c]) for c in range(5)]
    subset = [7, 2, 11, 4]
    kept = np.isin(labels, subset)
    small = np.array([subset.index(label) for label in labels[kept]])
    owner = [0, 1, 1, 2, 0, 3, 3, 3, 2, 1, 0, 2]
    best = np.stack([wide[:, np.array(owner) == c].max(axis=1) for c in range(4)], axis=1)
    coarse = np.array(owner)[labels]
    out = {
        "producer": f"numpy {np.__version__}, scikit-learn {sklearn.__version__}, seed 6",
        "wide": wide.tolist(), "labels": labels.tolist(), "narrow": narrow.tolist(), "binary": binary.tolist(),
        "several": several.tolist(), "targets": targets.tolist(), "subset": subset, "owner": owner,
        "accuracy": accuracy_score(labels, wide.argmax(1)),
        "mean per class": balanced_accuracy_score(labels, wide.argmax(1)),
        "mean of top-1 and top-5": (accuracy_score(labels, wide.argmax(1)) + top_k_accuracy_score(labels, wide, k=5, labels=range(12))) / 2,
        "ROC AUC": roc_auc_score(binary, narrow[:, 1] - narrow[:, 0]),
        "11-point mAP": float(np.mean(maps)),
        "subset accuracy": accuracy_score(small, wide[kept][:, subset].argmax(1)),
        "synonym accuracy": accuracy_score(coarse, best.argmax(1)),
    }
    Path(__file__).with_name("scores.json").write_text(json.dumps(out))


if __name__ == "__main__":
    main()
