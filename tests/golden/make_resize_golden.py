"""Writes tests/golden/resize.tsv: SHA-256 of what Pillow and torchvision make of images given by a formula.

    .venv/bin/python tests/golden/make_resize_golden.py

Pillow >= 13 runs the vertical pass first on tall images. The classic order (Pillow < 13, which the released CLIP
models were evaluated with) is forced here in every version: the width is resized first and the height in a second
call; each call has one pass, and a pass alone is the same in all versions. Channels are resized one by one ("L"),
because Pillow premultiplies RGBA. `transform` rows are OpenAI's Resize and CenterCrop: resized as above to
torchvision's size, then cropped by torchvision itself.
"""

import hashlib
from pathlib import Path

import numpy as np
import PIL
import torchvision
import torchvision.transforms.functional as F
from PIL import Image

RESIZES = [  # height, width, channels -> height, width
    (7, 5, 3, 7, 5), (7, 5, 3, 14, 5), (7, 5, 3, 7, 10), (7, 5, 1, 20, 30), (64, 64, 3, 224, 224), (32, 32, 3, 224, 224),
    (300, 400, 3, 224, 298), (400, 300, 3, 298, 224), (333, 500, 3, 224, 336), (480, 640, 4, 224, 298),
    (97, 61, 4, 31, 29), (61, 97, 1, 29, 31), (700, 100, 3, 90, 80), (100, 700, 3, 80, 90), (1, 1, 3, 9, 9),
    (1, 50, 3, 8, 8), (50, 1, 3, 8, 8), (900, 37, 3, 1, 1), (256, 256, 3, 224, 224), (225, 223, 3, 224, 224),
]
TRANSFORMS = [  # height, width -> side
    (224, 224, 224), (225, 224, 224), (300, 400, 224), (401, 300, 224), (333, 500, 288), (40, 90, 336), (900, 31, 32),
    (1, 77, 16), (640, 481, 224),
]


def picture(kind, height, width, channels):
    """Integers only, so that C++ makes the same bytes. noise: a hash; edges: 0 or 255, which overshoots and clips."""
    y, x, c = np.mgrid[0:height, 0:width, 0:channels].astype(np.uint64)
    if kind == "edges":
        return ((y // 5 + x // 7 + c) % 2 * 255).astype(np.uint8)
    mixed = (y * 7919 + x * 104729 + c * 1299709 + 1) * 2654435761 % 2**32
    return ((mixed ^ (mixed >> 13)) * 2246822519 % 2**32 >> 24).astype(np.uint8)


def resized(array, height, width):
    def one(plane):
        image = Image.fromarray(plane)
        image = image.resize((width, image.size[1]), Image.Resampling.BICUBIC)
        return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))

    return np.stack([one(np.ascontiguousarray(array[..., c])) for c in range(array.shape[2])], -1)


def transformed(array, side):
    height, width = array.shape[:2]
    if min(height, width) != side:
        long = int(side * max(height, width) / min(height, width))
        array = resized(array, *((side, long) if height <= width else (long, side)))
    return np.asarray(F.center_crop(Image.fromarray(array), [side, side]))


def digest(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def main():
    lines = [f"# Pillow {PIL.__version__} (classic pass order), torchvision {torchvision.__version__}; written by"
             f" {Path(__file__).name}", "# what kind height width channels out_height out_width sha256"]
    for kind in ("noise", "edges"):
        for h, w, c, oh, ow in RESIZES:
            lines.append(f"resize {kind} {h} {w} {c} {oh} {ow} {digest(resized(picture(kind, h, w, c), oh, ow))}")
        for h, w, side in TRANSFORMS:
            lines.append(f"transform {kind} {h} {w} 3 {side} {side} {digest(transformed(picture(kind, h, w, 3), side))}")
    (Path(__file__).parent / "resize.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
