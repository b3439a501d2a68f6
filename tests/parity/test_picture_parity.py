"""Whole and damaged pictures of every format, through our decoders in few processes: the pixels that torchvision's ImageFolder loads, or a refusal where
Pillow refuses. pictures.py and tiff_pictures.py make the files."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from binaries import oracle_binary

pytest.importorskip("PIL.Image", reason="Pillow is not installed")
import pictures  # noqa: E402
import tiff_pictures  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
# Pillow's own libtiff and libjpeg-turbo are newer than Debian's: what they make of these damaged or unusual files is not compared.
OTHER_LIBRARY = ("LAB ", "1 group3, damaged", "I tiff_deflate, damaged", "I tiff_adobe_deflate, damaged",
                 "progressive: 1518 bytes cut, then the end marker", "large progressive: 50988 bytes cut, then the end marker")


def loaded(data, folder):
    """[H, W, 3] of our code for each file, or its error."""
    files = []
    for i, content in enumerate(data):
        files.append(folder / str(i))
        files[-1].write_bytes(content)
    out = b"".join(subprocess.run([oracle_binary(), "rgb", *map(str, files[i:i + 500])], capture_output=True, check=True, timeout=300,
                                  env={**os.environ, "CLIPLAB_ROOT": str(ROOT)}).stdout for i in range(0, len(files), 500))
    at, found = 0, []
    while at < len(out):
        end = out.index(b"\n", at)
        line, at = out[at:end].decode(), end + 1
        if line.startswith("error: "):
            found.append(line)
            continue
        height, width = map(int, line.split())
        found.append(np.frombuffer(out, np.uint8, height * width * 3, at).reshape(height, width, 3))
        at += height * width * 3
    return found


@pytest.mark.parametrize("make", ["damaged_pngs", "damaged_jpegs", "bmps", "pnms", "tiffs", "others"])
def test_pixels_are_pillows_or_both_refuse(tmp_path, make):
    cases = [(name, data) for name, data in getattr(tiff_pictures if make == "tiffs" else pictures, make)() if not name.startswith(OTHER_LIBRARY)]
    wrong, read = [], 0
    for (name, data), ours in zip(cases, loaded([d for _, d in cases], tmp_path), strict=True):
        theirs = pictures.pillow(data)
        if isinstance(ours, str):
            wrong += [f"{name}: {ours}, but Pillow reads it"] if theirs is not None else []
        elif theirs is None:
            wrong.append(f"{name}: read, but Pillow refuses")
        elif ours.shape != theirs.shape or (ours != theirs).any():
            wrong.append(f"{name}: other pixels")
        else:
            read += 1
    assert not wrong, "\n".join(wrong)
    assert read > 30


def test_formats_that_are_not_read_are_named(tmp_path):
    box = lambda brand: b"\0\0\0\x18ftyp" + brand + b"\0" * 12  # noqa: E731
    cases = {"AVIF": box(b"avif"), "HEIC": box(b"heic"), "JPEG XL": b"\xff\x0a" + b"\0" * 20, "PSD": b"8BPS" + b"\0" * 30, "a web page": b"<!DOCTYPE html><html>"}
    for (name, _), ours in zip(cases.items(), loaded(cases.values(), tmp_path), strict=True):
        assert isinstance(ours, str) and name in ours and "which is not read" in ours
