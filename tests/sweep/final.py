"""What a run leaves behind, and whether two worlds are the same: state, and effects that it took to come there.

Equal must be manifests, values, ids, registrations, weights, Terraform addresses. Run ids, times, ports and generated
certificates don't count. Effects are counted; an effect that was under way at a kill may have been repeated.
"""

from __future__ import annotations

import base64
import collections
import gzip
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
from sweep.world import World

from ws_deployment.clients.kube import Kube

_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----")
_SECRETLESS = ("Deployment", "StatefulSet", "DaemonSet", "Service", "ConfigMap", "ServiceAccount")


@dataclass(frozen=True)
class Final:
    """`state` must be equal; `calls`, `revisions` and `serials` count effects."""

    state: dict[str, Any]
    calls: list[str]
    revisions: dict[str, int]
    serials: dict[str, int]


def final(world: World) -> Final:
    """What there is now."""
    state: dict[str, Any] = {
        "runs": [
            {key: run[key] for key in ("kind", "status", "cluster_id", "attempt", "wanted")}
            for run in world.rows("SELECT * FROM wsd_runs ORDER BY created")
        ],
        "locks": [row for row in world.rows("SELECT name, pid FROM wsd_leases") if psutil.pid_exists(row["pid"])],
        "waits": world.rows("SELECT task FROM wsd_waits"),
        "tasks": _tasks(world),
    }
    revisions: dict[str, int] = {}
    serials: dict[str, int] = {}
    clusters = {}
    for folder in sorted((world.state / "lab" / "clusters").glob("*")):
        known = json.loads((folder / "cluster.json").read_text())
        clusters[known["name"]] = known
        kube = Kube(folder / "kubeconfig")
        objects, numbers = _in_cluster(kube)
        state[f"cluster {known['name']}"] = {
            **{key: known[key] for key in ("fleet", "region", "labels", "nodes", "complete")},
            "ours": _run_ids(world, known["run_id"]),
            **objects,
        }
        revisions |= {f"{known['name']} {release}": count for release, count in numbers.items()}
    for path in sorted((world.state / "fleets").glob("*/*/terraform/terraform.tfstate")):
        told = json.loads(path.read_text())
        name = path.parent.parent.name
        state[f"terraform {name}"] = sorted(f"{each['type']}.{each['name']}" for each in told["resources"])
        serials[name] = told["serial"]
    urls = {known["url"]: f"url of {name}" for name, known in clusters.items()}
    registered = json.loads((world.meta / "state.json").read_text())["clusters"]
    state["registrations"] = sorted(
        (
            {key: each.get(key) for key in ("name", "cordoned", "score", "max_score", "govern", "region")}
            | {"url": urls.get(each["url"], each["url"])}
            for each in registered
        ),
        key=lambda each: str(each["name"]),
    )
    return Final(state, world.bridge_calls(), revisions, serials)


@dataclass(frozen=True)
class Interruption:
    """How things stood when a process was killed: what was journaled, and which calls it had made."""

    journaled: frozenset[str]
    calls: tuple[str, ...]

    @property
    def repeatable(self) -> str:
        """The call that was made and not journaled, as one that was under way is; empty where there is none."""
        journaled = sum(_is_write(name) for name in self.journaled)
        made = _without_repeats([call for call in self.calls if not call.startswith("Register")])
        return made[journaled] if len(made) == journaled + 1 else ""

    def under_way(self, target: str, step: str) -> bool:
        """Whether that task's effect was not journaled."""
        return not any(name.startswith(f"{target}/{step}") and not _is_intent(name) for name in self.journaled)


def differences(undisturbed: Final, found: Final, kills: Sequence[Interruption]) -> list[str]:
    """What is not the same. An effect that was under way at a kill, and no other, may have happened once more."""
    told = list(_unlike("", undisturbed.state, found.state))
    told += _calls(undisturbed.calls, found.calls, kills)
    for name in sorted(undisturbed.revisions.keys() | found.revisions.keys()):
        before, after = undisturbed.revisions.get(name, 0), found.revisions.get(name, 0)
        allowed = sum(kill.under_way(_short_name(name), "install") for kill in kills)
        if not before <= after <= before + allowed:
            told.append(f"release {name}: {after} revisions, {before} undisturbed, {allowed} repairs allowed")
    for name in sorted(undisturbed.serials.keys() | found.serials.keys()):
        before, after = undisturbed.serials.get(name, 0), found.serials.get(name, 0)
        if after != before and not any(kill.under_way(_short_name(name), "create") for kill in kills):
            told.append(f"terraform {name}: serial {after}, {before} undisturbed, and its creation was journaled")
    return told


def _calls(undisturbed: Sequence[str], found: Sequence[str], kills: Sequence[Interruption]) -> list[str]:
    more = collections.Counter(found)
    more.subtract(undisturbed)
    more.subtract(kill.repeatable for kill in kills)
    told = [f"{call!r} {count} times too often" for call, count in more.items() if call and count > 0]
    missing = collections.Counter(undisturbed) - collections.Counter(found)
    told += [f"{call!r} {count} times too seldom" for call, count in missing.items()]
    shifts = [_without_repeats([call for call in calls if "Register" not in call]) for calls in (undisturbed, found)]
    if not told and shifts[0] != shifts[1]:
        told.append(f"calls in another order: {shifts[1]}")
    return told


def _is_intent(name: str) -> bool:
    return name.endswith("/intent")


def _is_write(name: str) -> bool:
    """Whether it is a sub-task that writes a weight."""
    others = ("/hold", "/look", "/watch", "/verified")
    return "/traffic-shift/" in name and not _is_intent(name) and not any(each in name for each in others)


def _without_repeats(calls: Sequence[str]) -> list[str]:
    return [call for number, call in enumerate(calls) if number == 0 or calls[number - 1] != call]


def _in_cluster(kube: Kube) -> tuple[dict[str, Any], dict[str, int]]:
    releases: dict[str, Any] = {}
    numbers: collections.Counter[str] = collections.Counter()
    for secret in kube.list("v1", "Secret", "default", selector={"owner": "helm"}):
        record = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
        numbers[record["name"]] = max(numbers[record["name"]], record["version"])
        if record["info"]["status"] != "superseded":
            told = {key: record.get(key) for key in ("manifest", "config", "hooks")}
            releases[record["name"]] = {"status": record["info"]["status"], **told}
    objects = {}
    for kind in _SECRETLESS:
        api = "apps/v1" if kind.endswith("Set") or kind == "Deployment" else "v1"
        for found in kube.list(api, kind, "default"):
            body = {key: found[key] for key in ("spec", "data") if key in found and kind != "Service"}
            objects[f"{kind} {found['metadata']['name']}"] = body
    text = json.dumps({"releases": releases, "objects": objects}, sort_keys=True)
    normal: dict[str, Any] = json.loads(_CERTIFICATE.sub("CERTIFICATE", _RUN_ID.sub("RUN", text)))
    return normal, dict(numbers)


def _tasks(world: World) -> dict[str, str]:
    """Status of each task, as the newest event of its end tells."""
    rows = world.rows("SELECT run, event FROM wsd_events ORDER BY run, seq")
    kinds = {row["id"]: row["kind"] for row in world.rows("SELECT id, kind FROM wsd_runs")}
    events = [(kinds[row["run"]], json.loads(row["event"])) for row in rows]
    return {
        f"{kind} {event['task']}": event["data"]["status"] for kind, event in events if event["kind"] == "task.finished"
    }


def _run_ids(world: World, run_id: str) -> bool:
    return run_id in {row["id"] for row in world.rows("SELECT id FROM wsd_runs")}


def _short_name(name: str) -> str:
    """`ea7` of `gp-stag-ws-ea7-eu-west1 jaeger`."""
    return name.split("-")[3]


def _unlike(path: str, one: Any, other: Any) -> Iterator[str]:
    """Where two JSON values are not equal."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from _unlike(f"{path}/{key}", one.get(key), other.get(key))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, pair in enumerate(zip(one, other, strict=True)):
            yield from _unlike(f"{path}/{number}", *pair)
    elif one != other:
        yield f"{path}: {json.dumps(one):.300} != {json.dumps(other):.300}"
