"""`./cliplab model recipes` against what the paper prints (Tables 18 to 20)."""

import subprocess

from whole_run import binary

# model: rate, joint space, side, layers, width, text layers, width, heads
PAPER = {"RN50": (5e-4, 1024, 224, "3-4-6-3", 2048, 12, 512, 8), "RN101": (5e-4, 512, 224, "3-4-23-3", 2048, 12, 512, 8),
         "RN50x4": (5e-4, 640, 288, "4-6-10-6", 2560, 12, 640, 10), "RN50x16": (4e-4, 768, 384, "6-8-18-8", 3072, 12, 768, 12),
         "RN50x64": (3.6e-4, 1024, 448, "3-15-36-10", 4096, 12, 1024, 16), "ViT-B/32": (5e-4, 512, 224, "12", 768, 12, 512, 8),
         "ViT-B/16": (5e-4, 512, 224, "12", 768, 12, 512, 8), "ViT-L/14": (4e-4, 768, 224, "24", 1024, 12, 768, 12),
         "ViT-L/14@336": (2e-5, 768, 336, "24", 1024, 12, 768, 12)}
SHARED = {"batch size": "32768", "vocabulary size": "49408", "maximum temperature": "100", "weight decay": "0.2", "warm-up steps": "2000",
          "Adam beta1": "0.9 (ResNet), 0.9 (ViT)", "Adam beta2": "0.999 (ResNet), 0.98 (ViT)", "Adam epsilon": "1e-08 (ResNet), 1e-06 (ViT)"}


def test_recipes_are_the_papers():
    lines = subprocess.run([binary(), "model", "recipes"], capture_output=True, text=True, check=True).stdout.splitlines()
    rows = {words[0]: words for line in lines if (words := line.split())}
    for model, (rate, embed, side, layers, width, text_layers, text_width, text_heads) in PAPER.items():
        row = rows[model]
        assert float(row[1]) == rate and row[4] == layers, row
        assert [int(row[i]) for i in (2, 3, 5, 7, 8, 9)] == [embed, side, width, text_layers, text_width, text_heads], row
    assert {row[6] for name, row in rows.items() if name.startswith("ViT-B")} == {"12"} and rows["ViT-L/14"][6] == "16"
    shared = {line[:36].strip(): line[36:].strip() for line in lines}
    for name, value in SHARED.items():
        assert shared[name] == value
    # 32 epochs of 400 million pairs
    assert int(shared["training steps"]) * int(shared["batch size"]) == 32 * 400_000_000
