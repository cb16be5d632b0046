from __future__ import annotations

from engine.noop import MetaScripted, Script, Scripted, config, configured

from ws_deployment.config.v1 import Governance
from ws_deployment.engine.pipeline import ConfiguredStep, segments, tasks
from ws_deployment.fleet.resolve import resolve


def graph(steps: tuple[ConfiguredStep, ...], prefixes: dict[str, str]) -> dict[str, tuple[str, ...]]:
    return {task.key: task.after for task in tasks(steps, resolve(config(prefixes), 1))}


def test_a_meta_clusters_task_waits_for_its_clusters_only_and_they_wait_for_it() -> None:
    prefixes = {"eu": "m-eu", "us": "m-us"}
    steps = configured(config(prefixes), a=Scripted(Script()), shift=MetaScripted(Script()), z=Scripted(Script()))
    assert graph(steps, prefixes) == {
        "eu1/a": (),
        "us1/a": (),
        "m-eu/shift": ("eu1/a",),
        "m-us/shift": ("us1/a",),
        "eu1/z": ("m-eu/shift",),
        "us1/z": ("m-us/shift",),
    }


def test_tasks_in_a_row_on_one_cluster_are_one_segment() -> None:
    prefixes = {"eu": "m", "us": "m"}
    steps = configured(
        config(prefixes), a=Scripted(Script()), b=Scripted(Script()), shift=MetaScripted(Script()), z=Scripted(Script())
    )
    made = segments(tasks(steps, resolve(config(prefixes), 1)))
    assert {segment.name: ([task.key for task in segment.tasks], segment.after) for segment in made} == {
        "eu1/a": (["eu1/a", "eu1/b"], ()),
        "us1/a": (["us1/a", "us1/b"], ()),
        "m/shift": (["m/shift"], ("eu1/a", "us1/a")),
        "eu1/z": (["eu1/z"], ("m/shift",)),
        "us1/z": (["us1/z"], ("m/shift",)),
    }


def test_a_cluster_of_two_meta_clusters_waits_for_both_and_each_of_them_for_the_other() -> None:
    prefixes = {"eu": "m", "us": "n"}
    made = config(prefixes)
    both = made.workspace_clusters[0].model_copy(update={"governed_by": (Governance(meta="m"), Governance(meta="n"))})
    made = made.model_copy(update={"workspace_clusters": (both, *made.workspace_clusters[1:])})
    steps = configured(made, shift=MetaScripted(Script()), retire=MetaScripted(Script()), z=Scripted(Script()))
    assert {task.key: task.after for task in tasks(steps, resolve(made, 1))} == {
        "m/shift": (),
        "n/shift": (),
        "m/retire": ("m/shift", "n/shift"),
        "n/retire": ("n/shift", "m/shift"),
        "eu1/z": ("m/retire", "n/retire"),
        "us1/z": ("n/retire",),
    }
