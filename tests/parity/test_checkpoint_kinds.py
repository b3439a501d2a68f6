"""Layouts and configurations that users of open_clip and transformers have, opened by us and by the peer.

Each case of checkpoint_cases.py gives the peer's features of the same pictures and captions, or is refused with the name of
the key that makes the model another one. Tolerance on unit vectors as in test_checkpoint_parity.py: 1e-5 in float32, a dozen
sums deep.
"""

import struct
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
from binaries import cliplab_binary, oracle_binary

pytest.importorskip("open_clip", reason="open_clip_torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

TOLERANCE = 1e-5


def answers(cases, list_file: Path) -> list:
    """[(images, texts) or a message] of one process for all cases."""
    from checkpoint_cases import CAPTIONS
    list_file.write_text("".join("\t".join([str(case.path), *case.flags]) + "\n" for case in cases.all))
    done = subprocess.run([oracle_binary(), "embed-each", list_file, *cases.files], input="\n".join(CAPTIONS).encode() + b"\n",
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    rest, found = done.stdout, []
    while rest:
        line, _, rest = rest.partition(b"\n")
        if line.startswith(b"error: "):
            found.append(line.decode())
            continue
        images, width, texts = map(int, line.split())
        count = (images + texts) * width
        rows = np.array(struct.unpack_from(f"<{count}f", rest)).reshape(-1, width)
        rest = rest[4 * count:]
        found.append((rows[:images], rows[images:]))
    return found


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    from checkpoint_cases import make
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = make(tmp_path_factory.mktemp("kinds"))
    return list(zip(cases.all, answers(cases, cases.folder / "list.txt"), strict=True))


def difference(case, answer) -> str:
    """What is wrong with one answer, else ""."""
    if case.refused:
        missing = [word for word in case.refused if word not in answer] if isinstance(answer, str) else ["a refusal"]
        return f"{case.name}: {answer}: no {missing}" if missing else ""
    if isinstance(answer, str):
        return f"{case.name}: {answer}"
    found = [float(np.abs(ours - theirs.numpy()).max()) for ours, theirs in zip(answer, (case.images, case.texts), strict=True)]
    return "" if max(found) <= TOLERANCE else f"{case.name}: differs by {found}"


def test_every_layout_gives_the_peers_features_or_is_refused_by_the_key(opened):
    wrong = [line for case, answer in opened if (line := difference(case, answer))]
    assert not wrong, "\n".join(wrong)
    assert len(opened) > 300
    read = [case.name for case, _ in opened if case.name.startswith("wheel_") and case.refused == ("expected the tensors'",)]
    assert len(read) == 42, read  # of 144: 10 ResNets and 32 ViTs with CLIP's text tower and tokenizer


def test_an_ignored_key_would_be_seen(opened):
    """Where the peer's features are those of the plain model, the case could not tell."""
    by_name = {case.name: case for case, _ in opened}
    for name, plain in (("eps_small", "plain"), ("eps_large", "plain"), ("eps_of_one_tower", "plain"), ("longest_filled", "longest"),
                        ("layer_scale", "plain"), ("quick_gelu", "plain"), ("hf_resized_then_cropped", "hf_plain"),
                        ("hf_odd_rest", "hf_resized_then_cropped"), ("hf_eps", "hf_plain"), ("hf_bilinear", "hf_plain"),
                        ("hf_larger_square", "hf_square"), ("flag_overrides", "plain")):
        a, b = by_name[name], by_name[plain]
        assert max(float((a.images - b.images).abs().max()), float((a.texts - b.texts).abs().max())) > 25 * TOLERANCE, name
    for clean in ("whitespace", "canonicalize"):
        assert float((by_name[f"clean_{clean}"].texts - by_name["plain"].texts).abs().max()) > 0.1


def test_inspect_fails_where_a_run_would(opened):
    """The names fit here, the tensors do not; and a folder is inspected as it is opened."""
    cases = {case.name: case for case, _ in opened}
    good = subprocess.run([cliplab_binary(), "model", "inspect", cases["hf_shards"].path], capture_output=True, text=True, check=False)
    assert good.returncode == 0 and "several files" in good.stdout, good.stderr
    import torch
    state = torch.load(cases["under_model"].path, weights_only=True)["model"]
    state["visual.ln_post.weight"] = state["visual.ln_post.weight"][:3]
    torch.save(state, cases["under_model"].path)
    flags = cases["under_model"].flags[2:]
    bad = subprocess.run([cliplab_binary(), "model", "inspect", cases["under_model"].path, *flags], capture_output=True, text=True, check=False)
    assert bad.returncode == 1 and "visual.ln_post.weight is [3], expected [64]" in bad.stderr
    converted = cases["eps_large"].path / "converted.safetensors"
    done = subprocess.run([cliplab_binary(), "model", "convert", cases["eps_large"].path, converted], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    inspected = subprocess.run([cliplab_binary(), "model", "inspect", converted], capture_output=True, text=True, check=False)
    assert inspected.returncode == 0 and "vision_norm_eps = 0.01" in inspected.stdout and "# checksum = matches" in inspected.stdout
