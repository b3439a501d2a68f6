"""Pictures of every kind and with every damage that the parity tests of the decoders try, made from seeds, and Pillow's answer to each."""

import io
import itertools
import struct
import warnings
import zlib

import numpy as np

PIL = __import__("PIL.Image").Image


def pillow(data):
    """What torchvision's ImageFolder loads, [H, W, 3]; None for what Pillow refuses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with PIL.open(io.BytesIO(data)) as image:
                return np.asarray(image.convert("RGB"))
        except Exception:  # any kind: hostile files raise many
            return None


def noise(height, width, channels=3, seed=0, smooth=True):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = [128 + 100 * np.sin(x / (3 + c) + y / (5 + c)) for c in range(channels)]
    return np.clip(np.stack(planes, -1) + rng.normal(0, 20 if smooth else 90, (height, width, channels)), 0, 255).astype(np.uint8)


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


# --- PNG and JPEG, whole and damaged ----------------------------------------------------------------------------------


def chunk(name, data, checksum=None):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data) if checksum is None else checksum)


def chunks_of(png):
    at, found = 8, []
    while at < len(png):
        size = struct.unpack(">I", png[at:at + 4])[0]
        found.append((png[at + 4:at + 8], png[at + 8:at + 8 + size]))
        at += size + 12
    return found


def png_of(chunks):
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*c) for c in chunks)


def damaged_pngs():
    """(name, bytes): what users of the peers met, and what stands next to it."""
    for name, image in (("rgb", PIL.fromarray(noise(40, 30))), ("palette", PIL.fromarray(noise(40, 30)).quantize(30)),
                        ("grey", PIL.fromarray(noise(40, 30, 1)[..., 0])), ("rgba", PIL.fromarray(noise(40, 30, 4), "RGBA")),
                        ("bits", PIL.fromarray(noise(40, 33, 1)[..., 0]).convert("1")), ("wide", PIL.fromarray(noise(9, 8, 1)[..., 0].astype(np.uint16) * 3))):
        png = encoded(image, "PNG")
        parts = chunks_of(png)
        head, packed = parts[0], b"".join(d for n, d in parts if n == b"IDAT")
        middle = [c for c in parts[1:] if c[0] not in (b"IDAT", b"IEND")]
        rows = zlib.decompress(packed)
        row = len(rows) // image.height
        end = (b"IEND", b"")
        with_data = lambda data, *after: png_of([head, *middle, (b"IDAT", data), *after])  # noqa: E731
        yield f"{name}: whole", png
        for cut in (1, 4, 8, 11, 12, 13, 16, 17, 20, 40, 200):
            yield f"{name}: {cut} bytes cut", png[:-cut]
        yield f"{name}: no IEND", with_data(packed)
        yield f"{name}: bytes behind", png + b"garbage" * 9
        for rest in (0, 1, 3, 4):
            yield f"{name}: stream without its last {rest} bytes", with_data(packed[:len(packed) - rest], end)
        yield f"{name}: wrong sum of the stream", with_data(packed[:-1] + bytes([packed[-1] ^ 1]), end)
        yield f"{name}: wrong sum in a chunk of its own", png_of([head, *middle, (b"IDAT", packed[:-4]), (b"IDAT", b"abcd"), end])
        for keep in (0, 1, row, row + 1, 5 * row, len(rows) - 1, len(rows) - row):
            yield f"{name}: {keep} bytes of rows", with_data(zlib.compress(rows[:keep]), end)
        yield f"{name}: more rows", with_data(zlib.compress(rows + rows[:row]), end)
        yield f"{name}: wrong filter", with_data(zlib.compress(rows[:5 * row] + b"\x05" + rows[5 * row + 1:]), end)
        yield f"{name}: wrong filter behind the end", with_data(zlib.compress(rows + b"\x09" * row), end)
        yield f"{name}: small chunks", png_of([head, *middle, *((b"IDAT", packed[i:i + 7]) for i in range(0, len(packed), 7)), end])
        yield f"{name}: empty chunks", png_of([head, *middle, (b"IDAT", b""), (b"IDAT", packed[:9]), (b"IDAT", b""), (b"IDAT", packed[9:]), end])
        yield f"{name}: a text between", png_of([head, *middle, (b"IDAT", packed[:50]), (b"tEXt", b"a\0b"), (b"IDAT", packed[50:]), end])
        yield f"{name}: wrong checksum of the pixels", png_of([head, *middle, (b"IDAT", packed, 7), end])
        yield f"{name}: wrong checksum of the header", png_of([(*head, 7), *middle, (b"IDAT", packed), end])
        yield f"{name}: wrong checksum of a text", png_of([head, (b"tEXt", b"a\0b", 7), *middle, (b"IDAT", packed), end])
        yield f"{name}: wrong checksum of a text behind", png_of([head, *middle, (b"IDAT", packed), (b"tEXt", b"a\0b", 7), end])
        yield f"{name}: wrong checksum of IEND", png_of([head, *middle, (b"IDAT", packed), (*end, 7)])
        for extra in ((b"gAMA", b"\0\0"), (b"gAMA", struct.pack(">I", 45455)), (b"cHRM", b"\0" * 9), (b"sRGB", b""), (b"pHYs", b"\0" * 8),
                      (b"iCCP", b"p\0\0" + zlib.compress(b"x" * 999)), (b"iCCP", b"p\0\1zz"), (b"iCCP", b""), (b"iCCP", b"p\0\0" + zlib.compress(b"x" * 2_000_000)),
                      (b"zTXt", b"k\0\0" + zlib.compress(b"x" * 2_000_000)), (b"zTXt", b"k\0\1z"), (b"iTXt", b"k\0\1\0\0\0" + zlib.compress(b"x" * 2_000_000)),
                      (b"tRNS", b"\0"), (b"tRNS", b"\0\0\0\0\0\0\0\0\0"), (b"acTL", b"\0"), (b"PLTE", b"\1\2\3" * 300), (b"PLTE", b"\1\2"),
                      (b"abcd", b"x"), (b"ab1_", b"x"), (b"a-cd", b"x"), (b"IHDR", b"\0" * 5), (b"eXIf", b"II"), (b"tIME", b"x"), (b"bKGD", b"")):
            label = f"{extra[0].decode()} of {len(extra[1])} bytes"
            yield f"{name}: {label} before", png_of([head, *middle, extra, (b"IDAT", packed), end])
            yield f"{name}: {label} behind", png_of([head, *middle, (b"IDAT", packed), extra, end])
            behind = png_of([head, *middle, (b"IDAT", packed), (extra[0], extra[1] + b"y" * 30)])
            yield f"{name}: {label} cut behind", behind[:-20]
        yield f"{name}: no palette", png_of([head, (b"IDAT", packed), end])
        yield f"{name}: no pixels", png_of([head, *middle, end])
        yield f"{name}: two headers", png_of([head, head, *middle, (b"IDAT", packed), end])
        yield f"{name}: header last", png_of([*middle, (b"tEXt", b"a\0b"), head, (b"IDAT", packed), end])
        for at, value in ((10, 1), (11, 1), (12, 1), (12, 7), (8, 3), (9, 1)):
            changed = bytearray(head[1])
            changed[at] = value
            yield f"{name}: header byte {at} is {value}", png_of([(b"IHDR", bytes(changed)), *middle, (b"IDAT", packed), end])
        higher = head[1][:4] + struct.pack(">I", image.height + 9) + head[1][8:]
        yield f"{name}: more rows claimed", png_of([(b"IHDR", higher), *middle, (b"IDAT", packed), end])


def jpegs():
    colour, large = PIL.fromarray(noise(61, 83)), PIL.fromarray(noise(260, 300, smooth=False))
    yield "baseline", encoded(colour, "JPEG", quality=90)
    yield "444", encoded(colour, "JPEG", quality=80, subsampling=0)
    yield "progressive", encoded(colour, "JPEG", quality=85, progressive=True)
    yield "grey", encoded(colour.convert("L"), "JPEG")
    yield "inks", encoded(colour.convert("CMYK"), "JPEG")
    yield "restarts", encoded(colour, "JPEG", quality=90, restart_marker_rows=1)
    yield "large", encoded(large, "JPEG", quality=98)
    yield "large progressive", encoded(large, "JPEG", quality=98, progressive=True)


def damaged_jpegs():
    for name, jpeg in jpegs():
        yield f"{name}: whole", jpeg
        for cut in (*range(1, 24), 32, 64, 128, 300, len(jpeg) // 2):
            yield f"{name}: {cut} bytes cut", jpeg[:-cut]
            yield f"{name}: {cut} bytes cut, then the end marker", jpeg[:-cut] + b"\xff\xd9"
        yield f"{name}: bytes behind", jpeg + b"garbage" * 50
        yield f"{name}: another picture behind", jpeg + jpeg
        yield f"{name}: zeros for the end", jpeg[:-200] + b"\0" * 200
        yield f"{name}: zeros for the middle", jpeg[:len(jpeg) // 2] + b"\0" * 60 + jpeg[len(jpeg) // 2 + 60:]
        scan = jpeg.index(b"\xff\xda")
        yield f"{name}: no pixels", jpeg[:scan]
        yield f"{name}: end marker for pixels", jpeg[:scan] + b"\xff\xd9"
        yield f"{name}: scan header only", jpeg[:scan + 14]
        yield f"{name}: stray bytes", jpeg[:20] + b"\x11\x22\x33" + jpeg[20:]
        yield f"{name}: short comment", jpeg[:2] + b"\xff\xfe\0\0" + jpeg[2:]
        yield f"{name}: comment beyond the end", jpeg[:2] + b"\xff\xfe\xff\xff" + jpeg[2:200]
        yield f"{name}: unknown marker", jpeg[:2] + b"\xff\x33\0\4ab" + jpeg[2:]
        yield f"{name}: tables first", jpeg[:2] + b"\xff\xd9" + jpeg
        yield f"{name}: broken EXIF", jpeg[:2] + b"\xff\xe1\0\x10Exif\0\0MM\0*\xff\xff\xff\xff" + jpeg[2:]


def mutated(seeds, count, seed=0):
    """Bytes changed, dropped, doubled and cut."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        data = bytearray(seeds[i % len(seeds)])
        for _ in range(1 + rng.integers(4)):
            at, length = int(rng.integers(len(data) + 1)), int(rng.integers(12))
            kind = rng.integers(6)
            if kind == 0:
                del data[at:at + length]
            elif kind == 1:
                data[at:at] = data[at:at + length]
            elif kind == 2:
                del data[at:]
            elif at < len(data):
                data[at] = int(rng.integers(256)) if kind < 5 else data[at] ^ (1 << int(rng.integers(8)))
            if not data:
                data = bytearray(b"x")
        yield f"mutation {i}", bytes(data)


# --- BMP ----------------------------------------------------------------------------------------------------------


def bmp(width, height, bits, data, *, header=40, compression=0, palette=b"", masks=b"", colours=0, top_down=False, offset=None):
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
    else:
        info = struct.pack("<IiiHHIIiiII", header, width, -height if top_down else height, 1, bits, compression, len(data), 0, 0, colours, 0)
        info += masks.ljust(header - 40, b"\0") if header > 40 else masks
    start = 14 + len(info) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(data), 0, 0, start if offset is None else offset) + info + palette + data


def bmp_rows(values, bits):
    """[H, W] indices as padded rows."""
    rows = []
    for row in values:
        packed = b"".join(int("".join(f"{int(v):0{bits}b}" for v in row[i:i + 8 // bits]).ljust(8, "0"), 2).to_bytes(1, "big")
                          for i in range(0, len(row), 8 // bits)) if bits < 8 else bytes(int(v) for v in row)
        rows.append(packed.ljust(-(-len(packed) // 4) * 4, b"\0"))
    return b"".join(rows)


def bmps():
    rng = np.random.default_rng(3)
    for mode in ("RGB", "L", "P", "1", "RGBA"):
        image = PIL.fromarray(noise(21, 33, 4), "RGBA").convert("RGB")
        image = image.quantize(50) if mode == "P" else PIL.fromarray(noise(21, 33, 4), "RGBA") if mode == "RGBA" else image.convert(mode)
        data = encoded(image, "BMP")
        yield f"Pillow's {mode}", data
        for cut in (1, 2, 3, 4, 40):
            yield f"Pillow's {mode}, {cut} bytes cut", data[:-cut]
        yield f"Pillow's {mode}, bytes behind", data + b"xyz"
    colours = lambda n, entry: b"".join(bytes(rng.integers(0, 256, 3).tolist()) + b"\0" * (entry - 3) for _ in range(n))  # noqa: E731
    for bits, header, top_down in itertools.product((1, 4, 8), (12, 40, 52, 56, 64, 108, 124), (False, True)):
        values = rng.integers(0, 1 << bits, (7, 13))
        n = 1 << bits
        yield f"{bits} bits, header {header}, {top_down}", bmp(13, 7, bits, bmp_rows(values, bits), header=header, palette=colours(n, 3 if header == 12 else 4), top_down=top_down)
    for bits, n in ((4, 5), (8, 3), (8, 200), (8, 300), (1, 2), (8, 2), (1, 1)):
        values = rng.integers(0, min(n, 1 << bits), (7, 13))
        yield f"{bits} bits, {n} colours", bmp(13, 7, bits, bmp_rows(values, bits), palette=colours(n, 4), colours=n)
        yield f"{bits} bits, {n} greys", bmp(13, 7, bits, bmp_rows(values, bits), palette=b"".join(bytes([i % 256] * 3) + b"\0" for i in range(n)), colours=n)
    white = b"\0\0\0\0\xff\xff\xff\0"
    for bits, palette in ((1, white), (1, white[4:] + white[:4]), (8, white), (4, white)):
        yield f"{bits} bits, black and white", bmp(13, 7, bits, bmp_rows(rng.integers(0, 2, (7, 13)), bits), palette=palette, colours=2)
    yield "8 bits, palette cut", bmp(13, 7, 8, b"", palette=colours(50, 4), colours=0)
    yield "8 bits, no offset", bmp(13, 7, 8, bmp_rows(rng.integers(0, 256, (7, 13)), 8), palette=colours(256, 4), offset=0)
    yield "8 bits, offset at the palette", bmp(13, 7, 8, bmp_rows(rng.integers(0, 256, (7, 13)), 8), palette=colours(256, 4), offset=54)
    for bits in (16, 24, 32, 2, 0, 64):
        stride = -(-13 * bits // 32) * 4
        for top_down in (False, True):
            yield f"{bits} bits, {top_down}", bmp(13, 7, bits, rng.bytes(stride * 7), top_down=top_down)
        yield f"{bits} bits, old header", bmp(13, 7, bits, rng.bytes(stride * 7), header=12)
    pack = lambda *m: struct.pack(f"<{len(m)}I", *m)  # noqa: E731
    for masks in ((0xFF0000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0), (0xFF000000, 0xFF00, 0xFF, 0), (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
                  (0xFF, 0xFF00, 0xFF0000, 0xFF000000), (0xFF0000, 0xFF00, 0xFF, 0xFF000000), (0xFF000000, 0xFF00, 0xFF, 0xFF0000), (0, 0, 0, 0), (1, 2, 4, 8)):
        for header in (40, 52, 56, 124):
            yield f"32 bits, masks {masks[0]:x} {masks[3]:x}, header {header}", bmp(13, 7, 32, rng.bytes(52 * 7), header=header, compression=3, masks=pack(*masks[:3 if header < 56 else 4]))
    for bits, masks in ((16, (0xF800, 0x7E0, 0x1F)), (16, (0x7C00, 0x3E0, 0x1F)), (16, (0xF00, 0xF0, 0xF)), (24, (0xFF0000, 0xFF00, 0xFF)), (24, (0xFF, 0xFF00, 0xFF0000)), (8, (1, 2, 3))):
        yield f"{bits} bits, masks {masks[0]:x}", bmp(13, 7, bits, rng.bytes(-(-13 * bits // 32) * 28), compression=3, masks=pack(*masks))
    for compression in (4, 5, 6, 11, 99):
        yield f"compression {compression}", bmp(13, 7, 24, rng.bytes(40 * 7), compression=compression)
    rle8 = bytes([5, 7, 8, 9, 0, 0, 0, 3, 1, 2, 3, 0, 10, 4, 0, 0, 0, 2, 3, 1, 200, 6, 0, 0, 13, 5, 0, 0, 13, 1, 0, 0])
    rle4 = bytes([13, 0x12, 0, 0, 0, 5, 0x12, 0x34, 0x50, 0, 8, 0x77, 0, 0, 0, 2, 2, 1, 11, 0x9A, 0, 0, 13, 0xAB])
    for name, data, bits, kind in (("RLE8", rle8, 8, 1), ("RLE4", rle4, 4, 2)):
        for end in (b"\0\1", b"", b"\0", b"\0\0" * 9, b"\0\2\5", b"\0\2\5\1\0\1", b"\0\2\xff\xff", b"\0\x09abc", b"\x0d\x01" * 9):
            for top_down in (False, True):
                yield f"{name}, end {end[:6].hex()} {top_down}", bmp(13, 7, bits, data + end, compression=kind, palette=colours(1 << bits, 4), top_down=top_down)
        yield f"{name}, full", bmp(13, 7, bits, b"\x0d\x31\0\0" * 7 + b"\0\1", compression=kind, palette=colours(1 << bits, 4))
        yield f"{name}, greys", bmp(13, 7, bits, b"\x0d\x31\0\0" * 7, compression=kind, palette=b"".join(bytes([i] * 3) + b"\0" for i in range(1 << bits)))
        yield f"{name}, black and white", bmp(13, 7, bits, b"\x0d\x01\0\0" * 7, compression=kind, palette=white, colours=2)
        yield f"{name}, 24 bits", bmp(13, 7, 24, b"\x0d\x01\0\0" * 7, compression=kind)
    for size in ((0, 7), (13, 0), (-13, 7)):
        yield f"size {size}", bmp(*size, 24, rng.bytes(500))
    yield "header 41", bmp(13, 7, 24, rng.bytes(500), header=41)
    yield "header cut", bmp(13, 7, 24, b"")[:30]


# --- PBM, PGM, PPM ---------------------------------------------------------------------------------------------------


def pnms():
    rng = np.random.default_rng(4)
    plain = lambda most, n: " ".join(str(v) for v in rng.integers(0, most + 1, n)).encode()  # noqa: E731
    for most in (255, 1, 7, 254, 256, 1000, 65535, 65534, 0, 65536):
        for kind, samples in ((5, 1), (6, 3)):
            data = rng.integers(0, max(most, 1) + 1, 35 * samples)
            binary = data.astype(np.uint8).tobytes() if most < 256 else data.astype(">u2").tobytes()
            yield f"P{kind} to {most}", b"P%d\n7 5\n%d\n" % (kind, most) + binary
            yield f"P{kind} to {most}, cut", b"P%d\n7 5\n%d\n" % (kind, most) + binary[:-1]
            yield f"P{kind} to {most}, beyond", b"P%d\n7 5\n%d\n" % (kind, most) + b"\xff" * len(binary)
            yield f"P{kind - 3} to {most}", b"P%d\n7 5\n%d\n" % (kind - 3, most) + plain(most, 35 * samples)
            yield f"P{kind - 3} to {most}, cut", b"P%d\n7 5\n%d\n" % (kind - 3, most) + plain(most, 34 * samples)
            yield f"P{kind - 3} to {most}, beyond", b"P%d\n7 5\n%d\n" % (kind - 3, most) + plain(most, 34 * samples) + b" %d %d %d" % ((most + 1,) * 3)
    yield "P4", b"P4 13 5 " + rng.bytes(10)
    yield "P4, cut", b"P4 13 5 " + rng.bytes(9)
    yield "P1", b"P1\n5 3\n10101 0 1 0 1 1\n11011"
    yield "P1, more", b"P1\n5 3\n10101 0 1 0 1 1\n11011 1 1"
    yield "P1, other behind", b"P1\n5 3\n10101 0 1 0 1 1\n11011 x"
    yield "P1, 2", b"P1\n5 3\n10101 0 1 2 1 1\n11011"
    yield "P1, cut", b"P1\n5 3\n10101 0 1"
    for header in (b"P5\n# a comment\n7 5\n255\n", b"P5 7#c\n 5 255 ", b"P5\n7 5 # c\n255\n", b"P5\n7 5\n255#c\n", b"P5\r\n7 5\r\n255\n", b"P5\t7\v5\f255\r", b"P5\n7 5\n2#x\n55\n",
                   b"P5#c\n7 5\n255\n", b"P5\n7 5\n00000000255\n", b"P5\n7 5\n0000000255\n", b"P5\n-7 5\n255\n", b"P5\n7 x\n255\n", b"P5\n7 0\n255\n", b"P5 7 5 255", b"P5\n# no end",
                   b"P5\n7.0 5\n255\n", b"P55\n7 5\n255\n", b"P5\n7 5\n 255\n"):
        yield f"header {header!r}", header + bytes(range(35))
    for body in (b"1 2 3 4 5 6 # c\n", b"1 2 3 4 5 6#c\n", b"1 2#c\n3 4 5 6 7", b"1 2 3 4 5 99999999999", b"1 2 3 4 5 -6", b"1 2 3 4 5 6 x", b"1 2 3 4 5 x", b"1 2 3 4 5 6x", b"1,2,3,4,5,6",
                 b"1 2 3 4 5 +6", b"0001 2 3 4 5 6", b"\n1\n2\r\n3\t4\v5\f6\n"):
        yield f"P2 {body!r}", b"P2 3 2 255 " + body
    for name in ("RGB", "L", "1", "I;16"):
        image = PIL.fromarray(noise(20, 30)).convert(name) if name != "I;16" else PIL.fromarray(noise(20, 30, 1)[..., 0].astype(np.uint16) * 200)
        yield f"Pillow's {name}", encoded(image, "PPM")


def others():
    """Formats that are read through a library or named."""
    rgb, grey = PIL.fromarray(noise(45, 62)), PIL.fromarray(noise(45, 62, 1)[..., 0])
    rgba = PIL.fromarray(noise(45, 62, 4), "RGBA")
    for name, image in (("rgb", rgb), ("grey", grey), ("rgba", rgba), ("grey alpha", PIL.merge("LA", [grey, rgba.getchannel(3)])), ("16 bits", PIL.fromarray(np.asarray(grey).astype(np.uint16) * 3))):
        for options in ({}, {"irreversible": True, "quality_mode": "rates", "quality_layers": [20]}, {"num_resolutions": 3}, {"tile_size": (32, 32)}, {"no_jp2": True}):
            data = encoded(image, "JPEG2000", **options)
            yield f"JPEG 2000 {name} {options}", data
            if not options:
                for cut in (1, 40, len(data) // 2):
                    yield f"JPEG 2000 {name}, {cut} cut", data[:-cut]
    for name, image in (("rgb", rgb), ("rgba", rgba), ("palette", rgb.quantize(20))):
        for kind, options in (("WEBP", {"lossless": True}), ("WEBP", {"quality": 70}), ("GIF", {})):
            yield f"{kind} {name} {options}", encoded(image, kind, **options)
