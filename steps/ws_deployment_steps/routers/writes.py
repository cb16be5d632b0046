"""Sub-tasks of a shift whose router makes single writes: one write, one sub-task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ws_deployment.interfaces import Stage, SubTask
from ws_deployment.traffic.ramp import Write


def subtasks(stage: Stage) -> Sequence[SubTask]:
    """The stage's writes, in their order. Their data is {cluster, property, value}."""
    return tuple(
        SubTask(
            f"{stage.percent:g}%/{write.cluster}/{write.property}",
            str(write),
            part=write.cluster,
            data=data(write),
        )
        for write in stage.writes
    )


def data(write: Write) -> dict[str, Any]:
    """A write as JSON."""
    return {"cluster": write.cluster, "property": write.property, "value": write.value}
