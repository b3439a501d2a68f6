"""Class names and templates taken from the wheels, held against the paper's prompt list. Every deviation is listed here by
name: one more, or one less, fails. The list is shared/reference/prompts.json (CLIPLAB_SHARED), never part of the project."""

import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("CLIPLAB_SHARED", ROOT.parent / "shared"))
WHEELS = ROOT / "data/prompts/wheels"

PAPER = {  # the paper's name of each list
    "caltech101": "Caltech101", "cars": "StanfordCars", "cifar10": "CIFAR10", "cifar100": "CIFAR100", "clevr_counts": "CLEVRCounts",
    "country211": "Country211", "dtd": "DescribableTextures", "eurosat": "EuroSAT", "fer2013": "FacialEmotionRecognition2013",
    "fgvc_aircraft": "FGVCAircraft", "flowers102": "Flowers102", "food101": "Food101", "gtsrb": "GTSRB", "imagenet": "ImageNet",
    "kitti": "KITTI", "mnist": "MNIST", "pcam": "PatchCamelyon", "pets": "OxfordPets", "rendered_sst2": "SST2", "resisc45": "RESISC45",
    "stl10": "STL10", "sun397": "SUN397", "voc2007": "PascalVOC2007"}
NOT_IN_THE_WHEELS = {"Birdsnap", "HatefulMemes", "Kinetics700", "UCF101"}  # the sets' own names and the paper's default template
NO_NAMES = {"cars", "cifar10", "cifar100", "dtd", "fgvc_aircraft", "food101", "rendered_sst2", "resisc45", "stl10", "sun397", "voc2007"}
OTHER_TEMPLATES = {"clevr_counts", "pcam", "resisc45"}  # "a picture of" for "a photo of"; two of its own; 4 of 18, its own too
OTHER_NAMES = {"clevr_counts", "pets"}  # "three" for "3"; dogs with capitals. The paper's synonyms of fer2013 are lost as well
OTHER_ORDER = {"eurosat", "fer2013"}    # and pets: joined by name, so that it does not matter


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


def test_all_27_sets_are_accounted_for(paper: dict, wheels: dict) -> None:
    assert set(PAPER.values()) | NOT_IN_THE_WHEELS == set(paper)
    assert len(paper) == 27
    assert set(PAPER) | {"svhn"} == set(wheels)


def test_templates(paper: dict, wheels: dict) -> None:
    other = {ours for ours, theirs in PAPER.items() if wheels[ours]["templates"] != paper[theirs]["templates"]}
    assert other == OTHER_TEMPLATES
    assert all("{}" in text and "{c}" not in text for wheel in wheels.values() for text in wheel["templates"])


def test_names(paper: dict, wheels: dict) -> None:
    assert {ours for ours in PAPER if not wheels[ours]["classes"]} == NO_NAMES
    with_names = {ours: theirs for ours, theirs in PAPER.items() if ours not in NO_NAMES}
    ours_in_order = {ours: list(wheels[ours]["classes"].values()) for ours in with_names}
    first = {ours: [names[0] for names in names_of(paper[theirs]["classes"])] for ours, theirs in with_names.items()}
    assert {ours for ours in with_names if sorted(ours_in_order[ours]) != sorted(first[ours])} == OTHER_NAMES
    assert sorted(name.lower() for name in ours_in_order["pets"]) == sorted(name.lower() for name in first["pets"])
    assert {ours for ours in with_names if ours not in OTHER_NAMES and ours_in_order[ours] != first[ours]} == OTHER_ORDER


def test_imagenet_has_998_different_names_and_wnids_as_keys(wheels: dict) -> None:
    classes = wheels["imagenet"]["classes"]
    assert len(classes) == 1000 and len(set(classes.values())) == 998
    assert classes["n01440764"] == "tench" and list(classes) == sorted(classes)


def test_the_paper_has_synonyms_where_the_wheel_has_one_name(paper: dict, wheels: dict) -> None:
    lost = {ours for ours, theirs in PAPER.items() if any(len(names) > 1 for names in names_of(paper[theirs]["classes"]))}
    assert lost == {"fer2013"}
    assert all(isinstance(name, str) for wheel in wheels.values() for name in wheel["classes"].values())


def test_imagenets_seven_templates_are_open_clips(wheels: dict) -> None:
    from open_clip.zero_shot_metadata import OPENAI_IMAGENET_TEMPLATES, SIMPLE_IMAGENET_TEMPLATES
    imagenet = wheels["imagenet"]
    assert imagenet["subsets"]["7"] == [template("{}") for template in SIMPLE_IMAGENET_TEMPLATES]
    assert imagenet["templates"] == [template("{}") for template in OPENAI_IMAGENET_TEMPLATES]
    assert set(imagenet["subsets"]["7"]) < set(imagenet["templates"]) and [ours for ours in wheels if "subsets" in wheels[ours]] == ["imagenet"]


def test_imagenets_own_labels_are_wordnets_with_two_that_are_shared(wheels: dict) -> None:
    imagenet = wheels["imagenet"]
    own = imagenet["own_names"]
    assert list(own) == list(imagenet["classes"]) and own["n01440764"] == "tench"
    assert {key for key, name in own.items() if list(own.values()).count(name) > 1} == {"n02012849", "n03126707", "n03710637", "n03710721"}
    assert own["n02012849"] == own["n03126707"] == "crane" and imagenet["classes"]["n03126707"] == "construction crane"
