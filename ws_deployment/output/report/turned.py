"""What was turned back: which gate condemned it, by which numbers, and what became of starts and clusters."""

from __future__ import annotations

from ws_deployment.output.gates import GateView, TurnedBack
from ws_deployment.output.judged import fate
from ws_deployment.output.model import RunView
from ws_deployment.output.report.axis import clock
from ws_deployment.output.report.markup import Markup, element, facts, join


def turned_back(run: RunView) -> Markup | None:
    """An article for each turning back; None where there was none."""
    return join(_article(run, back) for back in run.turned_back) if run.turned_back else None


def _article(run: RunView, back: TurnedBack) -> Markup:
    names = ", ".join(back.clusters) or back.task
    return element(
        "article",
        element("h3", element("span", "↺ ", aria_hidden="true"), f"{names}, {clock(back.at)}"),
        element("p", fate(run, back)),
        *(_gate(gate) for gate in back.gates),
        None if back.gates else facts((("why", back.reason), ("remedy", run.tasks[back.task].remedy))),
        class_="bad",
    )


def _gate(gate: GateView) -> Markup:
    return facts(
        (
            ("condemned by", f"gate {gate.name}"),
            ("at", f"{clock(gate.at)}" + ("" if gate.stage is None else f", stage {gate.stage:g} %")),
            ("judged", gate.text),
            ("numbers", gate.numbers),
            ("limits", gate.limits),
            ("query", element("code", gate.query)),
        )
    )
