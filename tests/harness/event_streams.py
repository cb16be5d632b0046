"""Event streams as real runs make them, for tests of the outputs. Times are fixed; nothing waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ws_deployment.engine.events import Event, Kind
from ws_deployment.output.model import RunView
from ws_deployment.output.outputs import Output

RUN = "20261121-091533-7f3a"
#: 2026-11-21 09:15:33 UTC, in seconds since the epoch.
BEGIN = 1795252533.0
STEPS = (
    "create-cluster",
    "install-gitpod",
    "install-jaeger",
    "install-monitoring",
    "alive-test",
    "register-cluster",
    "traffic-shift",
)
LONG = {"create-cluster": 2.1, "install-gitpod": 3.4, "alive-test": 1.2, "register-cluster": 0.4}


@dataclass
class Story:
    """Collects what happens at which second of a run; `events` puts it in order."""

    metas: Mapping[str, tuple[str, ...]]
    state: str = "/var/lib/ws-deployment"
    undoes: str = ""
    happened: list[tuple[float, Kind, str | None, dict[str, Any]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        clusters = [name for names in self.metas.values() for name in names]
        region = {"e": "europe-west1", "u": "us-west1"}
        self.say(
            0.0,
            Kind.RUN_STARTED,
            fleet="demo-staging",
            environment="staging",
            clusterId=17,
            clusters=[
                {
                    "name": f"gp-stag-ws-{name}-{region[name[0]].replace('europe', 'eu')}",
                    "shortName": name,
                    "region": region[name[0]],
                    "type": "local",
                    "governedBy": [meta for meta, names in self.metas.items() if name in names],
                }
                for name in clusters
            ],
            metaClusters=list(self.metas),
            steps=list(STEPS),
            tasks=[
                *(_task(name, step, "cluster", [name]) for name in clusters for step in STEPS[:-1]),
                *(_task(meta, STEPS[-1], "meta", list(names)) for meta, names in self.metas.items()),
            ],
            configFile="configs/local.yaml",
            state=self.state,
            undoes=self.undoes,
        )

    def say(self, at: float, kind: Kind, task: str | None = None, /, **data: Any) -> None:
        self.happened.append((at, kind, task, data))

    def events(self, until: float = float("inf")) -> list[Event]:
        """What happened up to that second of the run."""
        order = sorted(self.happened, key=lambda each: each[0])
        return [
            Event(RUN, seq, BEGIN + at, kind, task, data)
            for seq, (at, kind, task, data) in enumerate(order, start=1)
            if at <= until
        ]

    def start(self, at: float, key: str) -> None:
        file = f"{self.state}/runs/{RUN}/output/{key.replace('/', '.')}.log"
        self.say(at, Kind.TASK_STARTED, key, output=file)

    def begin(self, at: float, key: str, summary: str, change: str = "create", removal: str = "") -> None:
        """A task is started, checked and planned; its one sub-task begins."""
        self.start(at, key)
        self.say(at + 0.01, Kind.TASK_CHECKED, key, check="wanted", decision="proceed", reason="", remedy="")
        self._planned(at, key, summary, change=change, removal=removal)
        self.say(at + 0.03, Kind.SUBTASK_STARTED, key, name="run", summary="", hold=0.0)

    def done(self, at: float, key: str, summary: str, seconds: float, attempts: int = 1, **outputs: Any) -> None:
        """A task that was begun ends well."""
        self.say(at, Kind.SUBTASK_FINISHED, key, name="run", summary="", status="done", seconds=seconds)
        self.finish(at + 0.01, key, "done", summary, seconds, attempts=attempts, outputs=outputs)

    def whole(self, at: float, key: str, summary: str, seconds: float, **outputs: Any) -> float:
        """A task from its start to its good end; the second after it."""
        removal = f"terraform -chdir={self.state}/fleets/demo/{key} destroy" if "create" in key else ""
        self.begin(at, key, summary, removal=removal)
        if seconds > 1:
            self.say(at + seconds / 2, Kind.TASK_PROGRESS, key, message="waiting for 2 of 3 Deployments: ws-proxy")
        self.done(at + seconds, key, summary, seconds, **outputs)
        return at + seconds + 0.02

    def finish(self, at: float, key: str, status: str, reason: str, seconds: float = 0.0, **data: Any) -> None:
        full = {"remedy": "", "attempts": 0, "outputs": {}, **data}
        self.say(at, Kind.TASK_FINISHED, key, status=status, reason=reason, seconds=seconds, **full)

    def retry(self, at: float, key: str, attempt: int, error: str) -> None:
        self.say(at, Kind.TASK_RETRYING, key, attempt=attempt, attempts=4, wait=2.0, error=error)

    def cluster(self, at: float, name: str, steps: Iterable[str] = STEPS[:-1]) -> float:
        """A cluster comes through `steps` well; the second after them."""
        for step in steps:
            outputs = {
                "create-cluster": {"name": f"gp-stag-ws-{name}", "kubeconfig": f"{self.state}/{name}/kubeconfig"},
                "register-cluster": {"url": f"https://127.0.0.1:41{name[-2:]}5"},
            }.get(step, {})
            what = {"create-cluster": f"create gp-stag-ws-{name} (local) by Terraform"}.get(step, f"{step} on {name}")
            at = self.whole(at, f"{name}/{step}", what, LONG.get(step, 0.8), **outputs)
        return at

    def shift(self, at: float, meta: str, new: str, old: str, hold: float) -> float:
        """Traffic moves in two stages with a hold between; the second after it."""
        key = f"{meta}/traffic-shift"
        summary = f"move traffic from {old} to {new}: 10 % → 100 %"
        names = (f"score {new} = 5", "10%/hold", f"score {new} = 50", f"cordon {old}")
        self.start(at, key)
        self.say(at, Kind.TASK_CHECKED, key, check="registered", decision="proceed", reason="", remedy="")
        self._planned(at, key, summary, change="update", subtasks=list(names))
        at += 0.03
        for name, share in zip(names, (10, 10, 91, 100), strict=True):
            wait = hold if name.endswith("hold") else 0.0
            told = {"name": name, "summary": f"hold at 10 % for {hold:g} s" if wait else name}
            self.say(at, Kind.SUBTASK_STARTED, key, **told, hold=wait)
            if wait:
                self.say(at, Kind.TASK_WAITING, key, name=name, text=told["summary"], until=BEGIN + at + wait)
            at += wait or 0.05
            if not wait:
                shares = {new: float(share), old: float(100 - share)}
                self.say(at, Kind.TRAFFIC, key, shares={name: value for name, value in shares.items() if value})
            self.say(at, Kind.SUBTASK_FINISHED, key, **told, status="done", seconds=wait or 0.05)
        self.finish(at, key, "done", summary, hold + 0.15, attempts=1)
        return at

    def end(self, at: float, status: str) -> None:
        self.say(at, Kind.RUN_FINISHED, status=status, seconds=at)

    def _planned(self, at: float, key: str, summary: str, **data: Any) -> None:
        full = {"change": "create", "diff": "", "unknown": [], "removal": "", "subtasks": ["run"], **data}
        self.say(at + 0.02, Kind.TASK_PLANNED, key, summary=summary, **full)


def _task(target: str, step: str, scope: str, clusters: list[str]) -> dict[str, Any]:
    return {"key": f"{target}/{step}", "step": step, "scope": scope, "target": target, "clusters": clusters}


def good(state: str = "/var/lib/ws-deployment") -> Story:
    """One cluster, one meta cluster, a hold of ten minutes, all well."""
    story = Story({"prod-meta-eu00": ("eu17",)}, state)
    at = story.cluster(0.1, "eu17")
    at = story.shift(at, "prod-meta-eu00", "eu17", "eu16", hold=600.0)
    story.end(at + 0.1, "done")
    return story


def mixed(state: str = "/var/lib/ws-deployment") -> Story:
    """Three clusters, two meta clusters: retries, a skip, a hold, a failure of us17 that blocks what comes after it."""
    story = Story({"prod-meta-eu00": ("eu17", "eun17"), "prod-meta-us01": ("us17",)}, state)
    story.start(0.2, "eun17/create-cluster")
    reason = "create: false: gp-stag-ws-eun17 exists and is not ours to make"
    story.say(0.3, Kind.TASK_CHECKED, "eun17/create-cluster", check="wanted", decision="skip", reason=reason, remedy="")
    story.finish(0.3, "eun17/create-cluster", "skipped", reason)
    ready = max(story.cluster(0.1, "eu17"), story.cluster(0.4, "eun17", STEPS[1:-1]))
    at = story.cluster(0.1, "us17", STEPS[:2])
    key = "us17/install-jaeger"
    summary = "install jaeger 1.4.0 into us17"
    story.begin(at, key, summary)
    for attempt in (1, 2):
        story.retry(at + 3 * attempt, key, attempt, f"installing jaeger on us17: 503 Service Unavailable ({attempt})")
    story.done(at + 9.0, key, summary, 9.0, attempts=3)
    at = story.cluster(at + 9.02, "us17", STEPS[3:4])
    key = "us17/alive-test"
    story.begin(at, key, "schedule a workspace on us17, probe 2 endpoints", change="read")
    story.say(at + 1, Kind.TASK_PROGRESS, key, message="workspace Pod: Pending, no node matches")
    why = "checking that us17 lives: the workspace Pod was not scheduled within 30 s: 0/3 nodes match its labels"
    remedy = "Look at the Pod's events: kubectl describe pod ws-probe.\nCompare the labels of nodes and step."
    story.say(at + 30, Kind.SUBTASK_FINISHED, key, name="run", summary="", status="failed", seconds=30.0)
    story.finish(at + 30, key, "failed", why, 30.0, remedy=remedy, attempts=1)
    for blocked in ("us17/register-cluster", "prod-meta-us01/traffic-shift"):
        story.finish(at + 30.01, blocked, "blocked", "us17/alive-test failed")
    end = story.shift(ready, "prod-meta-eu00", "eu17", "eu16", hold=600.0)
    story.end(end + 0.1, "failed")
    return story


def interrupted() -> Story:
    """Asked to stop while the second step runs."""
    story = Story({"prod-meta-eu00": ("eu17",)})
    at = story.cluster(0.1, "eu17", STEPS[:1])
    story.begin(at, "eu17/install-gitpod", "install gitpod 0.5.0 into eu17")
    story.end(at + 5.0, "interrupted")
    return story


def asking(status: str = "") -> Story:
    """A step of the team's own asks before traffic moves; it ends with `status` while it waits, or goes on waiting."""
    story = Story({"prod-meta-eu00": ("eu17",)})
    at = story.cluster(0.1, "eu17", STEPS[:5])
    key = "eu17/register-cluster"
    story.start(at, key)
    story._planned(at, key, "ask before eu17 is registered", change="update", subtasks=["ask", "run"])
    at += 0.05
    story.say(at, Kind.SUBTASK_STARTED, key, name="ask", summary="ask the owners", hold=0.0)
    story.say(at + 0.01, Kind.TASK_WAITING, key, name="ask", text="May eu17 take users?", until=None)
    if status:
        story.end(at + 30.0, status)
    return story


def approved() -> Story:
    """The same, taken up by another process, paused for a while, approved, and done."""
    story = asking("waiting")
    key = "eu17/register-cluster"
    story.say(100.0, Kind.RUN_RESUMED, attempt=1, again=[], who="ada", host="ci-7")
    story.start(100.1, key)
    story.say(100.2, Kind.SUBTASK_STARTED, key, name="ask", summary="ask the owners", hold=0.0)
    story.say(100.3, Kind.TASK_WAITING, key, name="ask", text="May eu17 take users?", until=None)
    story.say(110.0, Kind.RUN_PAUSED)
    story.say(120.0, Kind.RUN_UNPAUSED)
    story.say(130.0, Kind.TASK_APPROVED, key, name="ask", who="bob@desk", reason="looks good", at=BEGIN + 129.5)
    story.say(130.1, Kind.SUBTASK_FINISHED, key, name="ask", summary="ask the owners", status="done", seconds=30.0)
    story.say(130.2, Kind.SUBTASK_STARTED, key, name="run", summary="", hold=0.0)
    story.done(130.6, key, "register eu17", 30.5, attempts=1, url="https://127.0.0.1:41175")
    at = story.shift(131.0, "prod-meta-eu00", "eu17", "eu16", hold=60.0)
    story.end(at + 0.1, "done")
    return story


def refused() -> Story:
    """A check refused before anything was done."""
    story = Story({"prod-meta-eu00": ("eu17",)})
    story.say(-1.5, Kind.RUN_PROGRESS, message="starting the lab's meta cluster")
    refusal = {
        "task": "eu17/create-cluster",
        "check": "terraform",
        "reason": "no terraform on PATH",
        "remedy": "Install Terraform 1.5 or newer.",
    }
    story.say(0.5, Kind.RUN_FINISHED, status="refused", seconds=0.5, refusals=[refusal])
    return story


def many(count: int = 30) -> Story:
    """`count` clusters under one meta cluster, each somewhere else on its way; the third one failed."""
    story = Story({"prod-meta-eu00": tuple(f"eu{number}" for number in range(100, 100 + count))})
    for place in range(count):
        name = f"eu{100 + place}"
        at = story.cluster(0.1, name, STEPS[: place % 6])
        key = f"{name}/{STEPS[place % 6]}"
        if place % 7 == 6:
            continue
        story.begin(at, key, f"{STEPS[place % 6]} on {name}")
        if place == 2:  # one of them is enough
            story.finish(at + 1, key, "failed", f"installing on {name}: no such chart", 1.0, remedy="Check the name.")
            story.finish(at + 1, f"{name}/{STEPS[3]}", "blocked", f"{key} failed")
    return story


def folded(story: Story, until: float = float("inf")) -> RunView:
    """The model of what happened up to that second."""
    run = RunView()
    for event in story.events(until):
        run.take(event)
    return run


def play(output: Output, story: Story, every: float = 5.0) -> list[str]:
    """Hand a story to an output as its thread does, ticking in its time; the warnings that it ends with."""
    run = RunView()
    output.open()
    now = None
    for event in story.events():
        while now is not None and now + every < event.at:
            now += every
            output.tick(now, run)
        run.take(event)
        output.take(event, run)
        now = event.at
    return list(output.close(run))
