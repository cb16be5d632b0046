"""A Gateway API HTTPRoute at the meta cluster's Kubernetes API, whose weighted back-ends are the workspace clusters.

A back-end's weight is its cluster's score; one that is cordoned has weight 0. What a weight can't say is kept in an
annotation of the route: a cluster's URL, and of one with weight 0 its score and whether it is cordoned. Only weights,
that annotation and back-ends that are registered here are written, and only to the route as it was read.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from ws_deployment.errors import RefusedError, WsDeploymentError
from ws_deployment.interfaces import MetaCluster, NotYetError, Parameters, Registration, StepContext
from ws_deployment.traffic.levels import DEFAULT_SCORE, HIGHEST_SCORE
from ws_deployment_steps.bridge_access import path

if TYPE_CHECKING:
    from ws_deployment.clients.kube import Kube, Object

#: Annotation that holds what weights can't say, by cluster: {url, score, cordoned}.
REMEMBERED = "ws-deployment.dev/backends"
_KIND = ("gateway.networking.k8s.io/v1", "HTTPRoute")
_CLUSTER = "{cluster}"
#: Weight of a back-end that names none.
_DEFAULT_WEIGHT = 1


class HttpRouteParameters(Parameters):
    """Options of `via: httproute`."""

    name: str = Field(min_length=1, description="The HTTPRoute's name.")
    namespace: str | None = Field(default=None, description="Its namespace; default: that of the meta cluster's API.")
    rule: int | None = Field(
        default=None, ge=0, description="The one rule, counted from 0, whose back-ends are meant; default: every rule."
    )
    service: str = Field(default="ws-{cluster}", description="Name of a cluster's Service: `{cluster}` is its name.")
    despite: tuple[str, ...] = Field(
        default=(), description="Field managers that apply the rules too, and do not put their own weights back."
    )

    @field_validator("service")
    @classmethod
    def _one_place(cls, service: str) -> str:
        if service.count(_CLUSTER) != 1:
            msg = f"has to have {_CLUSTER} once, like ws-{_CLUSTER}"
            raise ValueError(msg)
        return service


class HttpRoute:
    """The route that `parameters` names."""

    def __init__(self, parameters: HttpRouteParameters, context: StepContext, meta: MetaCluster) -> None:
        self._parameters, self._context, self._meta = parameters, context, meta
        before, _, after = parameters.service.partition(_CLUSTER)
        self._pattern = re.compile(f"{re.escape(before)}([a-z](?:[-a-z0-9]*[a-z0-9])?){re.escape(after)}")

    def registrations(self) -> Sequence[Registration]:
        """A registration a back-end. One whose Service is no cluster's bears that name and is static."""
        route = self._read()[1]
        first = self._rules(route)[:1]
        return [self._registration(route, ref) for rule in first for ref in rule.get("backendRefs", ())]

    def set_score(self, name: str, score: int) -> None:
        """Give a cluster its score; a cordoned one stays so and remembers it."""
        self._set(name, lambda there: (score, there.available))

    def set_available(self, name: str, *, available: bool) -> None:
        """Uncordon a cluster, with the score that was remembered, or cordon it."""
        self._set(name, lambda there: (there.score, available))

    def add(self, name: str, url: str, port: int, score: int) -> None:
        """Add a cluster's Service to the rules, cordoned; one that is there stays as it is."""

        def edit(route: Object) -> None:
            service = self._parameters.service.replace(_CLUSTER, name)
            for rule in self._rules(route):
                refs = rule.setdefault("backendRefs", [])
                if not any(ref["name"] == service for ref in refs):
                    refs.append({"name": service, "port": port, "weight": 0})
                    _remember(route, name, {"url": url, "score": score, "cordoned": True})

        self._change(edit)

    def remove(self, name: str) -> None:
        """Take a cluster's Service out of the rules. Raises RefusedError for one that takes starts."""

        def edit(route: Object) -> None:
            for rule in self._rules(route):
                refs = rule.get("backendRefs", [])
                for ref in [ref for ref in refs if self._cluster(ref) == name]:
                    if ref.get("weight", _DEFAULT_WEIGHT):
                        raise RefusedError(
                            "deregistering",
                            on=f"{name} at {self._on}",
                            why=f"its weight is {ref.get('weight', _DEFAULT_WEIGHT)}: it takes starts",
                            remedy="Move its traffic away and cordon it first.",
                        )
                    refs.remove(ref)
            _remember(route, name, {})

        self._change(edit)

    @property
    def _on(self) -> str:
        return f"{self._meta.name}, HTTPRoute {self._parameters.name}"

    def _set(self, name: str, make: Callable[[Registration], tuple[int, bool]]) -> None:
        def edit(route: Object) -> None:
            refs = [r for rule in self._rules(route) for r in rule.get("backendRefs", ()) if self._cluster(r) == name]
            if not refs:
                raise WsDeploymentError(
                    "writing the weight of",
                    on=f"{name} at {self._on}",
                    why=f"no rule has a back-end {self._parameters.service.replace(_CLUSTER, name)}",
                    remedy="Register the cluster first (register-cluster via: httproute).",
                )
            score, available = make(self._registration(route, refs[0]))
            told = {"url": _remembered(route, name).get("url", "")}
            if not score or not available:
                told |= {"score": score, "cordoned": not available}
            for ref in refs:
                ref["weight"] = score if available else 0
            _remember(route, name, told)

        self._change(edit)

    def _registration(self, route: Object, ref: dict[str, Any]) -> Registration:
        weight = ref.get("weight", _DEFAULT_WEIGHT)
        name = self._cluster(ref)
        most = max(HIGHEST_SCORE, weight)
        if name is None:
            return Registration(ref["name"], weight, available=weight > 0, max_score=most, static=True)
        told = _remembered(route, name)
        available = weight > 0 or not told.get("cordoned", True)
        score = weight if available else told.get("score", DEFAULT_SCORE)
        return Registration(name, score, available=available, max_score=most, url=told.get("url", ""))

    def _cluster(self, ref: dict[str, Any]) -> str | None:
        """The cluster that a back-end is; None for another's."""
        found = self._pattern.fullmatch(ref["name"]) if ref.get("kind", "Service") == "Service" else None
        return found[1] if found else None

    def _rules(self, route: Object) -> list[dict[str, Any]]:
        """The rules that are meant: the one that the config names, else all with back-ends, which have to be alike."""
        rules = route["spec"].get("rules") or []
        wanted = self._parameters.rule
        if wanted is not None:
            if wanted >= len(rules):
                raise self._unfit(f"it has {len(rules)} rules, none with the number {wanted}", "Count them from 0.")
            return [rules[wanted]]
        with_refs = [rule for rule in rules if rule.get("backendRefs")] or rules[:1]
        if not with_refs:
            raise self._unfit("it has no rule", "Write one that matches what the workspace clusters shall get.")
        weights = [
            sorted((ref["name"], ref.get("weight", _DEFAULT_WEIGHT)) for ref in rule.get("backendRefs", ()))
            for rule in with_refs
        ]
        if any(each != weights[0] for each in weights):
            raise self._unfit("its rules differ in their back-ends or weights", "Say by `rule:` which one is meant.")
        return with_refs

    def _unfit(self, why: str, remedy: str) -> WsDeploymentError:
        return WsDeploymentError("reading the weights of", on=self._on, why=why, remedy=remedy)

    def _change(self, edit: Callable[[Object], None]) -> None:
        """Write what `edit` makes of the route. Raises ConflictKubeError where another has written meanwhile."""
        kube, route = self._read()
        changed = copy.deepcopy(route)
        edit(changed)
        if changed == route:
            return
        self._check_managers(route)
        kube.replace(changed)

    def _check_managers(self, route: Object) -> None:
        """Refuse where someone applies the rules again and again (GitOps): those weights would win."""
        for entry in route["metadata"].get("managedFields", ()):
            manager = entry.get("manager", "")
            applies = entry.get("operation") == "Apply" and "f:rules" in entry.get("fieldsV1", {}).get("f:spec", {})
            if applies and manager not in self._parameters.despite:
                raise RefusedError(
                    "writing the weights of",
                    on=self._on,
                    why=f"{manager} applies its rules, and would put its own weights back",
                    remedy=f"Leave the rules out of what it applies; or, if it does not, say `despite: [{manager}]`.",
                )

    def _read(self) -> tuple[Kube, Object]:
        from ws_deployment.clients.kube import connect  # noqa: PLC0415  heavy
        from ws_deployment.clients.kubeconfig import write_one_context  # noqa: PLC0415  YAML is not free

        access = self._context.cluster_type(self._meta.type).kubernetes(self._meta)
        if access is None:
            raise NotYetError(
                "finding the Kubernetes API of",
                on=self._meta.name,
                why="the config does not say where it is",
                remedy="Add `kubernetes: {context: …}` to the meta cluster.",
            )
        source = path(self._context, access.kubeconfig) if access.kubeconfig else None
        kubeconfig = self._context.scratch / f"route-{self._meta.name}.kubeconfig"
        write_one_context(source, access.context, kubeconfig)
        kube = connect(kubeconfig)
        namespace = self._parameters.namespace or access.namespace
        route = kube.get(*_KIND, self._parameters.name, namespace)
        if route is None:
            raise self._unfit(f"namespace {namespace} has no such route", "Create it; the weights alone are written.")
        return kube, route


def _remembered(route: Object, name: str) -> dict[str, Any]:
    return _all_remembered(route).get(name, {})


def _remember(route: Object, name: str, told: dict[str, Any]) -> None:
    """Keep what is told of a cluster; nothing is kept of one of which nothing is told."""
    everything = {**_all_remembered(route), name: {key: value for key, value in told.items() if value != ""}}
    annotations = route["metadata"].setdefault("annotations", {})
    annotations[REMEMBERED] = json.dumps({key: value for key, value in sorted(everything.items()) if value})


def _all_remembered(route: Object) -> dict[str, dict[str, Any]]:
    text = (route["metadata"].get("annotations") or {}).get(REMEMBERED, "{}")
    try:
        told = json.loads(text)
        return {name: dict(each) for name, each in told.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise WsDeploymentError(
            "reading the annotation of",
            on=f"HTTPRoute {route['metadata']['name']}",
            why=f"{REMEMBERED} is not what this program writes: {error}",
            remedy="Remove the annotation; clusters of weight 0 then count as cordoned.",
        ) from error
