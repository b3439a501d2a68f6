"""Writes retrieval.json: recalls of a seeded problem by plain numpy (argsort), the oracle of eval/retrieval.

Features are integers in [-3, 3], so that inner products are exact in float32 and there are ties.
Run with any Python that has numpy: tests/golden/make_retrieval_golden.py
"""

import json
from pathlib import Path

import numpy as np

rng = np.random.default_rng(20)
pictures, width = 300, 12
images = rng.integers(-3, 4, (pictures, width))
owner = np.concatenate([np.arange(pictures), rng.integers(0, pictures, 900)])
texts = np.clip(images[owner] + rng.integers(-2, 3, (len(owner), width)), -3, 3)

scores = images @ texts.T  # [N, T]
order = np.argsort(-scores, axis=1, kind="stable")
found = owner[order] == np.arange(pictures)[:, None]
text_of_image = found.argmax(axis=1)
order = np.argsort(-scores.T, axis=1, kind="stable")
image_of_text = (order == owner[:, None]).argmax(axis=1)

document = {"producer": f"numpy {np.__version__}, seed 20", "images": images.tolist(), "texts": texts.tolist(), "owner": owner.tolist(),
            "text_of_image": text_of_image.tolist(), "image_of_text": image_of_text.tolist(),
            "recall": {name: {k: float((ranks < k).mean()) for k in (1, 5, 10)}
                       for name, ranks in (("text_of_image", text_of_image), ("image_of_text", image_of_text))}}
Path(__file__).with_name("retrieval.json").write_text(json.dumps(document, separators=(",", ":")) + "\n")
print(document["recall"])
