"""The weights before a run, kept at the meta cluster itself: they can be restored when the journal is gone.

A ConfigMap of the fleet has one entry a run, the newest ten. The first word of a run stands: one that is resumed finds
weights that it has moved itself.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ws_deployment.engine.meta_access import MetaApi, known, router
from ws_deployment.errors import TransientError, WsDeploymentError
from ws_deployment.fleet.marks import marks
from ws_deployment.interfaces import NotYetError, Registration

if TYPE_CHECKING:
    from ws_deployment.clients.kube import Object
    from ws_deployment.engine.context import RunSurroundings
    from ws_deployment.fleet.clusters import Fleet

#: Runs whose weights are kept.
KEPT = 10
#: Writes that may meet another's change before it is an error.
_WRITES = 10
_LONGEST_NAME = 253


@dataclass(frozen=True)
class Weight:
    """One registration as it was; `url` tells it from another cluster of the same name."""

    name: str
    score: int
    max_score: int
    cordoned: bool
    static: bool
    url: str

    @classmethod
    def of(cls, registration: Registration) -> Weight:
        """What is to be kept of a registration."""
        each = registration
        return cls(each.name, each.score, each.max_score, not each.available, each.static, each.url)

    @property
    def effective(self) -> int:
        """What counted at placement."""
        return 0 if self.cordoned else max(0, min(self.score, self.max_score))

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "name": self.name,
            "score": self.score,
            "maxScore": self.max_score,
            "cordoned": self.cordoned,
            "static": self.static,
            "url": self.url,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Weight:
        """The inverse. Raises KeyError, TypeError or ValueError for what is none."""
        name, score, cordoned = value["name"], value["score"], value["cordoned"]
        if not (isinstance(name, str) and type(score) is int and isinstance(cordoned, bool)):
            raise TypeError(f"no name, score and cordoned: {value}")
        most = int(value.get("maxScore", 100))
        return cls(name, score, most, cordoned, bool(value.get("static", False)), str(value.get("url", "")))


@dataclass(frozen=True)
class Remembered:
    """The weights of a meta cluster before a run. `made` are the short names of what the run makes; `when` is UTC."""

    run: str
    when: str
    cluster_id: int
    made: tuple[str, ...]
    weights: tuple[Weight, ...]

    def as_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "run": self.run,
            "when": self.when,
            "clusterId": self.cluster_id,
            "made": list(self.made),
            "weights": [weight.as_json() for weight in self.weights],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Remembered:
        """The inverse. Raises KeyError, TypeError or ValueError for what is none."""
        weights = tuple(Weight.from_json(each) for each in value["weights"])
        return cls(value["run"], value["when"], value["clusterId"], tuple(value["made"]), weights)


def remember_weights(apis: Sequence[MetaApi], fleet: Fleet, run: RunSurroundings) -> None:
    """Keep the present weights at each meta cluster that has an API, before a run's first write.

    Calling it again for the same run changes nothing. Raises what asking for the weights and the API raise.
    """
    for meta in fleet.meta_clusters:
        api = known(apis, meta.name)
        if api is None:
            continue
        try:
            registrations = router(fleet, meta, run).registrations()
        except NotYetError:
            continue  # nothing there holds weights: its bridge is no part of the config
        before = Remembered(
            run=run.run_id,
            when=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            cluster_id=fleet.cluster_id,
            made=tuple(cluster.short_name for cluster in fleet.governed_by(meta.name) if cluster.create),
            weights=tuple(Weight.of(each) for each in registrations),
        )
        remember(api, fleet.name, before)


def remember(api: MetaApi, fleet: str, before: Remembered) -> None:
    """Keep what was before a run, unless that is kept already. Two runs at once keep both."""
    from ws_deployment.clients.kube_errors import ConflictKubeError  # noqa: PLC0415  the library behind it is heavy

    key, name = f"{before.run}.json", object_name(fleet)
    for _ in range(_WRITES):
        found = api.kube.get("v1", "ConfigMap", name, api.namespace)
        data = dict((found or {}).get("data") or {})
        if key in data:
            return
        data[key] = json.dumps(before.as_json(), indent=1)
        newest = sorted(_entries(data), key=_age)[:KEPT]
        wanted = _document(api, fleet, before, {f"{each.run}.json": data[f"{each.run}.json"] for each in newest})
        try:
            if found is None:
                api.kube.create(wanted)
            else:
                version = found["metadata"]["resourceVersion"]
                api.kube.replace({**wanted, "metadata": {**wanted["metadata"], "resourceVersion": version}})
        except ConflictKubeError:
            continue
        return
    raise TransientError("keeping the weights at", on=api.meta, why="others write to the same ConfigMap all the time")


def recall(api: MetaApi, fleet: str) -> tuple[Remembered, ...]:
    """What was before the fleet's last runs, the newest first; empty where nothing is kept."""
    found = api.kube.get("v1", "ConfigMap", object_name(fleet), api.namespace)
    return tuple(sorted(_entries((found or {}).get("data") or {}), key=_age))


def object_name(fleet: str) -> str:
    """The ConfigMap's name: `ws-deployment-FLEET`, told apart by a digest where a fleet's name can't be part of one."""
    name = f"ws-deployment-{fleet}"
    fitting = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    if fitting == name and len(name) <= _LONGEST_NAME:
        return name
    return f"{fitting[: _LONGEST_NAME - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _document(api: MetaApi, fleet: str, before: Remembered, data: dict[str, str]) -> Object:
    labels = {"app.kubernetes.io/managed-by": "ws-deployment", **marks(before.run, fleet)}
    metadata = {"name": object_name(fleet), "namespace": api.namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def _entries(data: dict[str, str]) -> Iterable[Remembered]:
    for key, text in data.items():
        try:
            yield Remembered.from_json(json.loads(text))
        except (KeyError, TypeError, ValueError) as error:
            raise WsDeploymentError(
                "reading the weights that are kept in",
                on=f"ConfigMap entry {key}",
                why=f"it is none of this program's: {error}",
                remedy="Remove the entry, or restore from a file (--from).",
            ) from error


def _age(each: Remembered) -> tuple[int, str]:
    """Sorts the newest first: ids and times sort by time."""
    digits = int(re.sub(r"\D", "", each.when) or 0)
    return (-digits, each.run)
