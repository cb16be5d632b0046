"""register-cluster: makes the cluster known to its meta clusters, cordoned, with TLS material from its Secret."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from ws_deployment.errors import WsDeploymentError
from ws_deployment.interfaces import (
    Change,
    IPreRun,
    IRegistrar,
    IStep,
    MetaCluster,
    NotYetError,
    Outputs,
    Parameters,
    PreRun,
    Registration,
    RegistrationRequest,
    StepContext,
    StepPlan,
    SubTask,
    TlsMaterial,
    Undo,
    Verdict,
)
from ws_deployment_steps import registration_back

#: Secrets that hold the client material, by generation of the bridge's API.
_SECRETS = {"2026": "ws-manager-mk2-client-tls", "2021": "ws-manager-client-tls"}
_KEYS = ("ca.crt", "tls.crt", "tls.key")


class RegisterParameters(Parameters):
    """What register-cluster takes."""

    via: str = Field(default="bridge", description="bridge, gpctl, command, or another installed registrar.")
    options: dict[str, Any] = Field(default_factory=dict, description="The registrar's own parameters.")
    tls_secret: str | None = Field(default=None, description="Secret with ca.crt, tls.crt, tls.key; default by API.")
    namespace: str = Field(default="default", description="Namespace of that Secret.")
    region: str = Field(
        default="",
        description="Region in the bridge's words: europe, north-america, south-america, africa, asia, or none.",
    )


class RegisterCluster(IStep[RegisterParameters]):
    """Register at every meta cluster that governs the cluster. It takes no traffic before a shift says so."""

    summary = "Register the cluster at its meta clusters, cordoned."
    parameters_model = RegisterParameters

    def taken_names(self, context: StepContext) -> frozenset[str]:
        """Short names that are registered already."""
        return frozenset(
            registration.name for meta in context.fleet.meta_clusters for registration in self._list(context, meta)
        )

    def pre_runs(self) -> Sequence[IPreRun]:
        """The bridge answers, the name is free or ours, and there is a URL."""
        return (PreRun("meta cluster", self._free), PreRun("url", _has_url), PreRun("TLS material", self._has_material))

    def plan(self, context: StepContext) -> StepPlan:
        """One sub-task a meta cluster."""
        cluster = context.cluster
        subtasks = []
        for governance in cluster.governed_by:
            flags = ", ".join(("cordoned", *(("governed",) if governance.govern else ()), governance.preferability))
            subtasks.append(SubTask(governance.meta, f"register at {governance.meta}: {flags}"))
        metas = ", ".join(governance.meta for governance in cluster.governed_by)
        fingerprint, unknown = self._there(context)
        return StepPlan(
            f"register {cluster.short_name} at {metas}, cordoned",
            Change.CREATE,
            diff="\n".join(subtask.summary for subtask in subtasks),
            unknown=unknown,
            fingerprint=fingerprint,
            subtasks=tuple(subtasks),
        )

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        """Register unless it is registered; a registration whose answer was lost is found by name and URL."""
        cluster = context.cluster
        meta = context.fleet.meta(subtask.name)
        url = _url(context)
        registrar = self._registrar(context, meta)
        there = _find(registrar.registrations(), cluster.short_name)
        if there and there.url != url:
            raise WsDeploymentError(
                "registering",
                on=f"{cluster.short_name} at {meta.name}",
                why=f"the name is registered with {there.url}, not {url}",
                remedy="Another cluster bears this name; use another --cluster-id.",
            )
        if not there:
            governance = cluster.governance(meta.name)
            registrar.register(
                RegistrationRequest(
                    name=cluster.short_name,
                    url=url,
                    tls=self._material(context, meta),
                    region=self.parameters.region,
                    preferability=governance.preferability,
                    govern=governance.govern,
                )
            )
        return {"url": url, f"registered.{meta.name}": cluster.short_name}

    def verify(self, context: StepContext) -> None:
        """Every meta cluster lists it with its URL, cordoned, governed as asked."""
        cluster = context.cluster
        for governance in cluster.governed_by:
            meta = context.fleet.meta(governance.meta)
            there = _find(self._list(context, meta), cluster.short_name)
            if problem := _differs(there, _url(context), governed=governance.govern):
                raise WsDeploymentError(
                    "verifying registration of", on=f"{cluster.short_name} at {meta.name}", why=problem
                )

    def plan_rollback(self, context: StepContext, undo: Undo) -> StepPlan:
        """Cordoned at every meta cluster where the run registered it, with `destroy` deregistered."""
        return registration_back.plan(self._undone_at(context, undo), context, undo)

    def rollback(self, context: StepContext, subtask: SubTask, undo: Undo) -> None:
        """Cordon or deregister at one meta cluster."""
        registrar = self._registrar(context, context.fleet.meta(subtask.name))
        registration_back.carry_out(registrar, context, subtask.name, undo)

    def verify_rollback(self, context: StepContext, undo: Undo) -> None:
        """No meta cluster sends anybody to it."""
        registration_back.verify(self._undone_at(context, undo), context, undo)

    def _undone_at(self, context: StepContext, undo: Undo) -> dict[str, IRegistrar]:
        metas = registration_back.metas(context, undo)
        return {name: self._registrar(context, context.fleet.meta(name)) for name in metas}

    def _registrar(self, context: StepContext, meta: MetaCluster) -> IRegistrar:
        return context.registrar(self.parameters.via, self.parameters.options, meta)

    def _list(self, context: StepContext, meta: MetaCluster) -> Sequence[Registration]:
        return self._registrar(context, meta).registrations()

    def _there(self, context: StepContext) -> tuple[dict[str, str], tuple[str, ...]]:
        """How each meta cluster has the cluster now, and of which that is not known."""
        known, unknown = {}, []
        for governance in context.cluster.governed_by:
            try:
                there = _find(self._list(context, context.fleet.meta(governance.meta)), context.cluster.short_name)
            except NotYetError as error:
                unknown.append(f"whether {governance.meta} has it already: {error.why}")
                continue
            known[f"registration at {governance.meta}"] = f"with {there.url}" if there else "none"
        return known, tuple(unknown)

    def _free(self, context: StepContext) -> Verdict:
        cluster = context.cluster
        registered = 0
        for governance in cluster.governed_by:
            meta = context.fleet.meta(governance.meta)
            try:
                there = _find(self._list(context, meta), cluster.short_name)
            except NotYetError as error:
                return context.missing(f"{meta.name}: {error.why}", error.remedy)
            if there is None:
                continue
            if there.url != _known_url(context):
                return Verdict.refuse(
                    f"{cluster.short_name} is registered at {meta.name} with {there.url}",
                    "Another cluster bears this name; use another --cluster-id.",
                )
            registered += 1
        if registered == len(cluster.governed_by):
            return Verdict.skip("it is registered already")
        return Verdict.proceed()

    def _has_material(self, context: StepContext) -> Verdict:
        for governance in context.cluster.governed_by:
            self._material(context, context.fleet.meta(governance.meta))
        return Verdict.proceed()

    def _material(self, context: StepContext, meta: MetaCluster) -> TlsMaterial:
        from ws_deployment.clients.kube import connect  # noqa: PLC0415  heavy

        name = self.parameters.tls_secret or _SECRETS[context.bridge(meta).api]
        data = connect(context.kubeconfig(), context.cluster.context).secret(name, self.parameters.namespace)
        missing = [key for key in _KEYS if not (data or {}).get(key)]
        if data is None or missing:
            raise WsDeploymentError(
                "reading the TLS material of",
                on=context.cluster.short_name,
                why=f"Secret {self.parameters.namespace}/{name} has no {', '.join(missing)}",
                remedy="It is made by the workload's installation; name another by `tlsSecret:` and `namespace:`.",
            )
        ca, crt, key = (data[key].decode() for key in _KEYS)
        return TlsMaterial(ca=ca, crt=crt, key=key)


def _find(registrations: Sequence[Registration], name: str) -> Registration | None:
    return next((registration for registration in registrations if registration.name == name), None)


def _differs(there: Registration | None, url: str, *, governed: bool) -> str:
    if there is None:
        return "it is not listed"
    if there.url != url:
        return f"it is listed with {there.url}, not {url}"
    if governed and not there.governed:
        return "it is not governed"
    return ""


def _known_url(context: StepContext) -> str | None:
    cluster = context.cluster
    return cluster.url or context.cluster_type(cluster.type).url(context)


def _url(context: StepContext) -> str:
    url = _known_url(context)
    if url is None:
        raise WsDeploymentError(
            "registering",
            on=context.cluster.short_name,
            why=_NO_URL,
            remedy="Set project.dnsZone or the cluster's url.",
        )
    return url


_NO_URL = "where its meta cluster reaches it is not known"


def _has_url(context: StepContext) -> Verdict:
    if _known_url(context) is None:
        return context.missing(_NO_URL, "set project.dnsZone or the cluster's url")
    return Verdict.proceed()
