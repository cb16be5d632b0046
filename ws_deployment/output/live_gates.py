"""Gates and splits in the live view: as much of them as there is room for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text

from ws_deployment.output.gates import GateView, number
from ws_deployment.output.glyphs import VERDICTS, Glyphs
from ws_deployment.output.model import RunView, TaskView

_BARS = (24, 10)


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


def compact_line(run: RunView, glyphs: Glyphs) -> list[Text]:
    """The same in one line, of symbols alone."""
    line = Text("gates")
    for task in run.tasks.values():
        if not task.final and run.gates_of(task.key):
            line.append("  ").append(task_symbols(run, task, glyphs, named=True))
    return [line] if len(line) > len("gates") else []


def task_symbols(run: RunView, task: TaskView, glyphs: Glyphs, *, named: bool = False) -> Text:
    """The verdicts of a task's gates as symbols, a group for each cluster."""
    gates = run.gates_of(task.key)
    groups = []
    for name in dict.fromkeys(gate.cluster for gate in gates):
        group = symbols([gate for gate in gates if gate.cluster == name], glyphs)
        groups.append(Text(f"{name} ") + group if named and name else group)
    return Text(" ").join(groups)


def symbols(gates: Iterable[GateView], glyphs: Glyphs) -> Text:
    """Verdicts as symbols in a row."""
    return Text("").join(_symbol(gate, glyphs) for gate in gates)


def split_line(label: str, run: RunView, meta: str, width: int, glyphs: Glyphs) -> Text:
    """How a meta cluster splits starts: a bar for what the new clusters take, then each cluster, as measured too."""
    lines = [_split(label, run, meta, glyphs, bar=bar, words=words) for words in ("measured ", "") for bar in _BARS]
    return next((line for line in lines if line.cell_len <= width), lines[-1])


def _split(label: str, run: RunView, meta: str, glyphs: Glyphs, *, bar: int, words: str) -> Text:
    shares, measured = run.traffic[meta], run.measured.get(meta, {})
    new = {cluster.short_name for cluster in run.clusters}
    percent = sum(share for name, share in shares.items() if name in new)
    whole = glyphs.bar(percent, bar)
    filled = whole.rstrip(whole[-1]) if percent < 100 else whole  # noqa: PLR2004  percent
    line = Text(label + "  ")
    line.append(filled, "green").append(whole[len(filled) :], "bright_black")
    for name, share in sorted(shares.items(), key=lambda each: each[0] not in new):
        line.append(f"  {name} ", "bold" if name in new else "").append(f"{share:.3g} %")
        if name in measured:
            line.append(f" ({words}{measured[name]:.3g} %)", "bright_black")
    return line


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
