"""The forecast of training steps against counts by hand and the program's own table of models."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from fake_run import row, write
from forecast import MODELS, Model, activation_bytes, check, forecast, read_models, read_trainings, resnet_values

LIST = "name  side  params M  image GFLOPs  text GFLOPs\nViT-B/32  224  151.28  4.409  2.981\nvit-s  32  1  1  1\n"


def binary() -> str:
    path = os.environ.get("CLIPLAB_BIN", "")
    if not path or not Path(path).exists():
        pytest.skip("CLIPLAB_BIN names no binary; run ./cliplab test")
    return path


def test_step_of_vit_b32_on_8_gpus_by_hand():
    assert read_models(LIST)["ViT-B/32"] == (151.28e6, (4.409 + 2.981) * 1e9)
    s = forecast(MODELS["ViT-B/32"], 151e6, 7.39e9, gpus=8, batch=32768, micro=256, peak=1e15, link=5e10, kernels=0.5)
    assert s.gathered == 7 / 8 * 32768 * (512 + 512 + 2) * 4
    assert s.summed == 2 * 7 / 8 * 151e6 * 4
    assert s.memory > 5 * 151e6 * 4 + 256 * activation_bytes(MODELS["ViT-B/32"])
    # 4,096 pairs of 6 * 7.39e9 operations, five thirds of them done, at 5e14 a second; what is sent hides but for 8 ms.
    compute = 4096 * 6 * 7.39e9 * 5 / 3 / 5e14
    assert compute < s.seconds < 1.06 * compute
    assert s.share == pytest.approx(4096 * 6 * 7.39e9 / s.seconds / 1e15)


def test_measured_trainings_are_held_against_one_share_of_peak(tmp_path):
    for name, model, rate in (("a", "small", 1000.0), ("b", "small", 900.0), ("c", "middle", 200.0), ("d", "large", 30.0)):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "train.h5", "train", [row("", model, "train", "loss", 3.0, width=0.0), row("", model, "train", "pairs_per_second", rate, width=0.0)])
    rates = read_trainings(tmp_path)
    assert rates == {"small": 1000, "middle": 200, "large": 30}
    costs = {"small": (1e6, 1e7), "middle": (1e6, 1e8), "large": (1e6, 1e9)}
    rows = {name: values for name, *values in check(rates, costs, 4e11)}
    assert [rows[name][1] for name in rates] == pytest.approx([0.15, 0.3, 0.45])  # 6e7 a pair * 1000 / 4e11, ...
    assert [rows[name][2] for name in rates] == pytest.approx([2000, 200, 20])  # at the middle one's share


def test_no_model_is_worse_off_in_memory_with_more_gpus():
    for m in MODELS.values():
        # 64 at a time: micro-batches on all three, so that the same work is done twice or not.
        steps = [forecast(m, 1e8, 1e10, gpus, 32768, 64, 1e15, 5e10, 0.4) for gpus in (8, 64, 256)]
        assert steps[0].memory > steps[1].memory > steps[2].memory
        assert steps[0].share >= steps[1].share >= steps[2].share


def test_kept_values_of_a_resnet_by_hand():
    # A stem of 32 x 32 with 4, 4 and 8 channels, twice each; four blocks whose inputs are 8, 32, 64, 128 maps of 16, 16, 8, 4.
    m = Model(embed=8, side=64, layers=(1, 1, 1, 1), width=8, patch=0, text_width=64)
    assert resnet_values(m)[0] == 2 * 32 * 32 * 16 + 16 * 16 * 8 + 16 * 16 * 32 + 8 * 8 * 64 + 4 * 4 * 128


def test_models_are_those_of_the_program():
    out = subprocess.run([binary(), "model", "list"], check=True, capture_output=True, text=True).stdout
    assert set(read_models(out)) > set(MODELS)
    sides = {match[1]: int(match[2]) for match in re.finditer(r"^(\S+)\s+(\d+)", out, re.M)}
    assert {name: m.side for name, m in MODELS.items()} == {name: sides[name] for name in MODELS}
