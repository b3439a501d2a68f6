"""Puts a report together: sections of banners, text, tables and figures, without a word of any output format.

Every caption says what is measured, on how many samples, with which interval, model and data, and how the scale
differs from the paper's. A study that a run lacks gets one line; one without code here gets generic tables; what cannot
be read or shown is counted in the summary, and the rest still comes."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pandas as pd

import figures
from claims import ClaimError
from claims_section import claims_tables
from clean import said
from freshness import Deviation
from gallery import Gallery
from generic_tables import generic
from headline import headline_table, training_table
from paper_figures import FIGURES
from paper_tables import paper_tables
from pool import Pool, make_pool, why_left_out
from reference import Reference
from results import ResultError, ResultFile, Run
from study_pages import PICTURES_OF, STUDIES, TABLES_OF, TITLES, Study
from study_tables import datasets_of, models_of, of_data_sets, pairs_of
from tables import Cell, Table, file_name, linked
from wording import intervals

PROBLEMS = "problems"  # key of the section that lists them
FLOOR_NOTE = "Floors in italics: the majority class of the training split, a linear probe on raw pixels."


@dataclass
class Picture:
    name: str
    caption: str


@dataclass
class Text:
    text: str
    kind: str = "text"  # "text", "lead", "banner", "item", "missing"


@dataclass
class Config:
    """A resolved configuration, shown folded."""

    title: str
    text: str


@dataclass
class Records:
    """Every record of a file, where the numbers of the report link to; in the HTML only, the others have records.csv."""

    where: str  # "run/file.h5"
    file: ResultFile


@dataclass
class Section:
    key: str  # names the generated Typst file
    title: str
    blocks: list[Text | Table | Picture | Config | Records] = field(default_factory=list)


Block = Text | Table | Picture | Config | Records
T = TypeVar("T")


def build(root: Path, runs: list[Run], figure_folder: Path, found: list[Deviation], problems: list[str] | None = None) -> list[Section]:
    """All sections; figures are drawn into `figure_folder`. `problems` says which files could not be read, and afterwards what else failed."""
    problems = [] if problems is None else problems
    with Gallery(figure_folder) as gallery:
        pool = make_pool(runs)
        makers: list[tuple[str, Callable[[], Section]]] = [
            ("Summary", lambda: _summary(root, runs, problems)), ("The paper's claims", lambda: _claims(root, pool, problems)),
            *((study.title, lambda s=study: _study_section(root, s, runs, gallery, problems)) for study in [*STUDIES, *_unknown_studies(root, runs)]),
            ("The paper's tables and figures", lambda: _paper(root, pool, gallery, problems)), ("Training", lambda: _training(runs, gallery)),
            ("Departures from the paper", lambda: _deviations(found)), ("Provenance", lambda: _provenance(runs)), ("Records", lambda: _records(runs))]
        sections = [s for title, make in makers if (s := _or_said(make, f"section '{title}'", problems)) is not None]
        missing = gallery.finish()
    problems += [f"figure {name} could not be drawn ({why})" for name, why in missing.items()]
    for section in sections:
        section.blocks = [b for b in section.blocks if not (isinstance(b, Picture) and b.name in missing)]
    _tell_apart(sections)
    return with_problems([s for s in sections if s.blocks], problems)


def _or_said(make: Callable[[], T], what: str, problems: list[str]) -> T | None:
    """What `make` returns; if it fails, a line about it and None. Whatever goes wrong in one place, the rest of the report comes."""
    try:
        return make()
    except Exception as error:  # noqa: BLE001
        problems.append(f"{what} could not be made ({said(error)})")
        return None


def _tell_apart(sections: list[Section]) -> None:
    """Names of tables and keys of sections are file names; of names in other scripts little is left, so that several may be one."""
    tables = [b for s in sections for b in s.blocks if isinstance(b, Table)]
    for named, attribute, taken in ((tables, "name", {"records"}), (sections, "key", {"meta", "body", PROBLEMS})):
        for thing in named:
            name, count = getattr(thing, attribute), 1
            while (unique := name if count == 1 else f"{name}_{count}").lower() in taken:
                count += 1
            taken.add(unique.lower())
            setattr(thing, attribute, unique)


def with_problems(sections: list[Section], problems: list[str]) -> list[Section]:
    """The sections after one that lists what failed; an earlier list is replaced."""
    what = f"{len(problems)} {'thing' if len(problems) == 1 else 'things'} could not be read or shown; the rest of the report stands:"
    lead = Section(PROBLEMS, "What is missing", [Text(what, "banner"), *(Text(p, "item") for p in problems)])
    return [*([lead] if problems else []), *(s for s in sections if s.key != PROBLEMS)]


def _claims(root: Path, pool: Pool, problems: list[str]) -> Section:
    section = Section("claims", "The paper's claims")
    try:
        sentences, tables = claims_tables(root, pool)
    except ClaimError as error:
        problems.append(str(error))
        return section
    if tables:
        section.blocks = [Text(s) for s in sentences if s] + tables
    return section


def _paper(root: Path, pool: Pool, gallery: Gallery, problems: list[str]) -> Section:
    tables, pictures = paper_tables(root, pool), []
    for name, caption, maker in FIGURES:
        figure = _or_said(lambda make=maker: make(root, pool), f"figure {name}", problems)
        if figure is not None:
            gallery.add(figure, name)
            pictures.append(Picture(name, caption))
    lead = Text("Each table in the paper's arrangement: its rows as printed, beneath each what was measured here, models that it has not "
                "last. –: the paper has no such cell; a letter says why there is none of ours.", "lead")
    return Section("paper_tables", "The paper's tables and figures", [lead, *pictures, *tables] if tables else [])


def _unknown_studies(root: Path, runs: list[Run]) -> list[Study]:
    """Studies of the runs that have no code here, in order of name."""
    known = {study.key for study in STUDIES}
    names = sorted({file.experiment for run in runs for file in run.studies()} - known)
    return [Study(name, TITLES.get(name, name.replace("_", " ").capitalize()), _question(root, name), PICTURES_OF.get(name, ())) for name in names]


def _question(root: Path, study: str) -> str:
    """What its README asks."""
    readme = root / "experiments" / file_name(study) / "README.md"
    text = readme.read_text(encoding="utf-8", errors="replace") if readme.exists() else ""
    asked = re.search(r"\*\*Question\.\*\*\s*(.+?)(?:\n\s*\n|\Z)", text, re.DOTALL)
    return " ".join(asked[1].split()) if asked else "A study without tables of its own code here."


def _records(runs: list[Run]) -> Section:
    return Section("records", "Records", [Records(file.where, file) for run in runs for file in run.files])


def _several(runs: list[Run], text: str, run: Run) -> str:
    """`text` with the run's name where the report holds more than one."""
    return f"{text} · {run.name}" if len(runs) > 1 else text


def _file_name(runs: list[Run], name: str, index: int) -> str:
    return name if index == 0 else f"{name}_{index + 1}"


def _summary(root: Path, runs: list[Run], problems: list[str]) -> Section:
    section, elsewhere = Section("summary", "Summary"), []
    section.blocks += banners(runs)
    for index, run in enumerate(runs):
        table = _or_said(lambda r=run: headline_table(root, r), f"{run.name}: the summary", problems)
        if table is None:
            continue
        table.name = _file_name(runs, "summary", index)
        table.title = _several(runs, "What was measured, next to the paper", run)
        table.caption = f"{intervals(pd.concat([f.records for f in run.studies()]) if run.studies() else run.files[0].records)} {scale_note(root, run)}"
        marked = [f"{f.name} {why}" for f in run.studies() if (why := why_left_out(f))]
        if table.rows:
            section.blocks.append(table)
        elif not run.studies():
            section.blocks.append(Text(f"{run.name}: no study in this run.", "missing"))
        elif not marked:
            elsewhere.append(run.name)
        if marked:
            section.blocks.append(Text(f"{run.name}: {len(marked)} of {len(run.studies())} studies do not count: {'; '.join(marked)}.", "missing"))
    if elsewhere:
        section.blocks.append(Text(f"Runs whose studies have no line here; see their sections: {', '.join(elsewhere)}.", "missing"))
    return section


def banners(runs: list[Run]) -> list[Text]:
    """One line a run for what keeps its numbers out of the paper."""
    found = []
    for run in runs:
        smoke, dirty = [f.name for f in run.files if f.smoke], [f.name for f in run.files if f.dirty]
        if smoke:
            found.append(Text(f"smoke run: not a measurement ({run.name}: {_listed(smoke, run)})", "banner"))
        if dirty:
            found.append(Text(f"dirty tree: made from sources that no commit holds ({run.name}: {_listed(dirty, run)})",
                              "banner"))
    return found


def _listed(names: list[str], run: Run) -> str:
    return "every file" if len(names) == len(run.files) else ", ".join(names)


def _study_section(root: Path, study: Study, runs: list[Run], gallery: Gallery, problems: list[str]) -> Section:
    section = Section(file_name(study.key), study.title, [Text(study.question, "lead")])
    reference, index = Reference.read(root, study.key), 0
    for run in runs:
        for file in run.of(study.key):
            try:
                section.blocks += _study_blocks(root, study, file, runs, run, reference, gallery, index, problems)
            except ResultError as error:
                problems.append(str(error))
            except Exception as error:  # noqa: BLE001
                problems.append(f"{file.where} could not be shown ({said(error)})")
            index += 1
    if not index:
        where = f"{runs[0].name} has no" if len(runs) == 1 else f"None of the {len(runs)} runs has a"
        section.blocks.append(Text(f"{where} {study.key}.h5: this study was not run.", "missing"))
    return section


def _study_blocks(root: Path, study: Study, file: ResultFile, runs: list[Run], run: Run, reference: Reference,
                  gallery: Gallery, index: int, problems: list[str]) -> list[Block]:
    note, mark, blocks = scale_note(root, run), why_left_out(file), []
    if mark:
        flags = [t for t, on in (("smoke run: not a measurement", file.smoke), ("dirty tree", file.dirty)) if on] or [mark]
        blocks.append(Text(f"{'; '.join(flags)} ({_several(runs, file.name, run)})", "banner"))
    if not file.complete:
        blocks.append(Text(f"{_several(runs, file.name, run)} is not complete: what was measured is shown; the same command goes on.", "banner"))
    blocks += _left_out(runs, run, file)
    if not len(file.records):
        return blocks
    pictures, tables, odd = _drawn(study, file, run, reference, gallery, index, problems)
    if odd:
        problems.append(odd)
        blocks.append(Text(odd, "banner"))
    for name, what in pictures:
        blocks.append(Picture(name, f"{run.name + ': ' if len(runs) > 1 else ''}{what} {_sample(file)} {intervals(file.records)} {note}"))
    for table in (linked(t, file.where) for t in tables):
        if index and table.name == "distribution_shift_paper":
            continue  # once is enough
        table.name, table.title = _file_name(runs, table.name, index), _several(runs, table.title, run)
        if not table.caption:
            table.caption = f"{_sample(file)} {intervals(file.records)} {FLOOR_NOTE} Rows marked (paper) are the paper's. {note}"
        if mark:  # the CSV and LaTeX files leave the page behind
            table.title, table.caption = f"{table.title} ({mark}: no measurement)", f"{mark.capitalize()}: no measurement. {table.caption}"
        blocks.append(table)
    return blocks


def _left_out(runs: list[Run], run: Run, file: ResultFile) -> list[Block]:
    """A row for each set that was asked for and not measured, with the reason."""
    if not file.left_out:
        return []
    table = Table(_file_name(runs, f"{file.experiment}_left_out", runs.index(run)), _several(runs, "Not measured", run), ["data set or study", "why"],
                  "What the configuration asks for and this run has no number of.", text_columns=2)
    for name, reason in file.left_out:
        table.add([name, reason])
    return [table]


def _drawn(study: Study, file: ResultFile, run: Run, reference: Reference, gallery: Gallery,
           index: int, problems: list[str]) -> tuple[list[tuple[str, str]], list[Table], str]:
    """Figures (name, what) and tables; records that the study's own code cannot show get generic tables and a line."""
    odd, drawn = "", []
    for name, what, maker in study.pictures:
        name = _file_name([run], name, index)
        figure = _or_said(lambda make=maker: make(file, run, reference), f"figure {name} of {file.where}", problems)
        if figure is not None:
            gallery.add(figure, name)
            drawn.append((name, what))
    try:
        tables = TABLES_OF.get(study.key, generic)(file, run, reference)
    except Exception as error:  # noqa: BLE001
        odd = f"{file.name} of {run.name}: records unlike this version's {study.key} ({said(error)}); shown as they are"
        tables = _or_said(lambda: generic(file, run, reference), f"tables of {file.where}", problems) or []
    return drawn, tables, odd


def _sample(file: ResultFile) -> str:
    """Samples, models and data behind the numbers of a file."""
    records = file.records
    counted = of_data_sets(records)
    counted = counted[~counted["method"].isin(["fit", "cost"]) & (counted["n"] > 0)]
    low, high = (counted["n"].min(), counted["n"].max()) if len(counted) else (0, 0)
    n = f"n = {low:,}" if low == high else f"n = {low:,} to {high:,}"
    data = datasets_of(records) or [f"{source} to {shift}" for source, shift in pairs_of(records)]
    return f"{n} pictures a number. Models: {', '.join(models_of(records))}. Data: {', '.join(data)}."


def scale_note(root: Path, run: Run) -> str:
    """How far the run is from the paper's scale; numbers come from the training logs and reference.csv."""
    names = {m for f in run.studies() for m in models_of(f.records)}
    reference = Reference.read(root, "zero_shot_vs_probe")
    if names and all(reference.has_model(name) for name in names):
        return "These models are the paper's own sizes: their rows and the paper's differ by the data sets and weights used."
    pairs = reference.pairs()
    paper = f"the paper's on {pairs / 1e6:.0f} million image-text pairs" if pairs else "the paper's on far more"
    return (f"Scale and data differ from the paper's ({_training_scale(run)}; {paper}): the numbers are not "
            "comparable.")


def _training_scale(run: Run) -> str:
    logs = list(run.training().values())
    sizes = [int(f.provenance[k]) for f in logs for k in ("corpus_pairs",) if f.provenance.get(k, "").isdigit()]
    seconds = [float(f.array("curve")["seconds"].max()) for f in logs if "curve" in f.array_columns]
    on = f"about {round(max(sizes), -3) if max(sizes) >= 10000 else round(max(sizes), -2):,} drawings" if sizes \
        else "a few thousand drawings"
    if not seconds:
        return f"these models were trained in minutes on {on}"
    shortest, longest = f"{min(seconds) / 60:.0f}", f"{max(seconds) / 60:.0f}"
    minutes = longest if shortest == longest else f"{shortest} to {longest}"
    return f"these models were trained in {minutes} minutes each on {on}"


def _training(runs: list[Run], gallery: Gallery) -> Section:
    section, shown = Section("training", "Training"), {}
    for index, run in enumerate(runs):
        curves = tuple((name, f.array("curve").to_numpy().tobytes()) for name, f in run.training().items() if "curve" in f.array_columns)
        earlier = shown.setdefault(curves, run.name) if curves else run.name
        if earlier != run.name:
            section.blocks.append(Text(f"{run.name}: the training of {earlier}.", "missing"))
            continue
        table, figure = training_table(run), figures.training(run)
        if table is None or figure is None:
            section.blocks.append(Text(f"{run.name} has no training log: its models came from elsewhere.", "missing"))
            continue
        name = _file_name(runs, "training_curves", index)
        gallery.add(figure, name)
        what = "Contrastive loss over the pairs seen; held-out pairs come from the same sources; no interval: one run a model."
        models = f"Models: {', '.join(run.training())}."
        section.blocks.append(Picture(name, f"{what} {models}"))
        table.name, table.title = _file_name(runs, table.name, index), _several(runs, "Cost and loss by model", run)
        table.caption = f"{what} {models}"
        section.blocks.append(table)
    return section


def _deviations(found: list[Deviation]) -> Section:
    section = Section("deviations", "Departures from the paper")
    if not found:
        section.blocks.append(Text("No departure is marked in the sources.", "missing"))
        return section
    section.blocks.append(Text("Each is marked in the source where it happens."))
    section.blocks += [Text(f"{d.section}: {d.text} ({d.file})", "item") for d in found]
    return section


SHORT_KEYS = ("commit", "date", "dirty", "smoke", "device", "seed", "seconds")


def _provenance(runs: list[Run]) -> Section:
    section = Section("provenance", "Provenance")
    files = Table("provenance", "Files", ["run", "file", *SHORT_KEYS], text_columns=2)
    for run in runs:
        for file in run.files:
            values = [file.provenance.get(key, "–") for key in SHORT_KEYS]
            values[0] = values[0][:10]
            values[-1] = f"{float(values[-1]):,.0f}" if values[-1].replace(".", "", 1).isdigit() else values[-1]
            files.add([run.name, Cell(file.name, file.where), *values])
    section.blocks.append(files)
    rest = Table("provenance_more", "Programs, models and data", ["key", "value", "files"], text_columns=3)
    for key, value, names in _shared_keys(runs):
        rest.add([key, value, names])
    if rest.rows:
        section.blocks.append(rest)
    section.blocks += [Config(file.where, file.config) for run in runs for file in run.files]
    return section


def _shared_keys(runs: list[Run]) -> list[tuple[str, str, str]]:
    """Other provenance keys, each value once with the files that carry it."""
    files = [f for run in runs for f in run.files]
    held: dict[tuple[str, str], list[str]] = {}
    for file in files:
        for key, value in sorted(file.provenance.items()):
            if key not in (*SHORT_KEYS, "run"):
                held.setdefault((key, value), []).append(file.name)
    return [(key, value, "all" if len(names) == len(files) else ", ".join(names))
            for (key, value), names in sorted(held.items())]
