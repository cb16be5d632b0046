"""Sub-tasks of a shift whose router makes single writes: one write, one sub-task."""

from __future__ import annotations

from collections.abc import Sequence

from ws_deployment.interfaces import Stage, SubTask


def subtasks(stage: Stage) -> Sequence[SubTask]:
    """The stage's writes, in their order. Their data is {cluster, property, value}."""
    return tuple(
        SubTask(
            f"{stage.percent:g}%/{write.cluster}/{write.property}",
            str(write),
            data={"cluster": write.cluster, "property": write.property, "value": write.value},
        )
        for write in stage.writes
    )
