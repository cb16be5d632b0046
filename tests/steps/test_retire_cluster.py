"""Which clusters are retired, what forbids it before each effect, how the wait ends, and what can't be taken back."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from harness.cluster_context import a_cluster
from harness.retire_context import MAKER, RetireContext, World
from ws_deployment_steps import destruction, draining
from ws_deployment_steps.retire_cluster import RetireCluster, RetireParameters

from ws_deployment.clients.kube_errors import TransientKubeError
from ws_deployment.clients.terraform_plan import AttributeChange, PlanSummary, ResourceChange
from ws_deployment.errors import CancelledError, RefusedError, WsDeploymentError
from ws_deployment.fleet.clusters import Governance
from ws_deployment.interfaces import (
    Change,
    Decision,
    NotYetError,
    Registration,
    StepPlan,
    SubTask,
    TurnBackError,
    Undo,
    Verdict,
)

NEW = a_cluster("memory", governed_by=(Governance("meta"),))
OLD = "gp-stag-ws-eu16-eu-west1"
AT_WORK = Counter(regular=9, prebuild=2, stopping=1)
#: A wait that ends while a test looks on.
SHORT = 0.02


class Workspaces:
    """What a look at the cluster finds, one after the other; the last stays."""

    def __init__(self) -> None:
        self.found: list[Counter[str] | Exception] = [Counter()]
        self.looks = 0

    def __call__(self, _context: object) -> Counter[str]:
        self.looks += 1
        now = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        if isinstance(now, Exception):
            raise now
        return now


@pytest.fixture
def workspaces(monkeypatch: pytest.MonkeyPatch) -> Workspaces:
    found = Workspaces()
    monkeypatch.setattr(draining, "workspaces", found)
    monkeypatch.setattr(draining, "_FIRST", SHORT)
    monkeypatch.setattr(draining, "_MOST", SHORT)
    return found


@pytest.fixture
def context(tmp_path: Path, workspaces: Workspaces) -> RetireContext:
    """After a shift from eu16 to eu17."""
    assert workspaces.looks == 0
    world = World()
    world.registrations["meta"] = [
        Registration("eu16", 0, available=False, url="https://eu16"),
        Registration("eu17", 50, available=True, url="https://eu17"),
    ]
    made = RetireContext(tmp_path, world, (NEW,), ("meta", "other"))
    made.made(OLD)
    made.earlier["traffic-shift"] = {"old": ["eu16"]}
    return made


def step(**parameters: object) -> RetireCluster:
    return RetireCluster(RetireParameters.model_validate({"soak": 0, **parameters}))


def judged(retire: RetireCluster, context: RetireContext) -> Verdict:
    [check] = retire.pre_runs()
    return check.check(context)


def effects(plan: StepPlan) -> list[str]:
    return [subtask.name for subtask in plan.subtasks]


def effect(plan: StepPlan, name: str) -> SubTask:
    return next(subtask for subtask in plan.subtasks if subtask.name.endswith(name))


def carry_out(retire: RetireCluster, context: RetireContext, until: str = "verify") -> StepPlan:
    plan = retire.plan(context)
    for subtask in plan.subtasks:
        if not subtask.hold and not subtask.approval:
            # A crash can repeat it.
            retire.run(context, subtask)
            retire.run(context, subtask)
        if subtask.name.endswith(f"/{until}"):
            break
    return plan


# -- which ---------------------------------------------------------------------------------------------------------


def test_what_the_shift_took_over_from_is_retired_effect_by_effect(context: RetireContext) -> None:
    retire = step(soak="1h", approval=True)
    assert judged(retire, context).decision is Decision.PROCEED
    plan = retire.plan(context)
    of_eu16 = [f"eu16/{each}" for each in ("cordon", "drain", "deregister", "destroy", "verify")]
    assert effects(plan) == ["soak", "approve", *of_eu16]
    assert plan.change is Change.DESTROY
    assert plan.subtasks[0].hold == 3600
    assert plan.subtasks[1].approval == "Retire eu16 for good?"
    assert [subtask.name for subtask in plan.subtasks if subtask.watches] == ["eu16/drain"]
    carry_out(retire, context)
    assert context.world.done == ["deregister eu16 at meta", f"destroy {OLD}"]
    assert [each.name for each in context.world.registrations["meta"]] == ["eu17"]
    assert not (context.scratch / OLD).exists()
    retire.verify(context)


def test_several_are_cordoned_together_and_removed_one_after_the_other(context: RetireContext) -> None:
    context.made("gp-stag-ws-eu15-eu-west1")
    context.earlier["traffic-shift"] = {"old": ["eu16", "eu15"]}
    names = effects(step().plan(context))
    assert names[:3] == ["eu16/cordon", "eu15/cordon", "eu16/drain"]
    assert names.index("eu16/verify") < names.index("eu15/drain")


def test_before_the_shift_nothing_is_judged_and_the_plan_foresees(context: RetireContext) -> None:
    context.earlier.clear()
    assert judged(step(), context).decision is Decision.DEFERRED
    # A shift that moved nothing hands nothing on.
    assert step().plan(context).change is Change.NONE
    context.dry_run = True
    context.world.registrations["meta"][0] = Registration("eu16", 50, available=True)
    plan = step().plan(context)
    assert (plan.change, plan.subtasks) == (Change.DESTROY, ())
    assert plan.summary == "after 0.0s retire eu16"


def test_what_no_run_of_this_fleet_made_stays_and_is_refused_where_it_is_named(context: RetireContext) -> None:
    context.made("gp-stag-ws-eu14-eu-west1", fleet="another")
    context.earlier["traffic-shift"] = {"old": ["eu14", "eu15", "us1", "eu16"]}
    plan = step().plan(context)
    assert {name.partition("/")[0] for name in effects(plan)} == {"eu16"}
    reasons = {
        "eu14": "it is of fleet another, and this config is of fleet",
        "eu15": "no run of fleet has made it",
        "us1": "no entry of this config makes a cluster of that name",
    }
    for name, reason in reasons.items():
        assert f"{name} stays: {reason}" in plan.summary
        verdict = judged(step(clusters=[name]), context)
        assert (verdict.decision, reason in verdict.reason) == (Decision.REFUSE, True), verdict
        assert verdict.remedy


def test_what_was_there_before_is_never_retired(context: RetireContext) -> None:
    context.fleet = replace(context.fleet, workspace_clusters=(replace(NEW, create=False),))
    verdict = judged(step(clusters=["eu17"]), context)
    assert (verdict.decision, "`create: false`" in verdict.reason) == (Decision.REFUSE, True)


def test_another_clusters_name_is_refused(context: RetireContext) -> None:
    context.world.clusters[OLD] = "20261111-000000-9999"
    verdict = judged(step(clusters=["eu16"]), context)
    assert verdict.decision is Decision.REFUSE
    assert "it is of run 20261111-000000-9999" in verdict.reason


def test_of_several_meta_clusters_the_first_that_sends_starts_retires(context: RetireContext) -> None:
    both = replace(NEW, governed_by=(Governance("other", cordoned=True), Governance("meta")))
    context.fleet = replace(context.fleet, workspace_clusters=(both,))
    context.world.registrations["other"] = [
        Registration("eu16", 0, available=False, url="https://eu16"),
        Registration("us1", 50, available=True),
    ]
    there = context.at("other")
    assert step().plan(there).summary == "there is nothing to retire; eu16 stays: it is retired with those of meta"
    carry_out(step(), context)
    assert context.world.done == ["deregister eu16 at meta", "deregister eu16 at other", f"destroy {OLD}"]


# -- what forbids it -----------------------------------------------------------------------------------------------

Spoil = Callable[[RetireContext], None]


def takes_starts(context: RetireContext) -> None:
    context.world.registrations["meta"][0] = Registration("eu16", 7, available=True)


def is_the_last(context: RetireContext) -> None:
    del context.world.registrations["meta"][1]


def the_other_takes_none(context: RetireContext) -> None:
    context.world.registrations["meta"][1] = Registration("eu17", 0, available=True)


def the_other_takes_some_alone(context: RetireContext) -> None:
    context.world.registrations["meta"][1] = Registration("eu17", 50, available=True, limited=True)


def takes_starts_elsewhere(context: RetireContext) -> None:
    """By its URL, whatever its name: that meta cluster governs nothing of this run."""
    cluster = replace(NEW, url="https://eu16")
    context.fleet = replace(context.fleet, workspace_clusters=(cluster,))
    context.world.registrations["other"] = [
        Registration("moved", 50, available=True, url="https://eu16"),
        Registration("us1", 50, available=True),
    ]


def is_static(context: RetireContext) -> None:
    context.world.registrations["meta"][0] = Registration("eu16", 0, available=False, static=True)


def bears_anothers_name(context: RetireContext) -> None:
    context.fleet = replace(context.fleet, workspace_clusters=(replace(NEW, url="https://elsewhere"),))


def is_anothers_by_now(context: RetireContext) -> None:
    context.world.clusters[OLD] = "another"


FORBIDDEN: dict[str, tuple[Spoil, str]] = {
    "takes starts": (takes_starts, "it takes starts there (score 7)"),
    "the last": (is_the_last, "it is the last one that meta has"),
    "the last that takes starts": (the_other_takes_none, "no other cluster takes starts there"),
    "the last that takes all": (the_other_takes_some_alone, "no other cluster takes starts there"),
    "takes starts at another": (takes_starts_elsewhere, "it takes starts there (score 50)"),
    "static": (is_static, "it is static"),
    "another of that name": (bears_anothers_name, "that name is registered with https://eu16"),
    "another's": (is_anothers_by_now, "it is of run another"),
}


@pytest.mark.parametrize("case", FORBIDDEN)
def test_a_forbidden_one_is_refused_before_anything_is_done(context: RetireContext, case: str) -> None:
    spoil, why = FORBIDDEN[case]
    spoil(context)
    verdict = judged(step(clusters=["eu16"]), context)
    assert (verdict.decision, why in verdict.reason) == (Decision.REFUSE, True), verdict
    assert verdict.remedy
    assert context.world.done == []


@pytest.mark.parametrize("case", FORBIDDEN)
@pytest.mark.parametrize("before", ["cordon", "deregister", "destroy"])
def test_it_is_asked_again_right_before_each_effect(context: RetireContext, before: str, case: str) -> None:
    retire = step()
    plan = carry_out(retire, context, {"cordon": "cordon", "deregister": "drain", "destroy": "deregister"}[before])
    spoil, why = FORBIDDEN[case]
    if before == "destroy":  # it is registered no more, and by then comes back by somebody's hand
        context.world.registrations["meta"].insert(0, Registration("eu16", 0, available=False, url="https://eu16"))
    spoil(context)
    done = list(context.world.done)
    with pytest.raises(RefusedError) as caught:
        retire.run(context, effect(plan, f"/{before}"))
    assert why in caught.value.why
    assert context.world.done == done


def test_a_last_one_is_not_destroyed_after_its_successor_is_gone(context: RetireContext) -> None:
    retire = step()
    plan = carry_out(retire, context, "deregister")
    context.world.registrations["meta"].clear()
    with pytest.raises(RefusedError, match="the last one that meta has"):
        retire.run(context, effect(plan, "/destroy"))
    assert OLD in context.world.clusters


def test_a_meta_cluster_that_governs_nothing_need_not_be_known_but_one_that_does_must(context: RetireContext) -> None:
    context.world.away.add("other")
    assert judged(step(), context).decision is Decision.PROCEED
    context.world.away.add("meta")
    with pytest.raises(WsDeploymentError, match="does not say where it is"):
        judged(step(), context)


@pytest.mark.parametrize("before", ["deregister", "destroy"])
def test_people_who_came_back_or_a_silent_cluster_stop_it(
    context: RetireContext, workspaces: Workspaces, before: str
) -> None:
    retire = step()
    plan = carry_out(retire, context, {"deregister": "drain", "destroy": "deregister"}[before])
    done = list(context.world.done)
    workspaces.found = [Counter(prebuild=1)]
    with pytest.raises(RefusedError, match=r"1 workspace is on it again \(1 prebuild\)"):
        retire.run(context, effect(plan, f"/{before}"))
    workspaces.found = [TransientKubeError("listing Pod", why="no answer")]
    with pytest.raises(TransientKubeError):
        retire.run(context, effect(plan, f"/{before}"))
    assert context.world.done == done


def test_a_destruction_that_has_begun_needs_no_word_of_the_cluster(
    context: RetireContext, workspaces: Workspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    retire = step()
    plan = carry_out(retire, context, "deregister")

    def cut_off(*_: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as cutting:
        cutting.setattr("harness.retire_context.Kind.destroy", cut_off)
        with pytest.raises(InterruptedError):
            retire.run(context, effect(plan, "/destroy"))
    workspaces.found = [TransientKubeError("listing Pod", why="no answer")]
    retire.run(context, effect(plan, "/destroy"))
    retire.run(context, effect(plan, "/verify"))


# -- the wait ------------------------------------------------------------------------------------------------------


def test_every_kind_is_waited_for_and_told(context: RetireContext, workspaces: Workspaces) -> None:
    silent = TransientKubeError("listing Pod", why="no answer")
    workspaces.found = [AT_WORK, silent, Counter(stopping=1), Counter(), Counter(imagebuild=1), Counter()]
    retire = step()
    outputs = retire.run(context, effect(retire.plan(context), "/drain"))
    assert context.said == [
        "eu16: 12 of 12 workspaces left: 2 prebuild, 9 regular, 1 stopping",
        "eu16: it does not answer, so nobody knows who works on it: no answer",
        "eu16: 1 of 12 workspaces left: 1 stopping",
        "eu16: no workspace is left",
        "eu16: 1 of 12 workspaces left: 1 imagebuild",
        "eu16: no workspace is left",
    ]
    assert outputs == {"waitedFor.eu16": 12}
    assert context.world.done == []


def test_the_wait_ends_when_the_whole_run_is_taken_back(context: RetireContext, workspaces: Workspaces) -> None:
    workspaces.found = [AT_WORK]
    retire = step()
    drain = effect(retire.plan(context), "/drain")
    threading.Timer(0.2, lambda: setattr(context.world, "recalled", True)).start()
    with pytest.raises(TurnBackError, match="another part of the run turned bad"):
        retire.run(context, drain)
    assert workspaces.looks
    assert context.world.done == []


@pytest.fixture
def drained(context: RetireContext) -> Iterator[threading.Thread]:
    """A wait with a short limit, going on in a thread until it ends or the test does."""
    retire = step(drainLimit=0.1)
    drain = effect(retire.plan(context), "/drain")

    def wait() -> None:
        try:
            retire.run(context, drain)
        except CancelledError:
            context.said.append("cancelled")

    thread = threading.Thread(target=wait)
    yield thread
    context.cancelled.set()
    thread.join(10)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_limit_is_a_question_and_nothing_else(
    context: RetireContext, workspaces: Workspaces, drained: threading.Thread
) -> None:
    workspaces.found = [AT_WORK]
    drained.start()
    until(lambda: context.world.asked)
    [question] = context.world.asked
    assert question.startswith("eu16: 12 of 12 workspaces left: 2 prebuild, 9 regular, 1 stopping after ")
    looks = workspaces.looks
    until(lambda: workspaces.looks > looks + 5)
    assert (drained.is_alive(), context.world.done, len(context.world.asked)) == (True, [], 1)
    # A yes is for as long again; then it asks anew.
    answers = iter(["anna"])
    context.world.answer = lambda: next(answers, "")
    until(lambda: len(context.world.asked) == 2)
    assert (drained.is_alive(), context.world.done) == (True, [])
    # It goes on by itself as soon as nobody is left.
    workspaces.found = [Counter()]
    drained.join(20)
    assert (drained.is_alive(), context.world.done) == (False, [])


def test_a_silent_cluster_is_asked_about_and_never_taken_for_empty(
    context: RetireContext, workspaces: Workspaces, drained: threading.Thread
) -> None:
    workspaces.found = [TransientKubeError("listing Pod", why="no answer")]
    drained.start()
    until(lambda: context.world.asked)
    assert "it does not answer" in context.world.asked[0]
    context.cancelled.set()
    drained.join(20)
    assert context.said[-1] == "cancelled"


def test_the_limit_counts_from_the_first_process_that_waited(context: RetireContext, workspaces: Workspaces) -> None:
    workspaces.found = [AT_WORK]
    retire = step(drainLimit=1000)
    drain = effect(retire.plan(context), "/drain")
    threading.Timer(0.1, context.cancelled.set).start()
    with pytest.raises(CancelledError):
        retire.run(context, drain)
    context.cancelled = threading.Event()
    since = (context.scratch / OLD / "draining.json").read_text()
    threading.Timer(0.1, context.cancelled.set).start()
    with pytest.raises(CancelledError):
        retire.run(context, drain)
    assert (context.scratch / OLD / "draining.json").read_text() == since


def test_a_cluster_that_takes_starts_again_is_not_waited_for(context: RetireContext, workspaces: Workspaces) -> None:
    workspaces.found = [AT_WORK]
    retire = step()
    drain = effect(retire.plan(context), "/drain")
    context.world.registrations["meta"][0] = Registration("eu16", 50, available=True)
    with pytest.raises(RefusedError, match="available for starts again"):
        retire.run(context, drain)


def test_a_cluster_that_is_gone_already_has_nobody_on_it(context: RetireContext, workspaces: Workspaces) -> None:
    retire = step()
    drain = effect(retire.plan(context), "/drain")
    workspaces.found = [NotYetError("reaching", why="there is none")]
    context.world.clusters.clear()
    assert retire.run(context, drain) == {"waitedFor.eu16": 0}
    # Seen from a machine that did not make it, it may be another's to see.
    context.shared = True
    with pytest.raises(NotYetError):
        draining.at_work(context.with_cluster(replace(NEW, name="gp-stag-ws-eu15-eu-west1")))


# -- the end -------------------------------------------------------------------------------------------------------


def test_what_is_left_is_told(context: RetireContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.retire_context.Kind.destroy", lambda *_: None)
    retire = step()
    plan = carry_out(retire, context, "destroy")
    with pytest.raises(WsDeploymentError, match=f"left of it: the cluster {OLD}"):
        retire.run(context, effect(plan, "/verify"))


def test_a_retirement_that_was_not_done_does_not_hold(context: RetireContext) -> None:
    with pytest.raises(WsDeploymentError, match="left of it"):
        step().verify(context)
    context.earlier.clear()
    with pytest.raises(WsDeploymentError, match="which clusters is not known"):
        step().verify(context)


def test_nothing_that_is_gone_comes_back(context: RetireContext) -> None:
    retire = step()
    plan = retire.plan(context)
    names = effects(plan)
    assert retire.plan_rollback(context, Undo(plan)).change is Change.NONE
    # Its deregistration may not be journaled.
    carry_out(retire, context, "deregister")
    with pytest.raises(RefusedError, match="retired/eu16: eu16 is registered no more at meta"):
        retire.plan_rollback(context, Undo(plan, tuple(names[:2])))
    carry_out(retire, context)
    undo = Undo(plan, tuple(names))
    with pytest.raises(RefusedError, match="retired/eu16: eu16 is removed") as caught:
        retire.plan_rollback(context, undo)
    assert "--force-parts retired/eu16" in caught.value.remedy
    forced = retire.plan_rollback(context, replace(undo, forced=frozenset({"retired/eu16"})))
    assert (forced.change, forced.subtasks) == (Change.NONE, ())


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (ResourceChange("module.cluster.a", "delete", (AttributeChange("name", f'"{OLD}"', "null"),)), ""),
        (ResourceChange("module.cluster.a", "replace"), "± module.cluster.a"),
        (ResourceChange("module.network.a", "delete"), "- module.network.a"),
        (ResourceChange("module.cluster.a", "delete", (AttributeChange("name", f'"{NEW.name}"', "null"),)), "names"),
    ],
)
def test_a_destroy_plan_destroys_this_cluster_and_nothing_else(
    context: RetireContext, change: ResourceChange, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terraform:
        folder = context.scratch

        def init(self) -> None:
            """Nothing to do."""

        def plan_destroy(self, out: Path) -> PlanSummary:
            out.write_text("plan")
            return PlanSummary((change,), (), "terraform 1")

    monkeypatch.setattr(destruction, "_terraform", lambda _context: Terraform())
    about = context.with_cluster(replace(NEW, name=OLD, short_name="eu16"), made_by=MAKER)
    saved = context.scratch / destruction.PLAN_FILE
    if not wrong:
        assert destruction.plan(about) == ("module.cluster.a",)
        assert saved.exists()
        return
    with pytest.raises(RefusedError, match="would do more than destroy this cluster") as caught:
        destruction.plan(about)
    assert wrong in caught.value.why
    assert not saved.exists()
