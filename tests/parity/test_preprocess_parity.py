"""Our decoders and clip_transform against the installed Pillow and torchvision, byte for byte.

Images are made here, by Pillow, from seeded noise and
gradients. Pillow >= 13 resizes tall images vertical pass first; the classic order is forced by resizing the width
and then the height in two calls, each of which has one pass and is the same in every version.
"""

import io
import itertools
import os
import struct
import subprocess
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from binaries import oracle_binary

PIL = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
ROOT = Path(__file__).resolve().parents[2]


def run(*arguments, expect_ok=True):
    environment = {**os.environ, "CLIPLAB_ROOT": str(ROOT)}
    done = subprocess.run([oracle_binary(), *map(str, arguments)], capture_output=True, env=environment, timeout=120)
    if expect_ok:
        assert done.returncode == 0, done.stderr.decode()
    return done


def decode(path):
    header, _, body = run("decode", path).stdout.partition(b"\n")
    shape = tuple(int(n) for n in header.split())
    return np.frombuffer(body, np.uint8).reshape(shape)


def picture(height, width, channels, seed=0):
    """Smooth gradients with noise on top: exercises both the DCT and the chroma filters."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 100 * np.sin(x / (5 + 3 * c) + y / (9 + c)) for c in range(channels)]
    noisy = np.stack(planes, -1) + rng.normal(0, 20, (height, width, channels))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def saved(path, image, **options):
    image.save(path, **options)
    return path


# --- PNG -------------------------------------------------------------------------------------------------------


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(array, colour_type, depth, extra=b"", interlace=0):
    """A PNG of rows given as bytes, for kinds that Pillow does not write."""
    height, width = array.shape[:2]
    data = array.astype(">u2").tobytes() if depth == 16 else array.tobytes()
    stride = len(data) // height
    rows = b"".join(b"\0" + data[i * stride:(i + 1) * stride] for i in range(height))
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, interlace)
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + extra + png_chunk(b"IDAT", zlib.compress(rows))
            + png_chunk(b"IEND", b""))


def png_modes():
    rgba = PIL.fromarray(picture(37, 53, 4), "RGBA")
    rgb = PIL.fromarray(picture(37, 53, 3))
    grey = PIL.fromarray(picture(37, 53, 1)[..., 0])
    palette = rgb.quantize(17)
    yield "rgb", rgb, {}
    yield "rgba", rgba, {}
    yield "grey", grey, {}
    yield "grey_alpha", PIL.merge("LA", [grey, rgba.getchannel(3)]), {}
    yield "palette", palette, {}
    yield "palette_of_2", rgb.quantize(2), {}
    yield "palette_transparent", palette, {"transparency": 3}
    yield "palette_alphas", palette, {"transparency": bytes(range(0, 255, 15))}
    yield "bilevel", grey.convert("1"), {}
    yield "grey_key", grey, {"transparency": int(np.asarray(grey)[0, 0])}
    yield "rgb_key", rgb, {"transparency": tuple(int(v) for v in np.asarray(rgb)[0, 0])}


@pytest.mark.parametrize("name,image,options", list(png_modes()), ids=lambda v: v if isinstance(v, str) else "")
def test_png_decodes_as_pillow(tmp_path, name, image, options):
    path = saved(tmp_path / "a.png", image, **options)
    ours = decode(path)
    reread = PIL.open(path)
    mode = "RGBA" if "A" in reread.mode or "transparency" in reread.info else "RGB"
    np.testing.assert_array_equal(ours, np.asarray(reread.convert(mode)))


@pytest.mark.parametrize("channels,colour_type", [(1, 0), (2, 4), (3, 2), (4, 6)])
def test_png_of_16_bit_keeps_the_high_byte(tmp_path, channels, colour_type):
    values = np.random.default_rng(1).integers(0, 65536, (21, 34, channels))
    path = tmp_path / "a.png"
    path.write_bytes(raw_png(values, colour_type, 16))
    high = (values >> 8).astype(np.uint8)
    colours = np.repeat(high[..., :1], 3, -1) if channels < 3 else high[..., :3]
    expected = colours if channels % 2 else np.concatenate([colours, high[..., -1:]], -1)
    ours = decode(path)
    np.testing.assert_array_equal(ours, expected)
    if channels > 1:  # Pillow clips 16-bit grey to 255 when it converts to RGB; the others agree
        np.testing.assert_array_equal(ours, np.asarray(PIL.open(path).convert("RGBA" if channels != 3 else "RGB")))


@pytest.mark.parametrize("channels,colour_type", [(1, 0), (3, 2), (4, 6)])
def test_interlaced_png_decodes_as_pillow(tmp_path, channels, colour_type):
    """Adam7: seven reduced images, each with its own rows."""
    array = picture(29, 43, channels, 2)
    rows = b""
    for y0, x0, dy, dx in [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
                           (1, 0, 2, 1)]:
        for row in array[y0::dy, x0::dx]:
            rows += b"\0" + row.tobytes()
    header = struct.pack(">IIBBBBB", 43, 29, 8, colour_type, 0, 0, 1)
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows))
                     + png_chunk(b"IEND", b""))
    mode = "RGBA" if channels == 4 else "RGB"
    expected = np.asarray(PIL.open(path).convert(mode))
    np.testing.assert_array_equal(decode(path), expected)
    np.testing.assert_array_equal(expected[..., :channels] if channels > 1 else expected[..., :1], array)


# --- JPEG ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(64, 96), (61, 83), (1, 1), (7, 200), (333, 250)])
@pytest.mark.parametrize("options", [{"subsampling": s, "progressive": p, "quality": q}
                                     for s, p, q in [(0, False, 95), (1, False, 80), (2, False, 75), (2, True, 80),
                                                     (0, True, 40), (2, False, 10)]], ids=str)
def test_colour_jpeg_decodes_as_pillow(tmp_path, size, options):
    path = saved(tmp_path / "a.jpg", PIL.fromarray(picture(*size, 3, 3)), **options)
    np.testing.assert_array_equal(decode(path), np.asarray(PIL.open(path).convert("RGB")))


@pytest.mark.parametrize("progressive", [False, True])
def test_grey_jpeg_decodes_as_pillow(tmp_path, progressive):
    path = saved(tmp_path / "a.jpg", PIL.fromarray(picture(70, 45, 1)[..., 0]), progressive=progressive)
    np.testing.assert_array_equal(decode(path), np.asarray(PIL.open(path).convert("RGB")))


def test_cmyk_jpegs_decode_as_pillow(tmp_path):
    image = PIL.fromarray(picture(70, 45, 4), "CMYK")
    path = saved(tmp_path / "adobe.jpg", image, quality=90)  # Pillow writes the Adobe marker and inverts
    expected = np.asarray(PIL.open(path).convert("RGB"))
    np.testing.assert_array_equal(decode(path), expected)
    data = path.read_bytes()
    at = data.index(b"\xff\xee\x00\x0eAdobe")
    plain, ycck = tmp_path / "plain.jpg", tmp_path / "ycck.jpg"
    plain.write_bytes(data[:at] + data[at + 16:])  # no Adobe marker: Pillow takes it as inverted all the same
    ycck.write_bytes(data[:at + 15] + b"\x02" + data[at + 16:])  # the same numbers read as YCCK
    for other in (plain, ycck):
        ours, theirs = decode(other), np.asarray(PIL.open(other).convert("RGB"))
        np.testing.assert_array_equal(ours, theirs, err_msg=other.name)
    assert (decode(ycck) != expected).mean() > 0.5, "the kinds must differ, or this proves nothing"


def test_exif_orientation_is_ignored_as_pillow_does(tmp_path):
    exif = PIL.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "a.jpg", PIL.fromarray(picture(40, 60, 3)), exif=exif)
    ours = decode(path)
    assert ours.shape == (40, 60, 3)
    np.testing.assert_array_equal(ours, np.asarray(PIL.open(path)))


@pytest.mark.parametrize("suffix,options", [("png", {}), ("jpg", {"quality": 80}), ("jpg", {"progressive": True})])
def test_cut_files_are_refused_with_one_line(tmp_path, suffix, options):
    path = saved(tmp_path / f"a.{suffix}", PIL.fromarray(picture(60, 60, 3)), **options)
    data = path.read_bytes()
    for fraction in (0.0, 0.02, 0.3, 0.9, 0.99):
        path.write_bytes(data[:int(len(data) * fraction)])
        done = run("decode", path, expect_ok=False)
        assert done.returncode == 1 and done.stdout == b"", fraction
        lines = done.stderr.decode().strip().splitlines()
        assert len(lines) == 1 and str(path) in lines[0] and ", expected " in lines[0], lines


# --- the whole transform -----------------------------------------------------------------------------------------


def reference_transform(image, size):
    """openai/CLIP `_transform` up to ToTensor, for RGB; the resize in the classic order."""
    import torchvision.transforms.functional as F

    width, height = image.size
    if min(width, height) != size:
        long = int(size * max(width, height) / min(width, height))
        width, height = (size, long) if width <= height else (long, size)
        image = image.resize((width, image.size[1]), PIL.Resampling.BICUBIC).resize((width, height),
                                                                                    PIL.Resampling.BICUBIC)
    return np.asarray(F.center_crop(image, [size, size]))


SIZES = [(224, 224), (225, 224), (224, 225), (300, 400), (400, 300), (333, 500), (500, 333), (17, 31), (31, 17),
         (1, 1), (1, 90), (90, 1), (900, 200), (200, 900), (480, 640), (223, 449), (1024, 768), (32, 32), (96, 96)]


@pytest.mark.parametrize("size", [224, 288, 336, 7])
def test_transform_equals_torchvision(tmp_path, size):
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    for seed, shape in enumerate(SIZES):
        noise = np.random.default_rng(seed).integers(0, 256, (*shape, 3)).astype(np.uint8)
        path = saved(tmp_path / "a.png", PIL.fromarray(noise))
        ours = np.frombuffer(run("transform", size, path).stdout, np.uint8).reshape(size, size, 3)
        np.testing.assert_array_equal(ours, reference_transform(PIL.open(path), size), err_msg=str(shape))


def test_transform_of_jpegs_equals_torchvision(tmp_path):
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    for seed, shape in enumerate([(375, 500), (500, 375), (333, 251), (768, 1024)]):
        path = saved(tmp_path / "a.jpg", PIL.fromarray(picture(*shape, 3, seed)), quality=85)
        ours = np.frombuffer(run("transform", 224, path).stdout, np.uint8).reshape(224, 224, 3)
        np.testing.assert_array_equal(ours, reference_transform(PIL.open(path), 224), err_msg=str(shape))


# --- both orders, both rules, in bulk ------------------------------------------------------------------------------


def many(size, files, *keys):
    """[N, size, size, 3] of our code."""
    data = run("transform", size, *files, *keys).stdout
    return np.frombuffer(data, np.uint8).reshape(len(files), size, size, 3)


def torchvision_transform(image, size, mode="shortest", convert_first=False):
    """openai/CLIP `_transform` (Resize, CenterCrop, convert) or, convert first, ImageFolder's."""
    from torchvision.transforms import InterpolationMode, functional as F

    image = image.convert("RGB") if convert_first else image
    if mode == "squash":
        return np.asarray(image.resize((size, size), PIL.Resampling.BICUBIC).convert("RGB"))
    return np.asarray(F.center_crop(F.resize(image, size, InterpolationMode.BICUBIC), [size, size]).convert("RGB"))


def files_of_all_modes(folder):
    """One file of each mode that a decoder hands out, larger and smaller than the target, none of them tall."""
    for shape in ((120, 150), (150, 120), (30, 40)):
        rgba = PIL.fromarray(picture(*shape, 4), "RGBA")
        rgb, grey = rgba.convert("RGB"), rgba.convert("L")
        name = f"{shape[0]}x{shape[1]}"
        yield saved(folder / f"rgb-{name}.png", rgb)
        yield saved(folder / f"rgba-{name}.png", rgba)
        yield saved(folder / f"grey-{name}.png", grey)
        yield saved(folder / f"la-{name}.png", PIL.merge("LA", [grey, rgba.getchannel(3)]))
        yield saved(folder / f"palette-{name}.png", rgb.quantize(40))
        yield saved(folder / f"bilevel-{name}.png", grey.convert("1"))
        yield saved(folder / f"i16-{name}.png", PIL.fromarray((picture(*shape, 1)[..., 0].astype(np.uint16) * 3)))
        yield saved(folder / f"int-{name}.tiff", PIL.fromarray(picture(*shape, 1)[..., 0].astype(np.int32) * 3 - 200))
        yield saved(folder / f"float-{name}.tiff", PIL.fromarray(picture(*shape, 1)[..., 0].astype(np.float32) * 1.3 - 20))
        yield saved(folder / f"cmyk-{name}.jpg", rgb.convert("CMYK"), quality=90)
        yield saved(folder / f"grey-{name}.jpg", grey, quality=90)
        yield saved(folder / f"lossless-{name}.webp", rgb, lossless=True)
        yield saved(folder / f"lossy-{name}.webp", rgb, quality=80)
        yield saved(folder / f"alpha-{name}.webp", rgba, lossless=True)
        yield saved(folder / f"gif-{name}.gif", rgb.quantize(60))


@pytest.mark.parametrize("order", ["resize_first", "convert_first"])
@pytest.mark.parametrize("mode", ["shortest", "squash"])
def test_both_orders_equal_torchvision_on_every_mode(tmp_path, order, mode):
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    files = list(files_of_all_modes(tmp_path))
    ours = many(64, files, "--model.order", order, "--model.resize", mode, "--model.pillow", "13")
    for file, pixels in zip(files, ours):
        with PIL.open(file) as image:
            expected = torchvision_transform(image, 64, mode, order == "convert_first")
        np.testing.assert_array_equal(pixels, expected, err_msg=f"{file.name} {image.mode}")


def test_the_two_orders_differ_where_the_reference_differs(tmp_path):
    file = saved(tmp_path / "a.png", PIL.fromarray(picture(120, 150, 3)).quantize(40))
    first, second = many(64, [file]), many(64, [file], "--model.order", "convert_first")
    assert np.abs(first.astype(int) - second).max() > 50


def bulk_files(folder):
    """Noise, binary noise, tall and tiny pictures, real JPEGs where the shared data sets are there."""
    rng = np.random.default_rng(7)
    shapes = [(375, 500), (500, 375), (333, 500), (480, 640), (900, 250), (1400, 200), (200, 1400), (40, 30), (3, 5), (224, 224)]
    for i in range(60):
        height, width = shapes[i % len(shapes)]
        noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        yield saved(folder / f"noise{i}.png", PIL.fromarray(noise if i % 3 else (noise > 127).astype(np.uint8) * 255), compress_level=1)
    archive = Path(os.environ.get("CLIPLAB_SHARED", ROOT.parent / "shared")) / "datasets/flickr8k_224_q80/images.tar.gz"
    if not archive.exists():
        return
    with tarfile.open(archive) as tar:
        members = (member for member in tar if member.name.endswith(".jpg"))
        for member in itertools.islice(members, 240):
            path = folder / Path(member.name).name
            path.write_bytes(tar.extractfile(member).read())
            yield path


def test_no_byte_in_three_hundred_million_differs(tmp_path):
    """Pillow's own rule directly; the classic one by two resizes of one axis each."""
    pytest.importorskip("torchvision", reason="torchvision is not installed")
    files = list(bulk_files(tmp_path))
    if len(files) < 100:
        print("skipped: the shared Flickr8k pictures are absent; noise only")
    compared = differing = 0
    for size in (224, 288, 336, 384, 448):
        for begin in range(0, len(files), 50):
            part = files[begin:begin + 50]
            newest, classic = many(size, part, "--model.pillow", "13"), many(size, part)
            for file, by_13, by_classic in zip(part, newest, classic):
                with PIL.open(file) as image:
                    image.load()
                differing += int((torchvision_transform(image, size) != by_13).sum())
                compared += by_13.size
                if image.size[1] > 2 * image.size[0] or size == 224:  # elsewhere the rules agree
                    differing += int((reference_transform(image, size) != by_classic).sum())
                    compared += by_classic.size
                elif (by_13 != by_classic).any():
                    differing += 1
    print(f"{compared:,} bytes compared, {differing} differ")
    assert differing == 0
    assert compared >= (300_000_000 if len(files) > 100 else 50_000_000)


def test_normalised_floats_are_bit_equal(tmp_path):
    transforms = pytest.importorskip("torchvision.transforms", reason="torchvision is not installed")
    file = saved(tmp_path / "a.png", PIL.fromarray(np.arange(256 * 256 * 3, dtype=np.uint32).astype(np.uint8).reshape(256, 256, 3)))
    pixels = many(224, [file])[0]
    steps = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.48145466, 0.4578275, 0.40821073),
                                                                            (0.26862954, 0.26130258, 0.27577711))])
    expected = steps(PIL.fromarray(pixels)).numpy()
    ours = np.frombuffer(run("normalized", 224, file).stdout, np.float32).reshape(3, 224, 224)
    assert (ours.view(np.uint32) == expected.view(np.uint32)).all()
    assert (np.nextafter(ours, 9) != expected).all()


def test_the_comparison_sees_one_changed_pixel(tmp_path):
    """The negative twin: a pixel changed by one level in the middle of the crop must show."""
    array = picture(250, 250, 3)
    path = saved(tmp_path / "a.png", PIL.fromarray(array))
    array[125, 125, 0] ^= 16
    buffer = io.BytesIO()
    PIL.fromarray(array).save(buffer, "PNG")
    ours = np.frombuffer(run("transform", 224, path).stdout, np.uint8).reshape(224, 224, 3)
    assert (ours != reference_transform(PIL.open(buffer), 224)).any()
