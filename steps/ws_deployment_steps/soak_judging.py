"""Has the new clusters judged while old ones wait for their retirement: going back is possible until they are gone."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ws_deployment.config.gates import Gate
from ws_deployment.config.ready_gates import resolved
from ws_deployment.errors import TransientError
from ws_deployment.fleet.siblings import sibling
from ws_deployment.interfaces import (
    NotYetError,
    Outputs,
    Registration,
    StepContext,
    TurnBackError,
    Verdict,
)
from ws_deployment.traffic.ramp import shares
from ws_deployment_steps import judges, shift_group
from ws_deployment_steps.pulse import Pulse
from ws_deployment_steps.shift_judging import GateParameters
from ws_deployment_steps.shift_watch import Bounds, Watched, watch


@dataclass(frozen=True)
class Soak:
    """The wait before clusters go, and who is judged meanwhile.

    `old` are those that shall go, `new` those that take their starts, by short name. `known` is what the gates of the
    shift handed on; empty where there was none. `whole_run` says what turning back takes back: the run, or nothing.
    """

    wanted: GateParameters
    old: Sequence[str]
    new: Sequence[str]
    known: Mapping[str, Any] = field(default_factory=dict)
    whole_run: bool = True

    def gates(self, context: StepContext) -> tuple[Gate, ...]:
        """The gates that can judge: old clusters take no starts any more, so a comparison needs those of the shift."""
        before = self.known.get("gates", {})
        generation = judges.api(context)
        every = self.wanted.gates or ()
        return tuple(gate for gate in every if gate.called in before or not resolved(gate, generation).compare)

    def left_out(self, context: StepContext) -> Iterator[str]:
        """What the plan says of the others."""
        judging = {gate.called for gate in self.gates(context)}
        for gate in self.wanted.gates or ():
            if gate.called not in judging:
                yield f"gate {gate.called} does not judge: nothing is known of the old clusters' starts by it"

    def check(self, context: StepContext) -> Verdict:
        """Whether the gates can be asked."""
        try:
            with judges.prometheus(context) as client:
                if client is None:
                    return context.missing(
                        f"gates ask Prometheus, and none is known of {context.meta.name}",
                        f"Add `prometheus: {{url: …}}` to the meta cluster {context.meta.name}.",
                    )
                # That they have series is not asked: old clusters do nothing, and new ones may not be there yet.
                return judges.gate_watch(context, self._wanted(context), client, self.new, ()).check()
        except NotYetError as error:
            return Verdict.deferred(f"{context.meta.name}: {error.why}")
        except TransientError as error:
            return context.missing(f"Prometheus can't be asked: {error.why}", error.remedy or "Mend it, and run again.")

    def watch(self, context: StepContext, bounds: Bounds, registrations: Sequence[Registration]) -> Outputs:
        """Look on until the clusters may go. Raises TurnBackError where they have to stay."""
        with judges.prometheus(context) as client:
            gates = None
            if client and self.gates(context):
                gates = judges.gate_watch(context, self._wanted(context), client, self.new, self.old)
                gates.from_json(self.known)
                gates.begin_stage(bounds.percent)
            split = shares([each for each in registrations if each.effective and not each.limited])
            return watch(
                context,
                Watched(
                    bounds=bounds,
                    shares=split,
                    wanted=split,
                    before=split,
                    gates=gates,
                    starts=None,
                    pulse=Pulse(self._pulses(context), self.wanted.lost_after),
                    must_measure=False,
                    turn_back=self._turn_back(context.meta.name),
                ),
            )

    def _wanted(self, context: StepContext) -> GateParameters:
        return self.wanted.model_copy(update={"gates": self.gates(context)})

    def _pulses(self, context: StepContext) -> dict[str, Callable[[], object]]:
        """What is asked of those that take starts, as far as this config knows how they are reached."""
        asks: dict[str, Callable[[], object]] = {}
        for name in self.new:
            if cluster := sibling(context.fleet, name):
                with contextlib.suppress(NotYetError):
                    asks |= judges.pulses(context, [cluster])
        return asks

    def _turn_back(self, meta: str) -> Callable[[Sequence[str], str, str], TurnBackError]:
        def back(names: Sequence[str], why: str, look_at: str) -> TurnBackError:
            del names
            kept = f"{', '.join(self.old)} stay{'' if len(self.old) > 1 else 's'}: {why}"
            return TurnBackError("retiring at", on=meta, why=kept, remedy=look_at, whole_run=self.whole_run)

        return back


def bounds(old: Sequence[str], soak: float, question: str) -> Bounds:
    """When clusters may go: after `soak` seconds, and when somebody has said yes to the question, if there is one."""
    return Bounds(percent=100.0, hold=soak, question=question, what=f"the soak before {', '.join(old)} may go")


def taking(
    context: StepContext, registrations: Sequence[Registration], old: Sequence[str], *, named: bool
) -> tuple[str, ...]:
    """The clusters that take the starts of `old` ones: the run's, or where the old ones were named, whichever do so."""
    if not named:
        return tuple(name for name in shift_group.new(context) if name not in old)
    prefixes = {shift_group.prefix(name) for name in old}
    found = (each for each in registrations if each.effective and shift_group.prefix(each.name) in prefixes)
    return tuple(each.name for each in found if each.name not in old)
