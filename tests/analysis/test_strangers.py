"""Text from strangers in every field goes through every format; what fails is a line of the report, never its end."""

from __future__ import annotations

import html
import html.parser
import re
import subprocess
import sys
from pathlib import Path

import compare
import document
import numpy as np
import pytest
import report
from conftest import PROJECT, project_copy
from document import Picture, Section, Study, Text
from fake_run import few_shot_rows, row, write, zero_shot_vs_probe_rows
from tables import Table, markdown_text
from test_latex import compiled

ODD = ["\x01\x07bell", "\x1b[31mred\x1b[0m", "\u202ebackwards\u2066", "half\udcff", "l" * 3000, "<script>alert(1)</script>", "</svg>--!>-->&amp;&#x41;", "$x^", "$\\frac{$",
       "#let a = 1; #panic()", "@key", "\\input{x}\\end{document}", "`code`", "*bold* _it_", "a\nb\r\nc\u2028d", "[x](http://x) | y", "%", "~^{}", "模型", "\ufeff\uffff", "☃ 👩\u200d🚒", "*", "[1]"]


def odd_run(folder: Path) -> Path:
    """Every text field of a study, of its arrays and of a training log holds such text."""
    everything = " ".join(ODD[:4] + ODD[5:])
    rows, arrays = [], {}
    for i, name in enumerate(ODD):
        model = ODD[(i // 2) * 2]
        rows += [row(name, model, "zero-shot", "top1", 0.4, n=100), row(name, model, "linear-probe", "top1", 0.5, {"lambda": name}, 100),
                 row(name, model, name, name[:200], 0.2, {name: name}, 100)]
        arrays[f"example/{i}"] = ([f"{name} {k}" for k in ODD[:6]], np.array([[0.3, 0.2, 0.2, 0.1, 0.1, 0.1], [0, 1, 2, 3, 4, 5], [0, 1, 0, 0, 0, 0]]),
                                  {"kind": "example", "dataset": name, "model": ODD[0]})
    meant = {f"dataset {ODD[1]}": everything, everything: everything, "device": everything, "date": ODD[2], "commit": ODD[3]}
    write(folder / "zero_shot_vs_probe.h5", "zero_shot_vs_probe", rows, arrays, config=everything + "\n", **meant)
    write(folder / "own \x1b[2J<b>.h5", everything, rows, config=everything, **meant)
    write(folder / "retrieval.h5", "retrieval", [row(name, ODD[5], "zero-shot", "recall1", 0.3, {"direction": "image-to-text"}) for name in ODD])
    prompts = [row(name, model, "zero-shot", "top1", 0.3, {"prompts": p}) for name in ODD for model in ODD[:3] for p in ("name-only", "one-template", "ensemble")]
    write(folder / "prompt_engineering.h5", "prompt_engineering", prompts + [row("", m, "zero-shot", "top1", 0.3, {"prompts": p, "summary": "mean"}) for m in ODD[:3]
                                                                            for p in ("name-only", "one-template", "ensemble")])
    curve = (["step", "pairs", "loss", "val_loss", "learning_rate", "logit_scale", "grad_norm", "pairs_per_second", "seconds"], np.ones((3, 9)))
    for i, name in enumerate(ODD[:8]):
        write(folder / f"train_{i}.h5", "train", [row(name, name, "train", "loss", 1.3, width=0.0)], {"curve": curve}, label=name)
    return folder


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[bytes]]:
    """The command line's report of such a run."""
    root = project_copy(tmp_path_factory.mktemp("odd") / "project")
    odd_run(root / "results" / "runs" / "odd \x1b]0;title\x07 $x_ #1")
    done = subprocess.run([sys.executable, PROJECT / "analysis" / "report.py", "--root", root], capture_output=True, check=False, timeout=500)
    return root, done


def test_a_run_of_odd_texts_is_reported_whole(odd: tuple[Path, subprocess.CompletedProcess[bytes]]) -> None:
    root, done = odd
    said = done.stdout.decode()
    assert done.returncode == 0 and b"report:" not in done.stderr and b"\x1b" not in done.stderr, said + done.stderr.decode()
    assert said.count("\n") == 1 and not set(said[:-1]) & set(map(chr, range(32)))
    out = root / "results" / "report"
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")
    assert {p.stem for p in (out / "figures").glob("*.svg")} >= {"fig5_zero_shot_minus_probe", "fig8_zero_shot_over_probe", "fig21_examples", "fig4_prompts", "training_curves"}
    for path in [p for p in out.rglob("*") if p.suffix in (".html", ".md", ".csv", ".tex", ".svg")]:
        text = path.read_text(encoding="utf-8")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\uffff]", text), path
    assert len(list((out / "tables").glob("retrieval_*.csv"))) == len(ODD), "names of which no Latin letter is left share no file"


def test_markup_in_names_is_text_in_html_and_markdown(odd: tuple[Path, subprocess.CompletedProcess[bytes]]) -> None:
    out, tags, texts = odd[0] / "results" / "report", [], []

    class Parser(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)

        def handle_data(self, data: str) -> None:
            texts.append(data)

    parser = Parser()
    parser.feed((out / "report.html").read_text())
    assert tags.count("script") == 1 and "<script>alert(1)</script>" in texts and "\\x1b[31mred\\x1b[0m" in texts
    assert "b" not in tags and tags.count("svg") == len(list((out / "figures").glob("*.svg")))
    markdown = re.sub(r"(?s)```.*?```", "", (out / "report.md").read_text())
    assert "\\<script>alert(1)\\</script>" in markdown and not re.search(r"(?<!\\)<script", markdown)


def test_tables_of_odd_names_compile(odd: tuple[Path, subprocess.CompletedProcess[bytes]], tmp_path: Path) -> None:
    files = sorted((odd[0] / "results" / "report" / "tables").glob("*.tex"))
    said, complaints = compiled(tmp_path / "tex", files)
    assert [c for c in complaints if ": !" in c] == [] and "Output written on all.pdf" in said


def test_latin_letters_and_line_starts_compile(tmp_path: Path) -> None:
    from latex import to_latex

    table = Table("latin", "Every character", ["a", "b"], text_columns=2)
    for text in [*(chr(c) for c in range(0x20, 0x7f)), *(chr(c) for c in range(0xa0, 0x180)), "[0pt]", "*x", "\\"]:
        table.add([text, text])
    (tmp_path / "latin.tex").write_text(to_latex(table))
    said, complaints = compiled(tmp_path / "tex", [tmp_path / "latin.tex"])
    assert complaints == [] and "Output written on all.pdf" in said


def test_markdown_reads_no_markup_and_leaves_plain_names() -> None:
    assert markdown_text("fashion_mnist 6.0 [4.1, 7.9] < 0.01 & x") == "fashion_mnist 6.0 [4.1, 7.9] < 0.01 & x"
    assert markdown_text("# *a* _b_ `c` $d$ <e> [f](g) &lt; ~~h~~ \\") == r"\# \*a\* \_b\_ \`c\` \$d\$ \<e> [f\](g) \&lt; \~~h\~~ " + "\\\\"


def test_the_terminal_gets_no_escape_sequence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}\x1b[2J" / "retrieval.h5", "retrieval", [row(d, "vit\x1b[31m", "zero-shot", "recall1", 0.3) for d in ODD])
    assert compare.main([str(tmp_path / "a\x1b[2J"), str(tmp_path / "b\x1b[2J")]) == 0
    assert compare.main([str(tmp_path / "a\x1b[2J"), str(tmp_path / "absent\x1b[2J")]) == 1
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err and "vit\\x1b[31m" in said.out and "absent\\x1b[2J: no .h5 file" in said.err and said.err.count("\n") == 1


def small(project: Path) -> Path:
    folder = project / "results" / "runs" / "one-12345678"
    write(folder / "zero_shot_vs_probe.h5", "zero_shot_vs_probe", zero_shot_vs_probe_rows())
    write(folder / "few_shot.h5", "few_shot", few_shot_rows())
    return folder


def raising(error: BaseException):  # noqa: ANN201
    def fails(*_: object, **__: object) -> None:
        raise error
    return fails


def test_figures_tables_and_sections_that_raise_are_lines(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    small(project)
    first = document.STUDIES[0]
    pictures = ((first.pictures[0][0], "x", raising(RuntimeError("no\x1b ink"))), *first.pictures[1:])
    monkeypatch.setattr(document, "STUDIES", (Study(first.key, first.title, first.question, pictures), *document.STUDIES[1:]))
    monkeypatch.setitem(document.TABLES_OF, "few_shot", raising(ZeroDivisionError("no table")))
    monkeypatch.setattr(document, "_paper", raising(MemoryError()))
    assert report.main(["--root", str(project)]) == 1
    said, out = capsys.readouterr(), project / "results" / "report"
    lines = ["figure fig5_zero_shot_minus_probe of one-12345678/zero_shot_vs_probe.h5 could not be made (RuntimeError: no\\x1b ink)",
             "few_shot.h5 of one-12345678: records unlike this version's few_shot (ZeroDivisionError: no table); shown as they are",
             "section 'The paper's tables and figures' could not be made (MemoryError: )"]
    text, page = (out / "report.md").read_text(), (out / "report.html").read_text()
    assert "3 things could not be read or shown" in text and said.err.count("\n") == 3
    for line in lines:
        assert f"report: missing: {line}\n" in said.err and f"<li>{html.escape(line)}</li>" in page
    assert "fig8_zero_shot_over_probe" in text and "few_shot_top1" in "".join(p.name for p in (out / "tables").iterdir())
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")
    assert report.main(["--root", str(project), "--if-stale"]) == 1, "a report that is current still lacks what it lacks"
    assert "no\\x1b ink" in capsys.readouterr().err


def test_what_one_format_cannot_show_is_left_out_and_said(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    folder, build = small(project), document.build

    def odd(root: Path, runs: list, drawn: Path, found: list, problems: list[str]) -> list[Section]:
        (drawn / "bad.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'>\x01</svg>")  # Typst takes no control character
        return [*build(root, runs, drawn, found, problems), Section("more", "More", [Text("stays"), Picture("bad", "bad"), Picture("absent", "absent")])]

    monkeypatch.setattr(document, "build", odd)
    assert report.main([str(folder), "--root", str(project)]) == 1
    error, out = capsys.readouterr().err, project / "results" / "report"
    assert "report: missing: picture absent could not be shown (FileNotFoundError: " in error
    assert "report: missing: picture bad could not be shown in the PDF (TypstError: " in error and error.count("\n") == 2
    page, pieces = (out / "report.html").read_text(), project / "paper" / "generated"
    assert "stays" in page and 'aria-label="bad"' in page and "2 things could not be read or shown" in page
    assert "bad" not in (pieces / "more.typ").read_text() and "could not be shown in the PDF" in (pieces / "problems.typ").read_text()
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")


def test_without_typst_the_other_pages_come(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    small(project)
    monkeypatch.setattr("pages.compile_pdf", raising(RuntimeError("no compiler")))
    assert report.main(["--root", str(project)]) == 1
    said, out = capsys.readouterr(), project / "results" / "report"
    assert "report.html, report.md and" in said.out and said.err == "report: missing: report.pdf could not be made (RuntimeError: no compiler)\n"
    assert not (out / "report.pdf").exists() and "report.pdf could not be made" in (out / "report.md").read_text()


def test_damaged_files_end_a_comparison_and_no_report(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = small(project)
    other = project / "results" / "runs" / "two-12345678"
    write(other / "zero_shot_vs_probe.h5", "zero_shot_vs_probe", zero_shot_vs_probe_rows())
    assert compare.main([folder.name, other.name, "--root", str(project)]) == 0
    bad = folder / "few_shot.h5"
    data = bytearray(bad.read_bytes())
    data[len(data) // 2] ^= 4
    bad.write_bytes(data)
    capsys.readouterr()
    assert compare.main([folder.name, other.name, "--root", str(project)]) == 1
    said = capsys.readouterr()
    line = f"{bad}: bytes that do not match its checksum (damaged), expected a whole file that cliplab wrote; delete it; the same run command makes it again"
    assert said.out == "" and said.err == f"compare: {line}\n"
    assert report.main([str(folder), "--root", str(project)]) == 1
    assert capsys.readouterr().err == f"report: missing: {line}\n"
    assert html.escape(line) in (project / "results" / "report" / "report.html").read_text()
    bad.unlink()  # the advice
    assert compare.main([folder.name, other.name, "--root", str(project)]) == 0 and report.main([str(folder), "--root", str(project)]) == 0


def command(name: str, *words: str, root: str | Path | None) -> subprocess.CompletedProcess[str]:
    import os

    environment = {k: v for k, v in os.environ.items() if k != "CLIPLAB_ROOT"} | ({} if root is None else {"CLIPLAB_ROOT": str(root)})
    return subprocess.run([sys.executable, PROJECT / "analysis" / f"{name}.py", *words], env=environment, capture_output=True, text=True, check=False, timeout=300)


def test_results_stand_below_cliplab_root(tmp_path: Path) -> None:
    """A folder of results alone: claims, references and layout are the program's."""
    runs = tmp_path / "results" / "runs"
    for name in ("one-1", "two-1"):
        write(runs / name / "retrieval.h5", "retrieval", [row("flickr8k", "vit-s", "zero-shot", "recall1", 0.3)])
    done = command("report", root=tmp_path)
    assert done.returncode == 0 and str(tmp_path / "results" / "report" / "report.html") in done.stdout, done.stderr
    assert "The paper&#x27;s claims" in (tmp_path / "results" / "report" / "report.html").read_text() and (tmp_path / "paper" / "generated" / "body.typ").exists()
    done = command("compare", "one-1", "two-1", root=tmp_path)
    assert done.returncode == 0 and "B = two-1 minus A = one-1" in done.stdout


@pytest.mark.parametrize(("make", "said"), [
    ([], "no run under {}/results/runs, expected a folder with .h5 files"), (["results"], "no run under {}/results/runs"), (["results/runs"], "no run under"),
    (["results/runs/empty-1"], "no run under"), (["results/runs", "results/report/"], "no run under"), (None, "CLIPLAB_ROOT: '{}', expected the project's folder")])
def test_without_results_there_is_one_line(tmp_path: Path, make: list[str] | None, said: str) -> None:
    root = tmp_path / "home"
    for name in [] if make is None else ["", *make]:
        (root / name).mkdir(parents=True, exist_ok=True)
    for name, words in (("report", ()), ("compare", ("one-1", "two-1"))):
        done = command(name, *words, root=root)
        line = said.format(root) if name == "report" or make is None else "one-1: no .h5 file, expected a run folder"
        assert done.returncode == 1 and done.stdout == "" and done.stderr.count("\n") == 1 and line in done.stderr, done.stderr


def test_a_place_that_cannot_be_written_is_one_line(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = small(project)
    (project / "taken").write_text("a file")
    assert report.main([str(folder), "--root", str(project), "--out", str(project / "taken" / "report")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "taken" in error and "Not a directory" in error
