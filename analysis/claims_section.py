"""The report's section of claims: what the paper says, what its own printed numbers give, what was measured at its scale
and, as a direction, in miniature; then why a claim has no verdict, and the places where the paper contradicts itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from claims import Claim, read_claims
from pool import Pool, paper_pool
from published import contradictions
from tables import DASH, Cell, Table
from verdicts import STATES, Verdict, judge

NO_MINIATURE = "no miniature of it"
CAPTION = ("Verdicts: reproduced: the whole 95 % interval within the claim's tolerance, or on the claimed side; not reproduced: the whole "
           "interval outside; inconclusive: neither; point only: a number without an interval; not comparable: measured otherwise than in the "
           "paper. The column of the paper's own numbers is the same computation on the cells that it prints. A miniature is the question put to models trained here: it bears on "
           "the direction alone, not on the paper's models. Records of smoke runs, dirty trees, limited runs and superseded files are left out.")


def claims_tables(root: Path, pool: Pool) -> tuple[list[str], list[Table]]:
    """Sentences that count the verdicts, then the tables."""
    found = read_claims(root)
    judged = [(c, *judge(root, pool, c)) for c in found]
    own, small_pool = paper_pool(root), [v for _, _, v in judged]
    table = Table("claims", "The paper's claims", ["claim", "statement", "in the paper", "claimed", "from the paper's own numbers",
                                                   "measured at its scale", "in miniature"], CAPTION, text_columns=7)
    for claim, paper, small in judged:
        table.add([claim.id, claim.statement, claim.where, claim.paper.expected, _own(judge(root, own, claim)[0]), _cell(paper),
                   _cell(small, claim)])
    sentences = [_counted(f"At the paper's scale, of {len(found)} claims", [v for _, v, _ in judged]),
                 _counted("In miniature, as directions", [v for v in small_pool if not v.reason.startswith(NO_MINIATURE)]), *_left_out(pool)]
    notes = Table("claims_notes", "Where the claims and the paper's numbers differ", ["claim", "note"], text_columns=2)
    for claim in found:
        if claim.note:
            notes.add([claim.id, claim.note])
    return sentences, [t for t in (table, _reasons(judged), notes, contradictions_table(root)) if t.rows]


def _counted(start: str, verdicts: list[Verdict]) -> str:
    counts = Counter(v.state for v in verdicts)
    return f"{start}: " + ", ".join(f"{counts[s]} {s}" for s in STATES if counts[s]) + "." if verdicts else ""


def _left_out(pool: Pool) -> list[str]:
    counts = pool.counts()
    return [f"Left out of claims and of the paper's tables: {', '.join(f'{n:,} records {why}' for why, n in counts.items())}."] if counts else []


def _own(verdict: Verdict) -> str:
    if verdict.state == "not run":
        return DASH
    return verdict.found if verdict.state == "reproduced" else f"{verdict.found}: not what is claimed"


def _cell(verdict: Verdict, claim: Claim | None = None) -> str:
    if claim and verdict.reason.startswith(NO_MINIATURE):
        return DASH
    text = f"{verdict.state}: {verdict.found}" if verdict.found else verdict.state
    if claim and claim.miniature and verdict.found:
        text += f" ({claim.miniature.expected})"
    return Cell(text, place(verdict.sources))


def place(sources: tuple[tuple[str, int], ...]) -> str:
    """The one record behind a number, the one file of several, else nothing."""
    if len(sources) == 1:
        return "{}#{}".format(*sources[0])
    files = {file for file, _ in sources}
    return files.pop() if len(files) == 1 else ""


def _reasons(judged: list[tuple[Claim, Verdict, Verdict]]) -> Table:
    table = Table("claims_missing", "Why a claim has no verdict", ["reason", "scale", "claims"], text_columns=3)
    held: dict[tuple[str, str], list[str]] = {}
    for claim, paper, small in judged:
        for verdict, scale in ((paper, "the paper's"), (small, "miniature")):
            if verdict.reason and not verdict.reason.startswith(NO_MINIATURE):
                held.setdefault((f"{verdict.state}: {verdict.reason}", scale), []).append(claim.id)
    for (reason, scale), names in held.items():
        table.add([reason, scale, ", ".join(names)])
    return table


def contradictions_table(root: Path) -> Table:
    table = Table("contradictions", "Two values of one quantity in the paper", ["about", "what", "here", "value", "there", "value ", "unit"],
                  text_columns=3)
    for row in contradictions(root).itertuples(index=False):
        table.add([row.about, row.what, row.where_a, f"{row.value_a:g}".replace("-", "−"), row.where_b,
                   f"{row.value_b:g}".replace("-", "−"), row.unit])
    return table
