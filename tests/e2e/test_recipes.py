"""`./cliplab model recipes` against what the paper prints (Tables 18 to 20)."""

import subprocess

from whole_run import binary

# model: rate, beta2, epsilon, joint space, side, layers, width, text layers, width, heads
RN, VIT = (0.999, 1e-8), (0.98, 1e-6)
PAPER = {"RN50": (5e-4, *RN, 1024, 224, "3-4-6-3", 2048, 12, 512, 8), "RN101": (5e-4, *RN, 512, 224, "3-4-23-3", 2048, 12, 512, 8),
         "RN50x4": (5e-4, *RN, 640, 288, "4-6-10-6", 2560, 12, 640, 10), "RN50x16": (4e-4, *RN, 768, 384, "6-8-18-8", 3072, 12, 768, 12),
         "RN50x64": (3.6e-4, *RN, 1024, 448, "3-15-36-10", 4096, 12, 1024, 16), "ViT-B/32": (5e-4, *VIT, 512, 224, "12", 768, 12, 512, 8),
         "ViT-B/16": (5e-4, *VIT, 512, 224, "12", 768, 12, 512, 8), "ViT-L/14": (4e-4, *VIT, 768, 224, "24", 1024, 12, 768, 12),
         "ViT-L/14@336": (2e-5, *VIT, 768, 336, "24", 1024, 12, 768, 12)}
HEADS = {"ViT-B/32": 12, "ViT-B/16": 12, "ViT-L/14": 16, "ViT-L/14@336": 16}  # of the image tower; Table 19 has none
SHARED = {"batch size": "32768", "vocabulary size": "49408", "maximum temperature": "100", "weight decay": "0.2", "warm-up steps": "2000"}


def test_recipes_are_the_papers():
    lines = subprocess.run([binary(), "model", "recipes"], capture_output=True, text=True, check=True).stdout.splitlines()
    rows = {words[0]: words for line in lines if (words := line.split())}
    for model, (rate, beta2, eps, embed, side, layers, width, text_layers, text_width, text_heads) in PAPER.items():
        row = rows[model]
        assert [float(row[i]) for i in (1, 2, 3, 4)] == [rate, 0.9, beta2, eps] and row[7] == layers, row
        assert [int(row[i]) for i in (5, 6, 8, 10, 11, 12)] == [embed, side, width, text_layers, text_width, text_heads], row
        assert int(row[9]) == HEADS.get(model, int(row[9]))
    shared = {line[:24].strip(): line[24:].strip() for line in lines}
    for name, value in SHARED.items():
        assert shared[name] == value
    assert int(shared["training steps"]) * int(shared["batch size"]) == 32 * 400_000_000  # 32 epochs of 400 million pairs
