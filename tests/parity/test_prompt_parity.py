"""Class names and templates of the paper's 27 sets in data/prompts/paper, held against the paper's prompt list: none may differ. The list is
shared/reference/prompts.json (CLIPLAB_SHARED), never part of the project. Beside them clip-benchmark's, which other people's numbers were
made with (`--prompts clip-benchmark`)."""

import json
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("CLIPLAB_SHARED", ROOT.parent / "shared"))
WHEELS = ROOT / "data/prompts/wheels"

PAPER = {  # the paper's name of each list
    "birdsnap": "Birdsnap", "caltech101": "Caltech101", "cars": "StanfordCars", "cifar10": "CIFAR10", "cifar100": "CIFAR100",
    "clevr_counts": "CLEVRCounts", "country211": "Country211", "dtd": "DescribableTextures", "eurosat": "EuroSAT",
    "fer2013": "FacialEmotionRecognition2013", "fgvc_aircraft": "FGVCAircraft", "flowers102": "Flowers102", "food101": "Food101", "gtsrb": "GTSRB",
    "hateful_memes": "HatefulMemes", "imagenet": "ImageNet", "kinetics700": "Kinetics700", "kitti": "KITTI", "mnist": "MNIST", "pcam": "PatchCamelyon",
    "pets": "OxfordPets", "rendered_sst2": "SST2", "resisc45": "RESISC45", "stl10": "STL10", "sun397": "SUN397", "ucf101": "UCF101",
    "voc2007": "PascalVOC2007"}
LISTS = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in (ROOT / "data/prompts/paper").glob("*.json")}


@pytest.fixture(scope="module")
def paper() -> dict:
    file = SHARED / "reference/prompts.json"
    if not file.exists():
        pytest.skip(f"no {file}; set CLIPLAB_SHARED")
    return json.loads(file.read_text())


@pytest.fixture(scope="module")
def wheels() -> dict:
    if not WHEELS.exists():
        pytest.skip(f"no {WHEELS}; run ./cliplab")
    return {file.stem: json.loads(file.read_text()) for file in WHEELS.glob("*.json")}


def names_of(classes: list) -> list[list[str]]:
    return [[name] if isinstance(name, str) else name for name in classes]


@pytest.mark.parametrize("ours", sorted(PAPER))
def test_names_with_synonyms_and_templates_are_the_papers(paper: dict, ours: str) -> None:
    theirs = paper[PAPER[ours]]
    assert list(LISTS[ours]["classes"].values()) == names_of(theirs["classes"])
    assert LISTS[ours]["templates"] == theirs["templates"]
    assert PAPER[ours] in LISTS[ours]["source"] and "d05afc43" in LISTS[ours]["source"]


def test_all_27_sets_are_there_and_the_catalogue_uses_them(paper: dict) -> None:
    assert set(LISTS) == set(PAPER) and set(PAPER.values()) == set(paper) and len(paper) == 27
    catalogue = {entry["name"]: entry.get("prompts") for entry in json.loads((ROOT / "data/datasets.json").read_text())["sets"]}
    assert {name: catalogue[name] for name in PAPER} == {name: name for name in PAPER}


def plain(name: str) -> str:
    return re.sub(r"[^0-9a-z\x80-\uffff]", "", name.lower())


@pytest.mark.parametrize("ours", sorted(PAPER))
def test_what_other_places_call_the_classes_joins_to_one_class_each(wheels: dict, ours: str) -> None:
    """clip-benchmark's names, which its shards have, and keys, names and aliases of the list: none stands for two classes but ImageNet's two
    pairs of equal names."""
    found: dict[str, set[str]] = {}
    for key, names in LISTS[ours]["classes"].items():
        for label in (key, *names, *(a for a, k in LISTS[ours].get("aliases", {}).items() if k == key)):
            found.setdefault(plain(label), set()).add(key)
    several = {label for label, keys in found.items() if len(keys) > 1}
    assert len(several) == (2 if ours == "imagenet" else 0), several
    if ours in wheels:
        assert {name for name in wheels[ours]["classes"].values() if plain(name) not in found} == set()


def test_numbers_are_those_of_the_official_labels(wheels: dict) -> None:
    """clip-benchmark lists the classes of these in the order of their official numbers."""
    for ours in ("flowers102", "gtsrb", "imagenet", "kitti", "pcam"):
        names = [LISTS[ours]["classes"][key][0] if key else "" for key in LISTS[ours]["ids"]]
        assert names == wheels[ours]["ids"], ours
    assert [LISTS["stl10"]["ids"][i] for i in (1, 7, 10)] == ["airplane", "horse", "truck"]
    assert LISTS["fer2013"]["ids"] == ["angry", "disgusted", "fearful", "happy", "sad", "surprised", "neutral"]
    assert list(LISTS["country211"]["classes"]) == sorted(LISTS["country211"]["classes"]) and LISTS["country211"]["classes"]["CI"] == ["Cote d'Ivoire"]


def test_imagenet_has_998_different_names_and_wnids_as_keys() -> None:
    classes = {key: names[0] for key, names in LISTS["imagenet"]["classes"].items()}
    assert len(classes) == 1000 and len(set(classes.values())) == 998
    assert classes["n01440764"] == "tench" and list(classes) == sorted(classes)


def test_imagenets_seven_templates_are_open_clips() -> None:
    from open_clip.zero_shot_metadata import OPENAI_IMAGENET_TEMPLATES, SIMPLE_IMAGENET_TEMPLATES
    imagenet = LISTS["imagenet"]
    assert imagenet["subsets"]["7"] == [template("{}") for template in SIMPLE_IMAGENET_TEMPLATES]
    assert imagenet["templates"] == [template("{}") for template in OPENAI_IMAGENET_TEMPLATES]
    assert set(imagenet["subsets"]["7"]) < set(imagenet["templates"]) and [ours for ours in LISTS if "subsets" in LISTS[ours]] == ["imagenet"]


def test_imagenets_own_labels_are_wordnets_with_two_that_are_shared() -> None:
    imagenet = LISTS["imagenet"]
    own = imagenet["own_names"]
    assert list(own) == list(imagenet["classes"]) and own["n01440764"] == "tench"
    assert {key for key, name in own.items() if list(own.values()).count(name) > 1} == {"n02012849", "n03126707", "n03710637", "n03710721"}
    assert own["n02012849"] == own["n03126707"] == "crane" and imagenet["classes"]["n03126707"] == ["construction crane"]
