"""The curve of a training as TensorBoard reads it: every row of train.h5 once, also when the training was stopped between."""

import signal
import struct
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from whole_run import Project

STEPS_OF = ["run", "prompt_engineering/smoke", "--train.checkpoint_seconds", "1", "--train.arch", "vit-test", "--train.steps", "150"]
TABLE = []
for byte in range(256):
    value = byte
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    TABLE.append(value)


def masked_crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def fields(data: bytes):
    """(number, content) of a protobuf message: bytes, or an integer."""
    at = 0

    def varint() -> int:
        nonlocal at
        result, shift = 0, 0
        while True:
            byte, at = data[at], at + 1
            result, shift = result | (byte & 127) << shift, shift + 7
            if byte < 128:
                return result

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = {1: 8, 5: 4}.get(key & 7) or varint()
        yield key >> 3, data[at:at + size]
        at += size


def events(file: Path) -> list[tuple[int, dict[str, float]]]:
    data, at, found = file.read_bytes(), 0, []
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        body = data[at + 12:at + 12 + size]
        assert struct.unpack_from("<I", data, at + 8)[0] == masked_crc(data[at:at + 8])
        assert struct.unpack_from("<I", data, at + 12 + size)[0] == masked_crc(body)
        at += 16 + size
        event = dict(fields(body))
        if 5 in event:
            values = [dict(fields(value)) for _, value in fields(event[5])]
            found.append((event[2], {value[1].decode(): struct.unpack("<f", value[2])[0] for value in values}))
    return found


def check(project: Project) -> Path:
    (folder,) = (path.parent for path in (project.folder / "results/models").glob("*/model.safetensors"))
    (file,) = folder.glob("events.out.tfevents.*")
    with h5py.File(folder / "train.h5") as h5:
        curve = h5["arrays/curve"]
        columns, rows = [str(name.decode() if isinstance(name, bytes) else name) for name in curve.attrs["columns"]], curve[()]
    found = events(file)
    assert [step for step, _ in found] == rows[:, 0].astype(int).tolist() and len({step for step, _ in found}) == len(found)
    for row, (_, values) in zip(rows, found, strict=True):
        expected = {name: np.float32(x) for name, x in zip(columns, row, strict=True) if name != "step" and np.isfinite(x)}
        assert values == expected
    return file


def test_an_unbroken_training(project: Project):
    done = project.run(*STEPS_OF)
    assert done.returncode == 0, done.stderr
    file = check(project)
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed")
    reader = loading.EventAccumulator(str(file))
    reader.Reload()
    assert [event.step for event in reader.Scalars("loss")] == [step for step, _ in events(file)]


def test_a_stopped_training_has_no_step_twice(project: Project):
    process = project.start(*STEPS_OF)
    deadline = time.monotonic() + 200
    while not list((project.folder / "results/models").glob("*/checkpoint.safetensors")) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)  # steps beyond the checkpoint
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = project.run(*STEPS_OF)
    assert done.returncode == 0, done.stderr
    if "goes on from step" not in done.stderr:
        pytest.skip("the training ended before the kill")
    check(project)
