"""The paper's claims as data (paper/claims/*.toml), read strictly.

A claim states where it stands, what it says, the records it needs and the test that decides; `miniature` holds the same
question for models that are not the paper's, as a direction. verdicts.py gives the verdicts."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from estimates import TESTS

FOLDER = Path("paper") / "claims"
UNITS = {"percent": 100, "points": 100, "data sets": 1, "models": 1, "examples a class": 1, "shots": 1, "times": 1, "ratio": 1,
         "points a point": 1, "decades a decade": 1, "share": 1}
TEXT_OR_LIST = ("study", "dataset", "split", "model", "method", "metric", "paper_ref")
PART = {"test": str, "unit": str, "ours": dict, "against": dict, "baseline": dict, "within": (int, float), "value": (int, float),
        "tolerance": (int, float), "above": (int, float), "below": (int, float), "at_most": (int, float), "study": (str, list)}
CLAIM = {"id": str, "where": str, "statement": str, "needs": str, "miniature": dict, "note": str}


class ClaimError(Exception):
    """A claim file that cannot be used; one line that names file and claim."""


@dataclass(frozen=True)
class Question:
    """What is computed and what the claim says of it; numbers in `unit` as the reader sees them."""

    test: str
    unit: str
    ours: dict
    against: dict | None
    baseline: dict | None
    within: float
    value: float | None
    tolerance: float
    above: float | None
    below: float | None
    at_most: float | None = None  # a printed bound: `tolerance` is what its rounding hides

    @property
    def expected(self) -> str:
        if self.at_most is not None:
            return (f"at most {self.at_most:g}" + (f" + {self.tolerance:g}" if self.tolerance else "") + f" {self.unit}").replace("-", "−")
        if self.value is not None:
            return (f"{self.value:g}" + (f" ± {self.tolerance:g}" if self.tolerance else "") + f" {self.unit}").replace("-", "−")
        bounds = [f"{word} {bound:g}" for word, bound in (("above", self.above), ("below", self.below)) if bound is not None]
        return f"{' and '.join(bounds)} {self.unit}".replace("-", "−")


@dataclass(frozen=True)
class Claim:
    id: str
    where: str
    statement: str
    needs: str  # what a run must bring that no study records, in words
    note: str
    paper: Question
    miniature: Question | None


def read_claims(root: Path) -> list[Claim]:
    """Every claim of paper/claims, files in order of name."""
    found: dict[str, tuple[Claim, Path]] = {}
    for path in sorted((root / FOLDER).glob("*.toml")):
        for claim in read_file(path):
            if claim.id in found:
                raise ClaimError(f"{path}: claim '{claim.id}' stands already in {found[claim.id][1].name}, expected each id once")
            found[claim.id] = (claim, path)
    return [claim for claim, _ in found.values()]


def read_file(path: Path) -> list[Claim]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ClaimError(f"{path}: no TOML ({error}), expected tables [[claim]]") from error
    _fields(f"{path}", content, {"claim": list})
    claims: dict[str, Claim] = {}
    for number, entry in enumerate(content.get("claim", []), 1):
        if not isinstance(entry, dict):
            raise ClaimError(f"{path}: claim {number} is no table, expected [[claim]]")
        where = f"{path}: claim '{entry.get('id', number)}'"
        claim = _claim(where, entry)
        if claim.id in claims:
            raise ClaimError(f"{where}: the second with this id, expected each id once")
        claims[claim.id] = claim
    return list(claims.values())


def _claim(where: str, entry: dict) -> Claim:
    _fields(where, entry, CLAIM | PART)
    for name in ("id", "where", "statement"):
        if not entry.get(name):
            raise ClaimError(f"{where}: no field '{name}', expected id, where, statement, test, unit, ours and what is claimed")
    small = entry.get("miniature")
    if small is not None:
        _fields(f"{where}, miniature", small, PART)
    paper = _question(where, entry)
    if small is None:
        miniature = None
    else:
        shared = {k: entry[k] for k in ("test", "unit", "within") if k in entry}
        if {"value", "tolerance", "at_most"} & set(small):
            raise ClaimError(f"{where}, miniature: 'value' or 'at_most' of the paper's scale, expected a direction: above or below")
        miniature = _question(f"{where}, miniature", {"study": entry.get("study", [])} | shared | small)
    return Claim(entry["id"], entry["where"], entry["statement"], entry.get("needs", ""), entry.get("note", ""), paper, miniature)


def _question(where: str, entry: dict) -> Question:
    if entry.get("test") not in TESTS:
        raise ClaimError(f"{where}: test '{entry.get('test', '')}' is unknown, expected one of {', '.join(TESTS)}")
    if entry.get("unit") not in UNITS:
        raise ClaimError(f"{where}: unit '{entry.get('unit', '')}' is unknown, expected one of {', '.join(UNITS)}")
    _, _, wants_against, wants_baseline = TESTS[entry["test"]]
    for name, wanted in (("ours", True), ("against", wants_against), ("baseline", wants_baseline)):
        if wanted != (name in entry):
            raise ClaimError(f"{where}: '{name}' is {'missing' if wanted else 'given'}, test '{entry['test']}' "
                             f"{'needs' if wanted else 'takes no'} '{name}'")
        if wanted:
            _selector(f"{where}, {name}", entry[name])
    if (entry["test"] == "within") != ("within" in entry):
        raise ClaimError(f"{where}: 'within' and test 'within' go together")
    kinds = [k for k in ({"value"}, {"at_most"}, {"above", "below"}) if k & set(entry)]
    if len(kinds) != 1:
        raise ClaimError(f"{where}: expected either 'value' or 'at_most' with 'tolerance', or 'above' or 'below'")
    if bool({"value", "at_most"} & set(entry)) != ("tolerance" in entry) or entry.get("tolerance", 0) < 0:
        raise ClaimError(f"{where}: 'value' or 'at_most' and 'tolerance' of 0 or more go together")
    studies = {"study": entry["study"]} if entry.get("study") else {}
    ours, against, baseline = (None if n not in entry else (studies if not entry[n].get("published") else {}) | entry[n]
                               for n in ("ours", "against", "baseline"))
    scale = UNITS[entry["unit"]]
    return Question(entry["test"], entry["unit"], ours, against, baseline, entry.get("within", 0) / scale, entry.get("value"),
                    entry.get("tolerance", 0), entry.get("above"), entry.get("below"), entry.get("at_most"))


def _selector(where: str, entry: dict) -> None:
    _fields(where, entry, {n: (str, list) for n in TEXT_OR_LIST} | {"published": bool, "params": dict})
    params = entry.get("params", {})
    _fields(f"{where}, params", params, {name: (str, list) for name in params})
    for name, values in ({n: entry.get(n, "") for n in TEXT_OR_LIST} | params).items():
        if isinstance(values, list) and not all(isinstance(v, str) for v in values):
            raise ClaimError(f"{where}: '{name}' holds {values}, expected text or a list of texts")
    if "dataset" not in entry or "metric" not in entry:
        raise ClaimError(f"{where}: expected at least 'dataset' and 'metric'")


def _fields(where: str, entry: dict, known: dict) -> None:
    for name, value in entry.items():
        if name not in known:
            raise ClaimError(f"{where}: field '{name}' is unknown, expected one of {', '.join(known)}")
        if not isinstance(value, known[name]) or isinstance(value, bool) and known[name] is not bool:
            raise ClaimError(f"{where}: field '{name}' is {value!r}, expected {_type_name(known[name])}")


def _type_name(kind: object) -> str:
    names = {str: "text", dict: "a table", list: "a list", bool: "true or false", int: "a number", float: "a number"}
    return " or ".join(dict.fromkeys(names[k] for k in (kind if isinstance(kind, tuple) else (kind,))))
