"""Copies what the program reads at run time out of the pinned wheels in .venv, so that every machine has the same bits.

CLIP's byte-pair vocabulary (open_clip_torch) to data/vocab/, the fonts of text in drawings (matplotlib's DejaVu) to
data/fonts/, class names and templates of the paper's data sets (clip-benchmark, timm, open_clip_torch) to data/prompts/wheels/. Each file is
checked against its SHA-256 and written whole or not at all. Run by ./cliplab at set-up.
"""

import ast
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

DATA = Path(__file__).resolve().parent

# wheel, module, file in it, target under data/, SHA-256
FILES = [
    ("open_clip_torch", "open_clip", "bpe_simple_vocab_16e6.txt.gz", "vocab",
     "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"),
    ("matplotlib", "matplotlib", "mpl-data/fonts/ttf/DejaVuSans.ttf", "fonts",
     "3fdf69cabf06049ea70a00b5919340e2ce1e6d02b0cc3c4b44fb6801bd1e0d22"),
    ("matplotlib", "matplotlib", "mpl-data/fonts/ttf/DejaVuSans-Bold.ttf", "fonts",
     "b184b89e3c1075f22f6b71575b6fc20d4972b3cfd3b23322ca6fd596dcaef167"),
    ("matplotlib", "matplotlib", "mpl-data/fonts/ttf/DejaVuSans-Oblique.ttf", "fonts",
     "ccdf74b350f11fd3dd5774de50e5e6346a1a5da1f5b7d5fb83590665e97a5213"),
    ("matplotlib", "matplotlib", "mpl-data/fonts/ttf/DejaVuSans-BoldOblique.ttf", "fonts",
     "6edf0283160186af451cbee71e7b845f2e4cabf264bb992ce668c83c25465e6f"),
]


# clip-benchmark is read as a zip: installed, it would bring a dozen packages that nothing here uses.
PROMPT_WHEEL = "clip_benchmark-1.6.2-py2.py3-none-any.whl"
PROMPT_SHA256 = "6fbfd39b454a036a628b7e227b3d4050015009afe418583f21f27886c74e4998"

# our name: (the wheel's name, keys of its names where the set's folders are called otherwise, the number that names the first class).
# Keys are the sets' own class names or ids. A list without names in the wheel takes the set's own.
EUROSAT = "AnnualCrop Forest HerbaceousVegetation Highway Industrial Pasture PermanentCrop Residential River SeaLake".split()
CALTECH = {"background": "BACKGROUND_Google", "off-center face": "Faces", "centered face": "Faces_easy", "leopard": "Leopards",
           "motorbike": "Motorbikes", "airplane": "airplanes", "side of a car": "car_side", "body of a cougar cat": "cougar_body",
           "face of a cougar cat": "cougar_face", "head of a  crocodile": "crocodile_head", "head of a flamingo": "flamingo_head",
           "snoopy (cartoon beagle)": "snoopy", "yin and yang symbol": "yin_yang"}
PROMPTS = {
    "caltech101": ("caltech101", CALTECH, None), "cars": ("cars", {}, None), "cifar10": ("cifar10", {}, None),
    "cifar100": ("cifar100", {}, None), "clevr_counts": ("clevr_count_all", {}, None), "country211": ("country211", {}, None),
    "dtd": ("dtd", {}, None), "eurosat": ("eurosat", EUROSAT, None), "fer2013": ("fer2013", {}, None),
    "fgvc_aircraft": ("fgvc_aircraft", {}, None), "flowers102": ("flowers", {}, 1), "food101": ("food101", {}, None),
    "gtsrb": ("gtsrb", {}, 0), "imagenet": ("imagenet1k", "synsets", 0), "kitti": ("kitti_closest_vehicle_distance", {}, 0),
    "mnist": ("mnist", {}, None), "pcam": ("pcam", {}, 0), "pets": ("pets", {}, None), "rendered_sst2": ("renderedsst2", {}, None),
    "resisc45": ("resisc45", {}, None), "stl10": ("stl10", {}, None), "sun397": ("sun397", {}, None), "svhn": ("svhn", {}, 0),
    "voc2007": ("voc2007", {}, None),
}

# Characters of these sets' own class names that clip-benchmark replaces by blanks (datasets/builder.py `build_dataset`).
BLANKS = {"food101": "_", "sun397": "_/"}


def write(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part{os.getpid()}")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def prompt_wheel() -> Path | None:
    """The wheel in data/downloads, fetched by pip when it is not there whole."""
    file = DATA / "downloads" / PROMPT_WHEEL
    for attempt in range(2):
        if file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() == PROMPT_SHA256:
            return file
        if attempt == 0:
            file.unlink(missing_ok=True)
            subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                            "--dest", str(file.parent), "clip-benchmark==1.6.2"], check=False, stderr=subprocess.DEVNULL)
    return None


def prompts() -> str:
    """An empty text, or what is wrong."""
    wheel, timm = prompt_wheel(), importlib.util.find_spec("timm")
    if wheel is None:
        return f"{PROMPT_WHEEL}: cannot be had whole by pip, expected SHA-256 {PROMPT_SHA256[:16]}...; start again with a network"
    if timm is None or not timm.submodule_search_locations:
        return "timm is not installed; run ./cliplab"
    info = Path(timm.submodule_search_locations[0]) / "data/_info"
    synsets = (info / "imagenet_synsets.txt").read_text().split()
    lemmas = dict(line.split("\t") for line in (info / "imagenet_synset_to_lemma.txt").read_text(encoding="utf-8").splitlines())
    seven = imagenet_subset()
    if isinstance(seven, str):
        return seven
    with zipfile.ZipFile(wheel) as archive:
        all_names = json.loads(archive.read("clip_benchmark/datasets/en_classnames.json"))
        all_templates = json.loads(archive.read("clip_benchmark/datasets/en_zeroshot_classification_templates.json"))
    for name, (theirs, keys, first_id) in PROMPTS.items():
        names = all_names.get(theirs, [])
        if keys == "synsets":
            keys = synsets
        if isinstance(keys, list) and len(keys) != len(names):
            return f"{theirs}: {len(names)} names in the wheel, expected {len(keys)}"
        keys = keys if isinstance(keys, list) else [keys.get(one, one) for one in names]
        ids = [] if first_id is None else [""] * first_id + names
        document = {"source": f"clip-benchmark 1.6.2, {theirs}", "classes": dict(zip(keys, names, strict=True)), "ids": ids,
                    "templates": [text.replace("{c}", "{}") for text in all_templates[theirs]]}
        if name in BLANKS:
            document["blanks"] = BLANKS[name]
        if keys == synsets:  # WordNet's first word: what the classes are called before OpenAI chose names
            document |= {"own_names": {key: lemmas[key].split(",")[0] for key in keys}, "subsets": {"7": seven}}
        write(DATA / "prompts/wheels" / f"{name}.json", json.dumps(document, indent=1, ensure_ascii=False).encode())
    return ""


def imagenet_subset() -> list[str] | str:
    """The seven templates that OpenAI's notebook found by forward selection from the 80, read without running the module; or what is wrong."""
    package = importlib.util.find_spec("open_clip")
    if package is None or not package.submodule_search_locations:
        return "open_clip_torch is not installed; run ./cliplab"
    source = Path(package.submodule_search_locations[0]) / "zero_shot_metadata.py"
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "SIMPLE_IMAGENET_TEMPLATES":
            texts = [one.body.values for one in node.value.elts]  # lambda c: f"itap of a {c}."
            return ["".join(part.value if isinstance(part, ast.Constant) else "{}" for part in text) for text in texts]
    return f"{source}: no SIMPLE_IMAGENET_TEMPLATES; reinstall open_clip_torch"


def copy(wheel: str, module: str, name: str, folder: str, sha256: str) -> str:
    """An empty text, or what is wrong."""
    package = importlib.util.find_spec(module)
    if package is None or not package.submodule_search_locations:
        return f"{wheel} is not installed; run ./cliplab"
    source = Path(package.submodule_search_locations[0]) / name
    data = source.read_bytes() if source.is_file() else b""
    if hashlib.sha256(data).hexdigest() != sha256:
        return f"{source}: {'another file' if data else 'missing'}, expected SHA-256 {sha256[:16]}...; reinstall {wheel}"
    write(DATA / folder / source.name, data)
    return ""


def main() -> int:
    problems = [problem for file in FILES if (problem := copy(*file))]
    if problem := prompts():
        problems.append(problem)
    for problem in problems:
        print(f"cliplab: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
