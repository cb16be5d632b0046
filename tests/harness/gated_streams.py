"""Event streams of shifts that gates watch: three new clusters, four gates, one that goes bad. Times are fixed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from harness.event_streams import BEGIN, STEPS, Story

from ws_deployment.engine.events import Kind

META = "prod-meta-eu00"
KEY = f"{META}/traffic-shift"
NEW = ("eu17", "eun17", "euw17")
OLD = ("eu16", "eun16", "euw16")
STAGES = (10, 25, 50, 100)
SICK = "eun17"
REASON = (
    "watching the shift at prod-meta-eu00: gate start-failures of eun17: 31 of 148 (20.9%) bad, old 18 of 902 (2.0%): "
    "bad, at most 1% error (at 09:29:10 UTC)"
)
QUERY = 'sum(gitpod_ws_manager_mk2_workspace_{what}{{cluster="{cluster}"}})'
LIMITS = {
    "start-failures": ("", "3 times the old"),
    "pending": ("<= 20", "> 50"),
    "startup-p95": ("< 30", "> 60"),
    "failed-stops": ("", "0.05 above the old"),
}


def gate(at: float, name: str, cluster: str, verdict: str, value: float | None, **data: Any) -> dict[str, Any]:
    """The data of a verdict told at that second."""
    success, failure = LIMITS[name]
    shown = "no data" if value is None else f"{value:.3g}"
    return {
        "gate": name,
        "cluster": cluster,
        "stage": 50.0,
        "verdict": verdict,
        "value": value,
        "baseline": 0.02 if not success else None,
        "samples": int(at / 4) if not success else None,
        "text": {
            "success": f"{shown} is good",
            "failed": f"{shown} is bad",
            "error": "Prometheus: no answer in 5 s",
        }.get(verdict, f"{shown}: not sure yet"),
        "query": QUERY.format(what=name.replace("-", "_"), cluster=cluster),
        "successWhen": success,
        "failWhen": failure,
        "dryRun": name == "failed-stops",
        "counts": {"success": 0, "failed": 0, "inconclusive": 0, "error": 0},
        "action": "",
        **data,
    }


class Shift(Story):
    """A story of a gated shift; `begin` is the second at which its first stage is written."""

    def __init__(self, hold: float = 300.0, every: float = 10.0) -> None:
        super().__init__({META: NEW})
        self.hold, self.every = hold, every
        self.random = random.Random(7)
        self.counts: dict[tuple[str, str], dict[str, int]] = {}

    def up_to(self, percent: int) -> float:
        """All clusters are made, and the shift comes to the end of that stage; the second after it."""
        at = max(self.cluster(0.1 + place, name) for place, name in enumerate(NEW)) + 1
        names = [f"{stage}%/{what}" for stage in STAGES for what in ("write", "watch")]
        self.start(at, KEY)
        summary = "move traffic from eu16, eun16, euw16 to eu17, eun17, euw17: 10 % → 25 % → 50 % → 100 %"
        diff = "+ eu17   0 → 33\n+ eun17  0 → 33\n+ euw17  0 → 34\n- eu16  50 → 0\n- eun16 50 → 0\n- euw16 50 → 0"
        self._planned(at, KEY, summary, change="update", subtasks=names, diff=diff)
        at += 1
        for stage in STAGES:
            if stage > percent:
                break
            at = self.stage(at, stage)
        return at

    def stage(self, at: float, percent: int) -> float:
        """One stage is written and watched to its end."""
        at = self.written(at, percent)
        name, end = f"{percent}%/watch", at + self.hold
        self.say(at, Kind.SUBTASK_STARTED, KEY, name=name, summary=f"watch at {percent} % for 5m", hold=0.0)
        self.say(at + 0.1, Kind.TASK_PROGRESS, KEY, message=f"holding at {percent} %: 5m00s left")
        while at < end:
            at = self.look(at, percent)
        self.say(end, Kind.SUBTASK_FINISHED, KEY, name=name, summary="", status="done", seconds=self.hold)
        return end + 0.5

    def written(self, at: float, percent: float, new: tuple[str, ...] = NEW) -> float:
        """The weights of a stage are written; the second after it."""
        name = f"{percent:g}%/write"
        self.say(at, Kind.SUBTASK_STARTED, KEY, name=name, summary=f"write the weights of {percent:g} %", hold=0.0)
        self.split = split(percent, new)
        self.say(at + 0.3, Kind.TRAFFIC, KEY, shares=self.split, wanted=self.split, measured=None)
        self.say(at + 0.4, Kind.SUBTASK_FINISHED, KEY, name=name, summary="", status="done", seconds=0.4)
        return at + 0.5

    def look(self, at: float, percent: int) -> float:
        """All gates judge, and starts are counted; the second of the next look."""
        at += self.every
        noise = {name: max(share + self.random.gauss(0, 1.5), 0.0) for name, share in self.split.items()}
        whole = sum(noise.values())
        measured = {name: round(100 * share / whole, 1) for name, share in noise.items()}
        self.say(at + 0.05, Kind.TRAFFIC, KEY, shares=self.split, wanted=self.split, measured=measured)
        for data in self._verdicts(at, percent):
            counts = self.counts.setdefault((data["gate"], data["cluster"]), dict.fromkeys(data["counts"], 0))
            counts[data["verdict"]] += 1
            self.say(at, Kind.GATE, KEY, **{**data, "stage": float(percent), "counts": dict(counts)})
        return at

    def condemned(self, at: float, parts: tuple[str, ...] = ()) -> float:
        """A gate fails on one cluster, and what was moved goes back; the second after it."""
        told = {"text": REASON.partition("eun17: ")[2], "stage": 50.0, "action": "rollback"}
        counts = {"success": 41, "failed": 1, "inconclusive": 19, "error": 0}
        data = gate(at, "start-failures", SICK, "failed", 31 / 148, samples=148, baseline=0.02, counts=counts)
        self.say(at, Kind.GATE, KEY, **{**data, **told})
        self.say(at + 0.01, Kind.TASK_TURNING_BACK, KEY, reason=REASON, parts=list(parts), wholeRun=False)
        self.say(at + 0.02, Kind.TASK_CHECKED, KEY, check="as left", decision="proceed", reason="", remedy="")
        back = tuple(name for name in NEW if parts and name not in parts)
        summary = f"cordon {', '.join(parts or NEW)}; weights as before the run"
        self._planned(at, KEY, summary, change="update", subtasks=["back: raise the old", "back: cordon the new"])
        for name in ("back: raise the old", "back: cordon the new"):
            at += 0.2
            self.say(at, Kind.SUBTASK_STARTED, KEY, name=name, summary=name[6:], hold=0.0)
            self.say(at + 0.1, Kind.SUBTASK_FINISHED, KEY, name=name, summary=name[6:], status="done", seconds=0.1)
        self.split = split(50 if parts else 0, back)
        self.say(at + 0.15, Kind.TRAFFIC, KEY, shares=self.split, wanted=None, measured=None)
        return at + 0.3

    def ends(self, at: float, status: str, reason: str) -> None:
        """The shift, and with it the run, comes to its end."""
        self.finish(at, KEY, status, reason, at - 40, attempts=1)
        self.end(at + 0.2, status)

    def _verdicts(self, at: float, percent: int) -> Iterator[dict[str, Any]]:
        for cluster in NEW:
            sick = cluster == SICK and percent >= 50
            ratio = 0.02 + self.random.gauss(0, 0.004) + (0.06 if sick else 0.0)
            few = percent == 10 and at < self.hold
            word = "inconclusive" if few or sick else "success"
            yield gate(at, "start-failures", cluster, word, max(ratio, 0.0))
            waiting = max(6 + self.random.gauss(0, 3) + (22 if sick else 0), 0.0)
            yield gate(at, "pending", cluster, "success" if waiting <= 20 else "inconclusive", float(round(waiting)))
            seconds = 18 + self.random.gauss(0, 1.5) + (4 if percent == 25 else 0)
            yield gate(at, "startup-p95", cluster, "inconclusive" if few else "success", None if few else seconds)
            away = percent == 25 and cluster == "euw17"
            value = None if away else max(0.01 + self.random.gauss(0, 0.003), 0.0)
            yield gate(at, "failed-stops", cluster, "error" if away else "success", value)


def split(percent: float, new: tuple[str, ...] = NEW) -> dict[str, float]:
    """Percent by short name when the new clusters take so many together."""
    shares = {name: percent / len(new) for name in new} | {name: (100 - percent) / len(OLD) for name in OLD}
    return {name: round(share, 1) for name, share in shares.items() if share}


def turned_back() -> Shift:
    """One of three clusters goes bad at 50 %, and all of them are turned back."""
    story = Shift()
    at = story.written(story.up_to(25), 50)
    story.say(at, Kind.SUBTASK_STARTED, KEY, name="50%/watch", summary="watch at 50 % for 5m", hold=0.0)
    for _ in range(14):
        at = story.look(at, 50)
    at = story.condemned(at + 5)
    story.ends(at, "turned back", REASON)
    return story


def turned_back_alone() -> Shift:
    """The same, but only the cluster that goes bad is turned back; the others go on to 100 %."""
    story = Shift()
    at = story.written(story.up_to(25), 50)
    story.say(at, Kind.SUBTASK_STARTED, KEY, name="50%/watch", summary="watch at 50 % for 5m", hold=0.0)
    for _ in range(14):
        at = story.look(at, 50)
    at = story.condemned(at + 5, (SICK,))
    at = story.written(at, 100, tuple(name for name in NEW if name != SICK))
    story.ends(at, "turned back", REASON)
    return story


def under_way() -> Shift:
    """A shift that is watched at 25 %, one gate of which can't be asked."""
    story = Shift()
    story.up_to(25)
    return story


def asking() -> Shift:
    """A shift that asks two things of a person while its gates look on."""
    story = under_way()
    at = 700.0
    for number, text in enumerate(("May it go on to 50 %?", "Starts fall as they please. Go on all the same?"), 1):
        story.say(at, Kind.TASK_WAITING, KEY, name=f"question {number}", text=text, until=None)
    story.say(at + 1, Kind.TASK_PROGRESS, KEY, message="holding at 25 %: waiting for a person")
    return story


def moment(at: float) -> float:
    """Seconds since the epoch of a second of a story."""
    return BEGIN + at


__all__ = ["KEY", "META", "NEW", "OLD", "REASON", "SICK", "STEPS", "Shift", "gate", "moment", "split"]
