"""Puts a report together: sections of banners, text, tables and figures, without a word of any output format.

Every caption says what is measured, on how many samples, with which interval, model and data, and how the scale
differs from the paper's. A study that a run lacks gets one line; one without code here gets generic tables; what cannot
be read or shown is counted in the summary, and the rest still comes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import figures
from claims import ClaimError
from claims_section import claims_tables
from freshness import Deviation
from gallery import Gallery
from generic_tables import generic
from headline import headline_table, training_table
from paper_figures import FIGURES
from paper_tables import paper_tables
from pool import Pool, make_pool, why_left_out
from reference import Reference
from results import ResultError, ResultFile, Run
from study_pages import PICTURES_OF, SHAPE_ERRORS, STUDIES, TABLES_OF, TITLES, Study
from study_tables import datasets_of, models_of, of_data_sets, pairs_of
from tables import Cell, Table, file_name, linked

INTERVALS = ("Intervals are 95 %: Clopper-Pearson for rates, bootstrap for means over classes and for slopes; a number "
             "without one has none defined.")
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


def build(root: Path, runs: list[Run], figure_folder: Path, found: list[Deviation], unread: tuple[str, ...] = ()) -> list[Section]:
    """All sections; figures are drawn into `figure_folder`. `unread` says which files could not be read."""
    pool, problems = make_pool(runs), list(unread)
    with Gallery(figure_folder) as gallery:
        studies = [_study_section(root, study, runs, gallery, problems) for study in [*STUDIES, *_unknown_studies(root, runs)]]
        sections = [_summary(root, runs, problems), _claims(root, pool, problems), *studies, _paper(root, pool, gallery)]
        sections += [_training(runs, gallery), _deviations(found), _provenance(runs), _records(runs)]
        missing = gallery.finish()
    problems += [f"figure {name} could not be drawn" for name in missing]
    for section in sections:
        section.blocks = [b for b in section.blocks if not (isinstance(b, Picture) and b.name in missing)]
    sections[0].blocks[:0] = _problems(problems)
    return [s for s in sections if s.blocks]


def _problems(problems: list[str]) -> list[Block]:
    if not problems:
        return []
    what = f"{len(problems)} {'thing' if len(problems) == 1 else 'things'} could not be read or shown; the rest of the report stands:"
    return [Text(what, "banner"), *(Text(p, "item") for p in problems)]


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


def _paper(root: Path, pool: Pool, gallery: Gallery) -> Section:
    tables, pictures = paper_tables(root, pool), []
    for name, caption, maker in FIGURES:
        figure = maker(root, pool)
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
    return Section("records", "Records", [Records(f"{run.name}/{file.path.name}", file) for run in runs for file in run.files])


def _several(runs: list[Run], text: str, run: Run) -> str:
    """`text` with the run's name where the report holds more than one."""
    return f"{text} · {run.name}" if len(runs) > 1 else text


def _file_name(runs: list[Run], name: str, index: int) -> str:
    return name if index == 0 else f"{name}_{index + 1}"


def _summary(root: Path, runs: list[Run], problems: list[str]) -> Section:
    section, elsewhere = Section("summary", "Summary"), []
    section.blocks += banners(runs)
    for index, run in enumerate(runs):
        try:
            table = headline_table(root, run)
        except SHAPE_ERRORS as error:
            problems.append(f"{run.name}: no summary, records unlike this version's ({type(error).__name__}: {str(error)[:80]})")
            continue
        table.name = _file_name(runs, "summary", index)
        table.title = _several(runs, "What was measured, beside the paper", run)
        table.caption = f"{INTERVALS} {scale_note(root, run)}"
        marked = [f"{f.path.name} {why}" for f in run.studies() if (why := why_left_out(f))]
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
        smoke, dirty = [f.path.name for f in run.files if f.smoke], [f.path.name for f in run.files if f.dirty]
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
                section.blocks += _study_blocks(root, study, file, runs, run, reference, gallery, index)
            except ResultError as error:
                problems.append(str(error))
            index += 1
    if not index:
        where = f"{runs[0].name} has no" if len(runs) == 1 else f"None of the {len(runs)} runs has a"
        section.blocks.append(Text(f"{where} {study.key}.h5: this study was not run.", "missing"))
    return section


def _study_blocks(root: Path, study: Study, file: ResultFile, runs: list[Run], run: Run, reference: Reference,
                  gallery: Gallery, index: int) -> list[Block]:
    note, mark, blocks = scale_note(root, run), why_left_out(file), []
    if mark:
        flags = [t for t, on in (("smoke run: not a measurement", file.smoke), ("dirty tree", file.dirty)) if on] or [mark]
        blocks.append(Text(f"{'; '.join(flags)} ({_several(runs, file.path.name, run)})", "banner"))
    if not file.complete:
        blocks.append(Text(f"{_several(runs, file.path.name, run)} is not complete: what was measured is shown; the same command goes on.", "banner"))
    blocks += _left_out(runs, run, file)
    if not len(file.records):
        return blocks
    pictures, tables, odd = _drawn(study, file, run, reference, gallery, index)
    if odd:
        blocks.append(Text(odd, "banner"))
    for name, what in pictures:
        blocks.append(Picture(name, f"{run.name + ': ' if len(runs) > 1 else ''}{what} {_sample(file)} {INTERVALS} {note}"))
    for table in (linked(t, f"{run.name}/{file.path.name}") for t in tables):
        if index and table.name == "distribution_shift_paper":
            continue  # once is enough
        table.name, table.title = _file_name(runs, table.name, index), _several(runs, table.title, run)
        if not table.caption:
            table.caption = f"{_sample(file)} {INTERVALS} {FLOOR_NOTE} Rows marked (paper) are the paper's. {note}"
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
           index: int) -> tuple[list[tuple[str, str]], list[Table], str]:
    """Figures (name, what) and tables; records that the study's own code cannot show get generic tables and a line."""
    try:
        drawn = [(_file_name([run], name, index), what, maker(file, run, reference)) for name, what, maker in study.pictures]
        tables = TABLES_OF.get(study.key, generic)(file, run, reference)
    except SHAPE_ERRORS as error:
        said = f"{file.path.name} of {run.name}: records unlike this version's {study.key} ({type(error).__name__}: {str(error)[:80]}); shown as they are"
        return [], generic(file, run, reference), said
    for name, _, figure in drawn:
        if figure is not None:
            gallery.add(figure, name)
    return [(name, what) for name, what, figure in drawn if figure is not None], tables, ""


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
            files.add([run.name, Cell(file.path.name, f"{run.name}/{file.path.name}"), *values])
    section.blocks.append(files)
    rest = Table("provenance_more", "Programs, models and data", ["key", "value", "files"], text_columns=3)
    for key, value, names in _shared_keys(runs):
        rest.add([key, value, names])
    if rest.rows:
        section.blocks.append(rest)
    section.blocks += [Config(f"{run.name}/{file.path.name}", file.config) for run in runs for file in run.files]
    return section


def _shared_keys(runs: list[Run]) -> list[tuple[str, str, str]]:
    """Other provenance keys, each value once with the files that carry it."""
    files = [f for run in runs for f in run.files]
    held: dict[tuple[str, str], list[str]] = {}
    for file in files:
        for key, value in sorted(file.provenance.items()):
            if key not in (*SHORT_KEYS, "run"):
                held.setdefault((key, value), []).append(file.path.name)
    return [(key, value, "all" if len(names) == len(files) else ", ".join(names))
            for (key, value), names in sorted(held.items())]
