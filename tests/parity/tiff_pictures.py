"""TIFF files of every kind, for the parity tests of the decoders (pictures.py has the other formats)."""

import io
import itertools
import struct

import numpy as np
from pictures import PIL, encoded, noise


def tiff(fields, blobs=(), order="<", large=False):
    """A TIFF of these (tag, type, values); a value "blob i" stands for the place of blob i."""
    sizes = {1: "B", 2: "c", 3: "H", 4: "I", 8: "h", 12: "d", 16: "Q"}
    word, entry, head = ("Q", 20, 16) if large else ("I", 12, 8)
    start = head + (8 if large else 2) + entry * len(fields) + (8 if large else 4)
    places, body = [], b""
    for blob in blobs:
        places.append(start + len(body))
        body += blob
    table = b""
    for tag, kind, values in sorted(fields, key=lambda f: f[0]):
        values = [places[int(v[5:])] if isinstance(v, str) else v for v in values]
        data = struct.pack(f"{order}{len(values)}{sizes[kind]}", *values)
        if len(data) > (8 if large else 4):
            table += struct.pack(order + "HH" + word + word, tag, kind, len(values), start + len(body))
            body += data
        else:
            table += struct.pack(order + "HH" + word, tag, kind, len(values)) + data.ljust(8 if large else 4, b"\0")
    mark = b"II" if order == "<" else b"MM"
    header = mark + struct.pack(order + "HHHQ", 43, 8, 0, 16) if large else mark + struct.pack(order + "HI", 42, 8)
    return header + struct.pack(order + ("Q" if large else "H"), len(fields)) + table + b"\0" * (8 if large else 4) + body


def plain_tiff(array, photometric, *, bits=8, order="<", extra=(), form=None, planar=1, fill=1, rows=None, tile=None, orientation=1, large=False, more=(), skip=()):
    """[H, W, S] unsigned or packed rows as an uncompressed TIFF."""
    height, width, samples = array.shape
    if bits < 8:
        bit = lambda part: b"".join(np.packbits(np.unpackbits(r.astype(np.uint8).reshape(-1, 1), axis=1)[:, 8 - bits:].reshape(-1)).tobytes() for r in part)  # noqa: E731
    elif bits == 12:
        def bit(part):
            return b"".join(bytes(int("".join(f"{int(v):012b}" for v in r.reshape(-1)).ljust(-(-r.size * 12 // 8) * 8, "0")[i:i + 8], 2) for i in range(0, -(-r.size * 12 // 8) * 8, 8)) for r in part)
    else:
        kind = f"{order}{'f' if form == 3 else 'i' if form == 2 else 'u'}{bits // 8}"
        bit = lambda part: part.astype(kind).tobytes()  # noqa: E731
    parts = [array[..., s:s + 1] for s in range(samples)] if planar == 2 else [array]
    blobs = []
    for part in parts:
        if tile:
            th, tw = tile
            padded = np.zeros((-(-height // th) * th, -(-width // tw) * tw, part.shape[2]), array.dtype)
            padded[:height, :width] = part
            blobs += [bit(padded[y:y + th, x:x + tw]) for y in range(0, height, th) for x in range(0, width, tw)]
        else:
            step = rows or height
            blobs += [bit(part[y:y + step]) for y in range(0, height, step)]
    if fill == 2:
        table = bytes(int(f"{i:08b}"[::-1], 2) for i in range(256))
        blobs = [b.translate(table) for b in blobs]
    places = [f"blob {i}" for i in range(len(blobs))]
    fields = [(256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * samples), (259, 3, [1]), (262, 3, [photometric]), (277, 3, [samples])]
    fields += [(322, 4, [tile[1]]), (323, 4, [tile[0]]), (324, 4, places)] if tile else [(273, 4, places), (278, 4, [rows or height]), (279, 4, [len(b) for b in blobs])]
    fields += [(338, 3, list(extra))] if extra else []
    fields += [(339, 3, [form] * samples)] if form else []
    fields += [(284, 3, [planar])] if planar != 1 else []
    fields += [(266, 3, [fill])] if fill != 1 else []
    fields += [(274, 3, [orientation])] if orientation != 1 else []
    return tiff([f for f in [*fields, *more] if f[0] not in skip], blobs, order, large)


def tiffs():
    rng = np.random.default_rng(5)
    random = lambda samples, most=256, shape=(13, 21): rng.integers(0, most, (*shape, samples))  # noqa: E731
    for order in "<>":
        for photometric, bits, fill in itertools.product((0, 1), (1, 2, 4, 8, 12, 16, 32), (1, 2)):
            yield f"grey {photometric} {bits} {order} fill {fill}", plain_tiff(random(1, min(1 << bits, 400)), photometric, bits=bits, order=order, fill=fill)
            yield f"grey {photometric} {bits} {order} fill {fill} full", plain_tiff(random(1, 1 << bits), photometric, bits=bits, order=order, fill=fill)
        for bits, form in ((8, 2), (16, 2), (32, 2), (32, 3), (64, 3), (16, 3), (8, 4)):
            values = rng.integers(-300, 600, (13, 21, 1)) if bits > 8 else random(1, 128)
            yield f"form {form} {bits} {order}", plain_tiff(values, 1, bits=bits, form=form, order=order)
            yield f"form {form} {bits} {order} inverted", plain_tiff(values, 0, bits=bits, form=form, order=order)
        for samples, extra, photometric in itertools.product((1, 2, 3, 4, 5, 6, 7), ((), (0,), (1,), (2,), (999,), (0, 0), (1, 0), (2, 0), (0, 0, 0), (1, 0, 0), (3,)), (1, 2, 5)):
            for bits in (8, 16) if len(extra) < 2 else (8,):
                yield f"{samples} samples, extra {extra}, photometric {photometric}, {bits} {order}", plain_tiff(random(samples, 1 << bits), photometric, bits=bits, extra=extra, order=order)
        for bits, fill in itertools.product((1, 2, 4, 8), (1, 2)):
            colours = rng.integers(0, 65536, 3 << bits).tolist()
            yield f"palette {bits} {order} fill {fill}", plain_tiff(random(1, 1 << bits), 3, bits=bits, order=order, fill=fill, more=[(320, 3, colours)])
        for extra in ((0,), (2,), (1,)):
            yield f"palette with {extra} {order}", plain_tiff(random(2), 3, extra=extra, order=order, more=[(320, 3, rng.integers(0, 65536, 768).tolist())])
        yield f"palette short {order}", plain_tiff(random(1), 3, order=order, more=[(320, 3, rng.integers(0, 65536, 300).tolist())])
        yield f"palette of bytes {order}", plain_tiff(random(1), 3, order=order, more=[(320, 3, rng.integers(0, 256, 768).tolist())])
        yield f"palette absent {order}", plain_tiff(random(1), 3, order=order)
        yield f"YCbCr {order}", plain_tiff(random(3), 6, order=order, more=[(530, 3, [1, 1])])
        yield f"big {order}", plain_tiff(random(3), 2, order=order, large=True)
    for orientation in range(10):
        for photometric, samples in ((2, 3), (5, 4), (1, 1)):
            yield f"orientation {orientation}, {samples} samples", plain_tiff(random(samples), photometric, orientation=orientation)
        yield f"orientation {orientation}, 16 bits", plain_tiff(random(1, 300), 1, bits=16, orientation=orientation)
    for rows, tile, planar in ((1, None, 1), (4, None, 1), (100, None, 1), (4, None, 2), (None, None, 2), (None, (16, 16), 1), (None, (16, 16), 2), (None, (5, 7), 1), (None, (13, 21), 1), (None, (64, 64), 1)):
        for samples, bits, photometric, extra in ((3, 8, 2, ()), (1, 1, 0, ()), (1, 1, 1, ()), (1, 4, 1, ()), (4, 8, 5, ()), (4, 8, 2, (2,)), (4, 8, 2, (0,)), (3, 16, 2, ()), (1, 8, 0, ()), (1, 16, 1, ())):
            yield f"rows {rows}, tile {tile}, planar {planar}, {samples} of {bits}, {photometric} {extra}", plain_tiff(random(samples, 1 << bits), photometric, bits=bits, extra=extra, rows=rows, tile=tile, planar=planar)
    rgb = random(3)
    for tag in (256, 257, 258, 259, 262, 273, 277, 278, 279):
        yield f"without {tag}", plain_tiff(rgb, 2, skip=(tag,), rows=5)
    yield "wrong byte counts", plain_tiff(rgb, 2, skip=(279,), more=[(279, 4, [3])])
    yield "one number of bits", plain_tiff(rgb, 2, skip=(258,), more=[(258, 3, [8])])
    yield "too many numbers of bits", plain_tiff(random(1), 1, skip=(258,), more=[(258, 3, [8, 8, 8])])
    yield "sizes of 16 bits", plain_tiff(rgb, 2, skip=(256, 257), more=[(256, 3, [21]), (257, 3, [13])])
    yield "size as a fraction", plain_tiff(rgb, 2, skip=(256,), more=[(256, 12, [21.0])])
    yield "higher than its strips", plain_tiff(rgb, 2, rows=5, skip=(257,), more=[(257, 4, [25])])
    yield "unknown compression", plain_tiff(rgb, 2, skip=(259,), more=[(259, 3, [34661])])
    whole = plain_tiff(rgb, 2)
    for cut in (1, 100, 600, len(whole) - 9):
        yield f"{cut} bytes cut", whole[:-cut]
    yield "bytes behind", whole + b"garbage"
    for mark in (b"MM\x2a\0", b"II\0\x2a", b"MM\0\x2a"):
        yield f"mark {mark!r}", mark + whole[4:]
    yield from compressed_tiffs()


def compressed_tiffs():
    images = {"1": PIL.fromarray(noise(40, 50, 1)[..., 0]).convert("1"), "L": PIL.fromarray(noise(40, 50, 1)[..., 0]), "RGB": PIL.fromarray(noise(40, 50)),
              "RGBA": PIL.fromarray(noise(40, 50, 4), "RGBA"), "P": PIL.fromarray(noise(40, 50)).quantize(30), "CMYK": PIL.fromarray(noise(40, 50, 4), "CMYK"),
              "LA": PIL.merge("LA", [PIL.fromarray(noise(40, 50, 1, s)[..., 0]) for s in (0, 1)]), "I;16": PIL.fromarray(noise(40, 50, 1)[..., 0].astype(np.uint16) * 3),
              "I": PIL.fromarray(noise(40, 50, 1)[..., 0].astype(np.int32) * 2 - 200), "F": PIL.fromarray(noise(40, 50, 1)[..., 0].astype(np.float32) * 1.5),
              "YCbCr": PIL.fromarray(noise(40, 50)).convert("YCbCr"), "LAB": PIL.fromarray(noise(40, 50, 3), "LAB")}
    for mode, compression in itertools.product(images, ("raw", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate", "packbits", "jpeg", "lzma", "zstd", "webp", "group3", "group4", "tiff_ccitt")):
        for options in ({}, {"strip_size": 500}, {"tiffinfo": {266: 2}}, {"tiffinfo": {317: 2}}, {"tiffinfo": {274: 6}}, {"big_tiff": True}):
            try:
                data = encoded(images[mode], "TIFF", compression=compression, **options)
            except Exception:  # not every compression takes every mode
                continue
            yield f"{mode} {compression} {options}", data
            if not options:
                yield f"{mode} {compression}, cut", data[:len(data) * 2 // 3]
                half = len(data) // 2
                yield f"{mode} {compression}, damaged", data[:half] + bytes(b ^ 0x55 for b in data[half:half + 20]) + data[half + 20:]
    pages = io.BytesIO()
    images["RGB"].save(pages, "TIFF", save_all=True, append_images=[images["L"], images["RGB"].resize((9, 9))], compression="tiff_lzw")
    yield "three pages", pages.getvalue()
