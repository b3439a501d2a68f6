"""Puts a report together: sections of banners, text, tables and figures, without a word of any output format.

Every caption says what is measured, on how many samples, with which interval, model and data, and how the scale
differs from the paper's. A study that a run lacks gets one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

import figures
from freshness import Deviation
from headline import headline_table, training_table
from reference import Reference
from results import ResultFile, Run
from robustness_figure import distribution_shift
from study_tables import STUDY_TABLES, datasets_of, models_of, of_data_sets
from tables import Table

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
class Section:
    key: str  # names the generated Typst file
    title: str
    blocks: list[Text | Table | Picture | Config] = field(default_factory=list)


@dataclass(frozen=True)
class Study:
    key: str
    title: str
    question: str
    pictures: tuple[tuple[str, str, Callable[..., object]], ...]  # name, what it shows, maker


STUDIES = (
    Study("zero_shot_vs_probe", "Zero-shot against linear probe (Figs 5 and 8, Tables 10 and 11)",
          "How does a classifier written in words compare with one fitted on labelled features?",
          (("fig5_zero_shot_minus_probe",
            "Zero-shot top-1 of the model with the highest mean zero-shot score, minus the top-1 of a fully supervised "
            "linear probe, by data set.", figures.zero_shot_bars),
           ("fig8_zero_shot_over_probe", "Zero-shot top-1 over linear-probe top-1, a point a data set and model; dotted: "
            "equal; line: the study's least-squares fit.", figures.zero_shot_scatter))),
    Study("prompt_engineering", "Prompt engineering and ensembling (Fig 4)",
          "What do a template around the class name and an ensemble of templates add to the bare name?",
          (("fig4_prompts", "Top-1 averaged over the data sets with three kinds of prompt.", figures.prompt_engineering),)),
    Study("encoder_scaling", "Scaling of the image encoder (Fig 9)",
          "Does zero-shot error fall as a power of compute?",
          (("fig9_scaling", "Zero-shot error averaged over the data sets against multiply-adds of one image's forward "
            "pass, both axes logarithmic; lines: least squares in log10 by family.", figures.encoder_scaling),)),
    Study("distribution_shift", "Distribution shift (Figs 13 to 15, Table 16)",
          "Does a zero-shot classifier lose less than a fitted one when the pictures change?",
          (("fig14_robustness", "Top-1 on the shifted data over top-1 at the source, axes in logit; dotted: no loss; "
            "line: logit fit through the baseline points.", distribution_shift),)),
)


def build(root: Path, runs: list[Run], figure_folder: Path, found: list[Deviation]) -> list[Section]:
    """All sections; figures are drawn into `figure_folder`."""
    sections = [_summary(root, runs)]
    for study in STUDIES:
        sections.append(_study_section(root, study, runs, figure_folder))
    sections += [_training(runs, figure_folder), _deviations(found), _provenance(runs)]
    return sections


def _several(runs: list[Run], text: str, run: Run) -> str:
    """`text` with the run's name where the report holds more than one."""
    return f"{text} · {run.name}" if len(runs) > 1 else text


def _file_name(runs: list[Run], name: str, index: int) -> str:
    return name if index == 0 else f"{name}_{index + 1}"


def _summary(root: Path, runs: list[Run]) -> Section:
    section = Section("summary", "Summary")
    section.blocks += banners(runs)
    for index, run in enumerate(runs):
        table = headline_table(root, run)
        table.name = _file_name(runs, "summary", index)
        table.title = _several(runs, "What was measured, beside the paper", run)
        table.caption = f"{INTERVALS} {scale_note(root, run)}"
        section.blocks.append(table if table.rows else Text(f"{run.name}: no study in this run.", "missing"))
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


def _study_section(root: Path, study: Study, runs: list[Run], folder: Path) -> Section:
    section = Section(study.key, study.title, [Text(study.question, "lead")])
    reference, index = Reference.read(root, study.key), 0
    for run in runs:
        files = run.of(study.key)
        if not files:
            section.blocks.append(Text(f"{run.name} has no {study.key}.h5: this study was not run.", "missing"))
        for file in files:
            section.blocks += _study_blocks(root, study, file, runs, run, reference, folder, index)
            index += 1
    return section


def _study_blocks(root: Path, study: Study, file: ResultFile, runs: list[Run], run: Run, reference: Reference,
                  folder: Path, index: int) -> list[Text | Table | Picture | Config]:
    blocks: list[Text | Table | Picture | Config] = []
    note = scale_note(root, run)
    flags = [t for t, on in (("smoke run: not a measurement", file.smoke), ("dirty tree", file.dirty)) if on]
    if flags:
        blocks.append(Text(f"{'; '.join(flags)} ({_several(runs, file.path.name, run)})", "banner"))
    for name, what, maker in study.pictures:
        figure = maker(file, run, reference)
        if figure is not None:
            name = _file_name(runs, name, index)
            figures.save(figure, folder, name)
            blocks.append(Picture(name, f"{run.name + ': ' if len(runs) > 1 else ''}{what} {_sample(file)} {INTERVALS} {note}"))
    for table in STUDY_TABLES[study.key](file, run, reference):
        table.name, table.title = _file_name(runs, table.name, index), _several(runs, table.title, run)
        if not table.caption:
            table.caption = f"{_sample(file)} {INTERVALS} {FLOOR_NOTE} Rows marked (paper) are the paper's. {note}"
        blocks.append(table)
    return blocks


def _sample(file: ResultFile) -> str:
    """Samples, models and data behind the numbers of a file."""
    records = file.records
    counted = of_data_sets(records)
    counted = counted[~counted["method"].isin(["fit", "cost"]) & (counted["n"] > 0)]
    low, high = (counted["n"].min(), counted["n"].max()) if len(counted) else (0, 0)
    n = f"n = {low:,}" if low == high else f"n = {low:,} to {high:,}"
    data = datasets_of(records) or [d.replace("->", " to ") for d in pd.unique(records["dataset"]) if "->" in d]
    return f"{n} pictures a number. Models: {', '.join(models_of(records))}. Data: {', '.join(data)}."


def scale_note(root: Path, run: Run) -> str:
    """How far the run is from the paper's scale; numbers come from the training logs and reference.csv."""
    names = {m for f in run.studies() for m in models_of(f.records)}
    reference = Reference.read(root, "zero_shot_vs_probe")
    if names and all(reference.has_model(name) for name in names):
        return "These models are the paper's own sizes: their rows and the paper's differ by the data sets and weights used."
    pairs = reference.pairs()
    paper = f"the paper's on {pairs / 1e6:.0f} million image-text pairs" if pairs else "the paper's on far more"
    return (f"Scale and data differ from the paper's ({_training_scale(run)}; {paper}): the numbers stand beside each "
            "other and are not comparable.")


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


def _training(runs: list[Run], folder: Path) -> Section:
    section = Section("training", "Training")
    for index, run in enumerate(runs):
        table, figure = training_table(run), figures.training(run)
        if table is None or figure is None:
            section.blocks.append(Text(f"{run.name} has no training log: its models came from elsewhere.", "missing"))
            continue
        name = _file_name(runs, "training_curves", index)
        figures.save(figure, folder, name)
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


SHORT_KEYS = ("commit", "dirty", "smoke", "device", "seed", "seconds")


def _provenance(runs: list[Run]) -> Section:
    section = Section("provenance", "Provenance")
    files = Table("provenance", "Files", ["run", "file", *SHORT_KEYS], text_columns=2)
    for run in runs:
        for file in run.files:
            values = [file.provenance.get(key, "–") for key in SHORT_KEYS]
            values[0] = values[0][:10]
            values[-1] = f"{float(values[-1]):,.0f}" if values[-1].replace(".", "", 1).isdigit() else values[-1]
            files.add([run.name, file.path.name, *values])
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
            if key not in SHORT_KEYS:
                held.setdefault((key, value), []).append(file.path.name)
    return [(key, value, "all" if len(names) == len(files) else ", ".join(names))
            for (key, value), names in sorted(held.items())]
