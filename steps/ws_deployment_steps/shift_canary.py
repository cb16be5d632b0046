"""A canary: before the first stage is open to all, the new clusters take starts of some users alone.

The bridge keeps the others away, by an admission constraint that the shift adds and takes away again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ws_deployment.interfaces import StepContext, SubTask
from ws_deployment_steps.bridge_access import connected
from ws_deployment_steps.shift_stages import Admitted

if TYPE_CHECKING:
    from ws_deployment.clients.bridge.model import AdmissionConstraint

#: What sub-tasks of a canary do.
LIMIT, ADMIT = "limit", "admit"
#: Key in their data: who is admitted.
ADMITTED = "admitted"


def limits(names: Sequence[str], admitted: Admitted) -> Iterator[SubTask]:
    """Have clusters admit these users alone."""
    for name in names:
        summary = f"admit only {admitted} to {name}"
        yield SubTask(f"canary/{name}/{LIMIT}", summary, part=name, data=_data(LIMIT, name, admitted))


def admits(names: Sequence[str], admitted: Admitted, stage: str = "canary") -> Iterator[SubTask]:
    """Have clusters admit everybody again."""
    for name in names:
        yield SubTask(
            f"{stage}/{name}/{ADMIT}", f"admit everybody to {name}", part=name, data=_data(ADMIT, name, admitted)
        )


def carry_out(context: StepContext, subtask: SubTask) -> None:
    """Add or lift the constraint at the context's meta cluster, unless that is done. Raises what the bridge raises.

    A cluster that is registered no more keeps nobody away.
    """
    name, wanted = subtask.data["cluster"], _constraint(subtask.data[ADMITTED])
    with connected(context, context.meta) as client:
        there = client.find(name)
        limited = there is not None and wanted in there.admission_constraints
        if subtask.data["does"] == LIMIT and not limited:
            client.add_admission_constraint(name, wanted)
        elif subtask.data["does"] == ADMIT and limited:
            client.remove_admission_constraint(name, wanted)


def limited(context: StepContext, subtasks: Sequence[SubTask]) -> Iterator[tuple[str, Admitted]]:
    """Of the clusters that `subtasks` limit those that are limited so now, each once, with whom they admit."""
    told = {subtask.data["cluster"]: subtask.data[ADMITTED] for subtask in subtasks if ADMITTED in subtask.data}
    if not told:
        return
    with connected(context, context.meta) as client:
        there = {status.name: status.admission_constraints for status in client.list()}
    for name, admitted in told.items():
        if _constraint(admitted) in there.get(name, ()):
            yield name, Admitted.model_validate(admitted)


def _data(does: str, name: str, admitted: Admitted) -> dict[str, Any]:
    return {"does": does, "cluster": name, ADMITTED: admitted.model_dump(by_alias=True, exclude_defaults=True)}


def _constraint(told: Mapping[str, Any]) -> AdmissionConstraint:
    from ws_deployment.clients.bridge.model import FeaturePreview, HasPermission  # noqa: PLC0415  where it is used

    admitted = Admitted.model_validate(told)
    return HasPermission(admitted.permission) if admitted.permission else FeaturePreview()
