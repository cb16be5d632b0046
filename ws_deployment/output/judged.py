"""Gates and what was turned back, as parts of a page of text."""

from __future__ import annotations

from datetime import datetime

from ws_deployment.output.gates import GateView, TurnedBack
from ws_deployment.output.glyphs import VERDICTS
from ws_deployment.output.model import RunView
from ws_deployment.output.page import Item, Page


def write_turned_back(page: Page, run: RunView) -> None:
    """A paragraph for each turning back: what condemned it with its numbers, and what became of starts and clusters."""
    if run.turned_back:
        page.heading("Turned back")
    for back in run.turned_back:
        page.item(Item(page.glyphs.spell("↺"), "red", back.task), f"at {_clock(back.at)}: {', '.join(back.clusters)}")
        for gate in back.gates:
            _numbers(page, gate)
        if not back.gates:
            page.wrapped(back.reason, " " * 6)
            page.wrapped(run.tasks[back.task].remedy, " " * 6 + page.glyphs.spell("→ "), " " * 8)
        page.wrapped(fate(run, back), " " * 6)


def write_gates(page: Page, run: RunView) -> None:
    """The last verdict of each gate, as a list."""
    gates = list(run.gates.values())
    if not gates:
        return
    page.heading("Gates, as they last judged")
    width = max(len(gate.name) for gate in gates) + 6
    for gate in gates:
        look = VERDICTS[gate.verdict]
        at = "" if gate.stage is None else f" at {gate.stage:g} %"
        item = Item(page.glyphs.verdict(gate.verdict), look.colour, gate.name)
        page.item(item, f"{gate.verdict}{at} since {_clock(gate.since)}: {gate.text or gate.numbers}", min(width, 40))
        page.wrapped(gate.tally, " " * min(width, 40), colour="bright_black")


def _numbers(page: Page, gate: GateView) -> None:
    at = "" if gate.stage is None else f" at {gate.stage:g} %"
    page.wrapped(f"gate {gate.name}{at}, {_clock(gate.at)}: {gate.text}", " " * 6, " " * 8)
    told = (gate.numbers, gate.limits)
    page.wrapped("; ".join(part for part in told if part), " " * 8)
    page.wrapped(gate.query, " " * 8 + "asked: ", " " * 10)


def fate(run: RunView, back: TurnedBack) -> str:
    """What became of starts and clusters, in plain words."""
    names = ", ".join(back.clusters)
    verb = "is" if len(back.clusters) == 1 else "are"
    if back.done is None:
        return "It is being taken back."
    if not back.done:
        return f"THE WAY BACK DID NOT COME TO ITS END: look at the weights at {back.meta} and put them right."
    kept = f"{names} {verb} cordoned and kept for a look."
    if back.alone:
        return f"The other clusters went on without {names}. {kept}"
    split = ", ".join(f"{name} {share:.3g} %" for name, share in run.traffic.get(back.meta, {}).items())
    now = f" Starts go to {split}." if split else ""
    return f"The weights at {back.meta} are back as they were before the run.{now} {kept}"


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S}"
