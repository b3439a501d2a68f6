"""Writes annotations.mat by SciPy, as MATLAB writes Stanford Cars' files: a struct array of class and fname, a cell of names.

Run with a Python that has SciPy: tests/golden/make_mat_golden.py
"""

from pathlib import Path

import numpy as np
import scipy
from scipy.io import savemat

names = np.zeros((1, 3), dtype=object)
names[0, :] = ["Acura RL Sedan 2012", "BMW Coupé", "Ram C/V Cargo Van Minivan 2012"]
annotations = np.zeros((1, 2), dtype=[("class", object), ("fname", object)])
annotations[0, 0] = (np.array([[200]], dtype=np.uint8), "00001.jpg")
annotations[0, 1] = (np.array([[1.0]]), "00002.jpg")
savemat(Path(__file__).with_name("annotations.mat"), {"class_names": names, "annotations": annotations,
                                                      "labels": np.array([[77, 77, 3]], dtype=np.uint8)}, do_compression=True)
print(f"SciPy {scipy.__version__}")
