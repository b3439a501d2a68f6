"""Params of records: the keys and values that tell two records apart, one JSON text a record in the column `params`.

A column or a key of params is looked up by one name (`column`), so that filters and tables need not know which it is."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

NONE = "{}"
NOTES = ("interval", "line", "censored")  # how a number is to be read, no part of what it is: columns of their own


def to_text(values: Mapping[str, str]) -> str:
    """The one text of these keys and values; keys with an empty value are left out."""
    return json.dumps({k: str(v) for k, v in values.items() if str(v)}, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@functools.lru_cache(maxsize=None)
def parsed(text: str) -> Mapping[str, str]:
    """Raises ValueError for text that is no JSON object of texts."""
    values = json.loads(text)
    if not isinstance(values, dict) or not all(isinstance(v, str) for v in values.values()):
        raise ValueError("no JSON object of texts")
    return MappingProxyType(values)


def column(records: pd.DataFrame, name: str) -> pd.Series:
    """A column of the frame, else that key of the params, "" where a record has none."""
    if name in records.columns:
        return records[name]
    values = {text: parsed(text).get(name, "") for text in records["params"].unique()}
    return records["params"].map(values).astype("str")


def pick(records: pd.DataFrame, **where: object) -> pd.DataFrame:
    """Rows whose columns and params have these values; "" stands for a key that is not there."""
    for name, value in where.items():
        records = records[(column(records, name) == value).to_numpy(bool)]
    return records


def without(records: pd.DataFrame, *keys: str) -> pd.DataFrame:
    """The records with these keys left out of their params."""
    texts = {text: to_text({k: v for k, v in parsed(text).items() if k not in keys}) for text in records["params"].unique()}
    return records.assign(params=records["params"].map(texts).astype("str"))


def noted(records: pd.DataFrame) -> pd.DataFrame:
    """The records with their notes as columns, "" where a record has none, and no longer in their params."""
    return without(records, *NOTES).assign(**{name: column(records, name) for name in NOTES})


def spelled(text: str) -> str:
    """For a reader: "shots=4, start=zero"."""
    return ", ".join(f"{key}={value}" for key, value in parsed(text).items())
