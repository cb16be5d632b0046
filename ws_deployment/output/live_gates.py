"""Gates and splits in the live view: as much of them as there is room for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from ws_deployment.output.gates import GateView, number
from ws_deployment.output.glyphs import VERDICTS, Glyphs
from ws_deployment.output.model import RunView, TaskView

#: Width of the bar, and of the one that leaves room for more clusters than a few.
_BAR, _SHORT_BAR, _FEW = 24, 10, 3


def gate_lines(run: RunView, width: int, glyphs: Glyphs) -> list[Text]:
    """A line for each cluster that is judged: each gate's verdict, with its name and its value where they fit."""
    judged = [(task, gates) for task in run.tasks.values() if not task.final and (gates := run.gates_of(task.key))]
    names = list(dict.fromkeys(gate.cluster for _, gates in judged for gate in gates))
    column = max(map(len, names), default=0)
    lines = []
    for name in names:
        gates = [gate for _, each in judged for gate in each if gate.cluster == name]
        forms = (_entries(gates, glyphs, values=True), _entries(gates, glyphs), symbols(gates, glyphs))
        head = Text(f"  {name:{column}}  ")
        fits = (head + form for form in forms if head.cell_len + form.cell_len <= width)
        lines.append(next(fits, head + forms[-1]))
    return lines


def task_symbols(run: RunView, task: TaskView, glyphs: Glyphs) -> str:
    """The verdicts of a task's gates as symbols, a group for each cluster."""
    gates = run.gates_of(task.key)
    groups = (
        symbols([gate for gate in gates if gate.cluster == name], glyphs)
        for name in dict.fromkeys(gate.cluster for gate in gates)
    )
    return " ".join(group.plain for group in groups)


def symbols(gates: Iterable[GateView], glyphs: Glyphs) -> Text:
    """Verdicts as symbols in a row."""
    return Text("").join(_symbol(gate, glyphs) for gate in gates)


def split_lines(label: str, run: RunView, meta: str, width: int, glyphs: Glyphs, *, most: int) -> list[Text]:
    """How a meta cluster splits starts: a bar for what the new clusters take, then each cluster, as measured too.

    `most` is how many lines there may be.
    """
    new = {cluster.short_name for cluster in run.clusters}
    names = sorted(run.traffic[meta], key=lambda name: name not in new)
    bar = _bar(label, run, meta, glyphs)
    lines: list[Text] = []
    for words in ("measured ", ""):
        lines = [bar]
        for name in names:
            entry = _cluster(name, run, meta, words, new=name in new)
            if lines[-1].cell_len + entry.cell_len > width and len(lines[-1]) > len(bar):
                lines.append(Text(" " * len(bar)))
            lines[-1] = lines[-1] + entry
        if len(lines) <= most and all(line.cell_len <= width for line in lines):
            return lines
    return [Text("").join(line if place == 0 else line[len(bar) :] for place, line in enumerate(lines))]


def percent_text(percent: float) -> str:
    """A share of all starts, without the crumbs of its parts' rounding."""
    return f"{round(percent)} %" if percent >= 10 else f"{percent:.2g} %"  # noqa: PLR2004  two digits


def _bar(label: str, run: RunView, meta: str, glyphs: Glyphs) -> Text:
    new = {cluster.short_name for cluster in run.clusters}
    shares = run.traffic[meta]
    percent = sum(share for name, share in shares.items() if name in new)
    whole = glyphs.bar(percent, _BAR if len(shares) <= _FEW else _SHORT_BAR)
    filled = whole.rstrip(whole[-1]) if percent < 100 else whole  # noqa: PLR2004  percent
    return Text(label + "  ").append(filled, "green").append(whole[len(filled) :], "bright_black")


def _cluster(name: str, run: RunView, meta: str, words: str, *, new: bool) -> Text:
    entry = Text().append(f"  {name} ", "bold" if new else "").append(f"{run.traffic[meta][name]:.3g} %")
    measured = run.measured.get(meta, {})
    return entry.append(f" ({words}{measured[name]:.3g} %)", "bright_black") if name in measured else entry


def _entries(gates: Sequence[GateView], glyphs: Glyphs, *, values: bool = False) -> Text:
    entries = []
    for gate in gates:
        entry = _symbol(gate, glyphs).append(f" {gate.gate}", "")
        if values and gate.value is not None:
            entry.append(f" {number(gate.value)}", "bright_black")
        entries.append(entry)
    return Text("  ").join(entries)


def _symbol(gate: GateView, glyphs: Glyphs) -> Text:
    return Text().append(glyphs.verdict(gate.verdict), VERDICTS[gate.verdict].colour)
