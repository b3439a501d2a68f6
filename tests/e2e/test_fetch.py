"""`cliplab data fetch NAME` against a server that cuts, refuses, moves and forgets: what is not whole has no name."""

import gzip
import hashlib
import http.server
import io
import json
import os
import signal
import subprocess
import tarfile
import threading
import time

import numpy as np
import pytest
from PIL import Image

from whole_run import binary, disk_of


def png(shade: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(shade).integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(out, "PNG")
    return out.getvalue()


def archive(names: list[str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for i, name in enumerate(names):
            info = tarfile.TarInfo(name)
            info.size = len(png(i))
            tar.addfile(info, io.BytesIO(png(i)))
    return gzip.compress(out.getvalue(), mtime=0)


PICTURES = archive([f"pets-1.0/{split}/{label}/{i}.png"
                    for split in ("train", "test") for label in ("cat", "dog") for i in range(8)])


class Server(http.server.ThreadingHTTPServer):
    """Serves `files`; `faults` are taken one a request, then all goes well."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults, self.requests, self.sent, self.ranges, self.pause = {}, [], [], 0, True, 0.0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def address(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *words) -> None:
        pass

    def do_GET(self) -> None:  # noqa: N802
        server, asked = self.server, self.headers.get("Range")
        server.requests.append((self.path, asked))
        fault = server.faults.pop(0) if server.faults else None
        if isinstance(fault, int):
            self.send_response(fault)
            self.end_headers()
            self.wfile.write(b"<html>a page that is no data</html>")
            return
        if isinstance(fault, str) and fault.startswith("to "):
            self.send_response(302)
            self.send_header("Location", fault[3:])
            self.end_headers()
            return
        body = server.files[self.path.strip("/")]
        begin = int(asked.split("=")[1].split("-")[0]) if asked and server.ranges else 0
        if begin >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        rest = body[begin:begin + len(body) // 3] if fault == "cut" else body[begin:]
        for at in range(0, len(rest), 4096):
            try:
                self.wfile.write(rest[at:at + 4096])
            except OSError:
                return
            server.sent += len(rest[at:at + 4096])
            time.sleep(server.pause)


@pytest.fixture
def server():
    found = Server()
    yield found
    found.shutdown()
    found.server_close()


class Place:
    """A project with a table of one set, pets_small, whose file lies on the server."""

    def __init__(self, folder, server, **changes):
        self.folder, self.root = folder, folder / "sets"
        for name in ("experiments", "data", "sets"):
            (folder / name).mkdir()
        server.files["pets-1.0.tar.gz"] = PICTURES
        download = {"url": server.address("pets-1.0.tar.gz"), "bytes": len(PICTURES),
                    "sha256": hashlib.sha256(PICTURES).hexdigest(), "strip": 1}
        one = {"name": "pets_small", "title": "Small pets", "group": "special", "task": "classes", "source": "here",
               "get": "ask us", "licence": "none", "metric": "accuracy", "comparable": "exact", "classes": 2,
               "counts": {"train": 16, "test": 16},
               "counts_from": "this test", "downloads": [download | changes]}
        (folder / "data/datasets.json").write_text(json.dumps({"sets": [one]}))

    def words(self, *more: str) -> list[str]:
        return [binary(), "data", "fetch", "pets_small", "--data-root", str(self.root), "--wait", "0.01", *more]

    def environment(self) -> dict[str, str]:
        return os.environ | {"CLIPLAB_ROOT": str(self.folder), "no_proxy": "127.0.0.1"}

    def fetch(self, *more: str, **how) -> subprocess.CompletedProcess:
        return subprocess.run(self.words(*more), env=self.environment(), capture_output=True, text=True, timeout=240,
                              check=False, **how)

    def start(self) -> subprocess.Popen:
        return subprocess.Popen(self.words(), env=self.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def is_whole(self) -> bool:
        pictures = sorted((self.root / "pets_small").rglob("*.png"))
        return len(pictures) == 32 and sorted(p.read_bytes() for p in pictures) == sorted(png(i) for i in range(32))

    def nothing_named(self) -> bool:
        """No folder that could be taken for the set, and no file under its final name."""
        return not (self.root / "pets_small").exists() and not list(self.root.rglob("*.tar.gz"))


@pytest.fixture
def place(tmp_path, server):
    binary()
    return Place(tmp_path, server)


def test_download_is_unpacked_verified_and_not_repeated(place, server):
    done = place.fetch()
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("pets_small: whole\n") and "licence: none" in done.stdout
    assert place.is_whole()
    assert not (place.root / ".fetch-pets_small").exists()  # the archive's room is free again
    assert place.fetch().returncode == 0 and len(server.requests) == 1


def test_cut_transfer_goes_on_where_it_was(place, server):
    server.faults = ["cut", "cut"]
    done = place.fetch("--retries", "0")  # a try that brings something is none in vain
    assert done.returncode == 0, done.stderr
    third = len(PICTURES) // 3
    assert [asked for _, asked in server.requests] == [None, f"bytes={third}-", f"bytes={2 * third}-"]
    assert server.sent == len(PICTURES) and place.is_whole()


def test_a_later_call_goes_on_and_a_killed_one_leaves_no_set(place, server):
    server.pause = 0.2
    process = place.start()
    while server.sent < 30000 and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=200) != 0
    assert place.nothing_named() and 0 < next(place.root.rglob("*.part")).stat().st_size < len(PICTURES)
    server.pause = 0
    process = place.start()
    process.kill()
    process.wait()
    assert place.fetch().returncode == 0
    assert server.requests[1][1] is not None and place.is_whole()


def test_server_without_ranges_is_asked_for_all_again(place, server):
    server.ranges, server.faults = False, ["cut"]
    done = place.fetch()
    assert done.returncode == 0, done.stderr
    assert [asked is None for _, asked in server.requests] == [True, False, True] and place.is_whole()


def test_other_bytes_than_the_tables_are_no_set(place, server):
    server.files["pets-1.0.tar.gz"] = PICTURES[:-1] + bytes([PICTURES[-1] ^ 1])
    done = place.fetch()
    assert done.returncode == 1 and len(server.requests) == 2  # once more, since a transfer may err
    assert "bytes of SHA-256" in done.stderr.splitlines()[-1] and hashlib.sha256(PICTURES).hexdigest() in done.stderr
    assert place.nothing_named() and not list(place.root.rglob("*.part"))


@pytest.mark.parametrize("body", [PICTURES[:1000], PICTURES + b"more"], ids=["short", "long"])
def test_another_size_is_no_set(place, server, body):
    server.files["pets-1.0.tar.gz"] = body
    done = place.fetch()
    assert done.returncode == 1 and f"{len(PICTURES)} bytes" in done.stderr.splitlines()[-1]
    assert place.nothing_named()


def test_a_file_changed_on_the_server_between_two_calls_is_taken_anew(place, server):
    part = place.root / ".fetch-pets_small/pets-1.0.tar.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 5000)
    assert place.fetch().returncode == 0 and place.is_whole()


def test_404_is_told_once_and_not_tried_again(place, server):
    server.faults = [404]
    done = place.fetch()
    assert done.returncode == 1 and len(server.requests) == 1 and place.nothing_named()
    assert f"{server.address('pets-1.0.tar.gz')}: HTTP status 404" in done.stderr.splitlines()[-1]
    assert not any(file.stat().st_size for file in place.root.rglob("*.part"))  # the page that says so is no data


def test_busy_server_is_tried_again_with_growing_pauses(place, server):
    server.faults = [503, 429, 503]
    done = place.fetch()
    assert done.returncode == 0, done.stderr
    pauses = [line.split("tries again in ")[1] for line in done.stderr.splitlines() if "tries again" in line]
    assert pauses == ["0.02 s", "0.04 s", "0.08 s"]
    assert place.is_whole()


def test_retries_end(place, server):
    server.faults = [503] * 9
    assert place.fetch("--retries", "2").returncode == 1 and len(server.requests) == 3


def test_redirects_are_followed_but_to_no_file(place, server, tmp_path):
    server.files["moved.tar.gz"] = PICTURES
    server.faults = [f"to {server.address('moved.tar.gz')}"]
    assert place.fetch().returncode == 0 and place.is_whole()
    (tmp_path / "other").mkdir()
    other = Place(tmp_path / "other", server)
    (tmp_path / "secret").write_bytes(PICTURES)
    server.faults = [f"to file://{tmp_path / 'secret'}"]
    done = other.fetch()
    assert done.returncode == 1 and other.nothing_named()


def test_redirect_loop_ends(place, server):
    server.faults = [f"to {server.address('pets-1.0.tar.gz')}"] * 50
    assert place.fetch().returncode == 1 and len(server.requests) <= 12


def test_full_disk_is_one_line_and_the_rest_follows(place, server):
    done = place.fetch(preexec_fn=disk_of(20000))
    assert done.returncode == 1 and "free space" in done.stderr.splitlines()[-1]
    assert place.nothing_named()
    assert place.fetch().returncode == 0 and place.is_whole()


def test_set_without_downloads_says_its_steps(tmp_path, server):
    place = Place(tmp_path, server)
    table = json.loads((tmp_path / "data/datasets.json").read_text())
    del table["sets"][0]["downloads"]
    (tmp_path / "data/datasets.json").write_text(json.dumps(table))
    done = place.fetch()
    assert done.returncode == 1 and "ask us" in done.stdout and str(place.root / "pets_small") in done.stdout
    assert not server.requests
