"""install-release: one Helm release, installed or upgraded to exactly what the config says. Three defaults of it."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ws_deployment.clients.helm_values import merge_values
from ws_deployment.config.model import Name, SecretReference
from ws_deployment.errors import MissingToolError, UsageError, WsDeploymentError
from ws_deployment.fleet.marks import FLEET, marks
from ws_deployment.interfaces import (
    Change,
    IPreRun,
    IStep,
    NotYetError,
    Outputs,
    Parameters,
    PreRun,
    StepContext,
    StepPlan,
    SubTask,
    Undo,
    Verdict,
)
from ws_deployment.tools.bundled import bundled
from ws_deployment.tools.digest import digest_of
from ws_deployment_steps.placeholders import fill
from ws_deployment_steps.release_back import REVISION, ReleaseBack
from ws_deployment_steps.sources import local_inputs, located

if TYPE_CHECKING:
    from ws_deployment.clients.helm import Chart, Helm, Revision


class ReleaseParameters(Parameters):
    """What a release step takes. Texts in `values` may hold placeholders such as `${cluster.shortName}`."""

    release: Name = Field(description="The release's name.")
    chart: str = Field(description="A folder, an archive, oci://…, bundled:NAME, or a name in `repo`.")
    repo: str | None = Field(default=None, description="URL of the chart repository.")
    version: str | None = Field(default=None, description="Chart version; default: `versions.charts` of the release.")
    namespace: Name = Field(default="default", description="Namespace of the release; made if missing.")
    values_files: tuple[str, ...] = Field(default=(), description="Values files, over those of the cluster.")
    values: dict[str, Any] = Field(default_factory=dict, description="Values, over all files.")
    secret_values: dict[str, SecretReference] = Field(
        default_factory=dict, description="Secret values: a path such as `auth.token` to where the secret is."
    )
    image_tag: str = Field(default="image.tag", description="Path of the value that `versions.images` sets.")
    adopt: bool = Field(default=False, description="Take over a release that this fleet did not install.")


class InstallRelease(IStep[ReleaseParameters]):
    """Install or upgrade a Helm release and wait until its workloads are ready; a failure goes back by itself."""

    summary = "Install or upgrade any Helm release and wait until it is ready."
    parameters_model: ClassVar[type[Parameters]] = ReleaseParameters

    def inputs(self, context: StepContext) -> Sequence[Path]:
        """The values files, and the chart where it is a file or folder."""
        files = (*context.cluster.values_files, *self.parameters.values_files)
        chart = () if self.parameters.chart.startswith(_BUNDLED) else (self.parameters.chart,)
        return local_inputs((*files, *chart), context)

    def pre_runs(self) -> Sequence[IPreRun]:
        """Chart, values, cluster, ownership, served APIs."""
        return (
            PreRun("chart and values", self._readable),
            PreRun("cluster", _reachable),
            PreRun("release", self._ours),
            PreRun("served APIs", self._served),
        )

    def plan(self, context: StepContext) -> StepPlan:
        """The rendered objects, or the diff against the live release."""
        from ws_deployment.clients.helm_diff import compare, masked, read_manifest  # noqa: PLC0415  loaded when used
        from ws_deployment.clients.helm_random import may_be_random  # noqa: PLC0415  loaded when used

        helm = _helm(context)
        chart = self._chart(context, helm)
        values = self._values(context)
        rendered = self._template(helm, chart, values)
        subtask = SubTask("run", data={"version": chart.version})
        fingerprint = self._fingerprint(context, chart)
        live = self._live(context)
        if live is None:
            objects = read_manifest(rendered)
            summary = f"install {self.parameters.release} ({chart.name} {chart.version}), {len(objects)} objects"
            twice = context.dry_run and may_be_random(chart.ref)
            again = self._template(helm, chart, values, again=True) if twice else rendered
            random = tuple(f"{field} is made at random" for field in compare("", rendered, again).random)
            listing = masked(rendered)
            return StepPlan(
                summary, Change.CREATE, listing, unknown=random, fingerprint=fingerprint, subtasks=(subtask,)
            )
        connected = self._connected(context)
        subtask = replace(subtask, data={**subtask.data, REVISION: live.number})
        new = [
            connected.dry_run_server(self.parameters.release, chart, values, namespace=self.parameters.namespace)
            for _ in range(2)
        ]
        diff = compare(connected.manifest(self.parameters.release, namespace=self.parameters.namespace), *new)
        same = diff.empty and live.status == "deployed"
        return StepPlan(
            f"{'keep' if same else 'upgrade'} {self.parameters.release} at {chart.name} {chart.version}: {diff}",
            Change.NONE if same else Change.UPDATE,
            diff.text(),
            unknown=tuple(f"{field} is made at random" for field in diff.random),
            fingerprint={**fingerprint, "revision of the release": f"{live.number}, {live.status}"},
            subtasks=() if same else (subtask,),
        )

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:
        """Install or upgrade; a release that a killed Helm left pending is mended first."""
        from ws_deployment.clients.helm_command import ReleasePendingError  # noqa: PLC0415  loads pyhelm3

        helm = self._connected(context)
        release, namespace = self.parameters.release, self.parameters.namespace
        chart = self._chart(context, helm, version=str(subtask.data["version"]))
        values = self._values(context)

        def install() -> Revision:
            context.progress(f"waiting for the workloads of {release}")
            limit, labels = _left(context), marks(context.run_id, context.fleet.name)
            return helm.install_or_upgrade(release, chart, values, namespace=namespace, timeout=limit, labels=labels)

        try:
            revision = install()
        except ReleasePendingError:
            context.progress(helm.recover_pending(release, namespace=namespace, timeout=_left(context)))
            revision = install()
        return {
            "release": revision.release,
            "namespace": revision.namespace,
            "revision": revision.number,
            "chart": revision.chart,
        }

    def verify(self, context: StepContext) -> None:
        """The newest revision is deployed and the release's workloads are ready."""
        from ws_deployment.clients.kube_ready import release_lacks  # noqa: PLC0415  loaded when used
        from ws_deployment.clients.waiting import wait_until_ready  # noqa: PLC0415  loaded when used

        namespace = self.parameters.namespace
        helm = self._connected(context)
        revision = self._live(context)
        if revision is None or revision.status != "deployed":
            state = revision.status if revision else "not there"
            raise WsDeploymentError("verifying release", on=self.parameters.release, why=f"it is {state}")
        manifest = helm.manifest(self.parameters.release, namespace=namespace)
        kube = _kube(context)
        wait_until_ready(
            "waiting for the workloads of",
            lambda: release_lacks(kube, manifest, namespace),
            on=self.parameters.release,
            deadline=max(context.deadline, time.monotonic() + 1),
            cancelled=context.cancelled,
            progress=context.progress,
        )

    def plan_rollback(self, context: StepContext, undo: Undo) -> StepPlan:
        """On a cluster that was there before: back to the revision before, and with `destroy` what is new goes."""
        back = self._back(context, undo)
        return back.plan() if back else _goes_with(context)

    def rollback(self, context: StepContext, subtask: SubTask, undo: Undo) -> None:  # noqa: ARG002  there is one
        """Go back a revision, or uninstall."""
        if back := self._back(context, undo):
            back.carry_out(_left(context))

    def verify_rollback(self, context: StepContext, undo: Undo) -> None:
        """Nothing is left to be undone."""
        if back := self._back(context, undo):
            back.verify()

    def _back(self, context: StepContext, undo: Undo) -> ReleaseBack | None:
        """None on a cluster that the run made: its releases go with it."""
        if context.cluster.create:
            return None
        release, namespace = self.parameters.release, self.parameters.namespace
        return ReleaseBack(release, namespace, self._connected(context), self._live(context), context, undo)

    def _readable(self, context: StepContext) -> Verdict:
        try:
            helm = _helm(context)
        except MissingToolError as error:
            return context.missing(error.why, error.remedy)
        chart = self._chart(context, helm)
        self._values(context)
        return Verdict.proceed(f"{chart.name} {chart.version}")

    def _ours(self, context: StepContext) -> Verdict:
        live = self._live(context)
        if live is None or self.parameters.adopt or live.labels.get(FLEET) == context.fleet.name:
            return Verdict.proceed()
        owner = live.labels.get(FLEET)
        whose = f"fleet {owner}" if owner else "somebody else"
        return Verdict.refuse(
            f"release {self.parameters.release} was installed by {whose}",
            "Set `adopt: true` for the step to take it over.",
        )

    def _served(self, context: StepContext) -> Verdict:
        from ws_deployment.clients.helm_diff import read_manifest  # noqa: PLC0415  loaded when used

        kube = _kube(context)
        helm = _helm(context)
        objects = read_manifest(self._template(helm, self._chart(context, helm), self._values(context)))
        brought = {document["spec"]["names"]["kind"] for key, document in objects.items() if key.kind == _CRD}
        wanted = {(key.api_version, key.kind) for key in objects if key.kind not in brought}
        if missing := kube.not_served(wanted):
            text = ", ".join(f"{kind} ({api})" for api, kind in missing)
            return Verdict.refuse(f"the cluster does not serve {text}", "Install what serves them in an earlier step.")
        return Verdict.proceed()

    def _live(self, context: StepContext) -> Revision | None:
        """The release as it is; None where there is none, or no cluster yet."""
        from ws_deployment.clients.helm_records import current_revision  # noqa: PLC0415  heavy

        release, namespace = self.parameters.release, self.parameters.namespace
        try:
            if os.environ.get("HELM_DRIVER", "secret") in {"", "secret", "secrets"}:
                return current_revision(_kube(context), release, namespace)
            return self._connected(context).current(release, namespace=namespace)
        except NotYetError:
            return None

    def _chart(self, context: StepContext, helm: Helm, version: str | None = None) -> Chart:
        ref = self.parameters.chart
        if ref.startswith(_BUNDLED):
            ref = str(bundled(f"charts/{ref.removeprefix(_BUNDLED)}"))
        path = located(ref, context)
        version = version or self.parameters.version or context.versions.charts.get(self.parameters.release)
        return helm.chart(path if path.exists() else ref, version=version, repo=self.parameters.repo)

    def _template(self, helm: Helm, chart: Chart, values: Mapping[str, Any], *, again: bool = False) -> str:
        render = _rendered.__wrapped__ if again else _rendered
        return render(Path(helm.program), chart, self.parameters.release, self.parameters.namespace, json.dumps(values))

    def _fingerprint(self, context: StepContext, chart: Chart) -> dict[str, str]:
        """What the release is made of. Manifests won't do: some charts make values at random. Secrets are left out."""
        place = Path(chart.ref)
        content = digest_of(place) if place.exists() else f"{chart.ref} of {chart.repo or 'its registry'}"
        values = json.dumps(self._open_values(context), sort_keys=True, default=str)
        return {
            "chart": f"{chart.name} {chart.version}, {content}",
            "values": hashlib.sha256(values.encode()).hexdigest(),
        }

    def _values(self, context: StepContext) -> dict[str, Any]:
        secrets = (_nested(path, context.secret(ref)) for path, ref in self.parameters.secret_values.items())
        return merge_values(self._open_values(context), *secrets)

    def _open_values(self, context: StepContext) -> dict[str, Any]:
        """All values but the secret ones."""
        files = (*context.cluster.values_files, *self.parameters.values_files)
        layers = [_read_values(located(file, context)) for file in files]
        layers.append(self.parameters.values)
        if tag := context.versions.images.get(self.parameters.release):
            layers.append(_nested(self.parameters.image_tag, tag))
        filled: dict[str, Any] = fill(merge_values(*layers), context.cluster)
        return filled

    def _connected(self, context: StepContext) -> Helm:
        return _helm(context, context.kubeconfig())


class GitpodParameters(ReleaseParameters):
    """Parameters of install-gitpod."""

    release: Name = "gitpod"
    chart: str = "bundled:gitpod"


class JaegerParameters(ReleaseParameters):
    """Parameters of install-jaeger."""

    release: Name = "jaeger"
    chart: str = "bundled:jaeger"


class MonitoringParameters(ReleaseParameters):
    """Parameters of install-monitoring."""

    release: Name = "monitoring"
    chart: str = "bundled:monitoring"


class InstallGitpod(InstallRelease):
    """The workload itself."""

    summary = "Install or upgrade the release gitpod."
    parameters_model = GitpodParameters


class InstallJaeger(InstallRelease):
    """Tracing."""

    summary = "Install or upgrade the release jaeger."
    parameters_model = JaegerParameters


class InstallMonitoring(InstallRelease):
    """Metrics."""

    summary = "Install or upgrade the release monitoring."
    parameters_model = MonitoringParameters


def _goes_with(context: StepContext) -> StepPlan:
    return StepPlan(f"nothing: it goes with {context.cluster.name}, which the run made", Change.NONE, subtasks=())


_CRD = "CustomResourceDefinition"
#: What a chart of the project's own begins with.
_BUNDLED = "bundled:"


@lru_cache(maxsize=256)
def _rendered(program: Path, chart: Chart, release: str, namespace: str, values: str) -> str:
    """A chart rendered offline; checks, plan and preflight of one release ask for the same."""
    from ws_deployment.clients.helm import Helm  # noqa: PLC0415  loads asyncio

    return Helm(program).template(release, chart, json.loads(values), namespace=namespace)


def _left(context: StepContext) -> float:
    """Seconds until the task's deadline, at least one."""
    return max(context.deadline - time.monotonic(), 1.0)


def _helm(context: StepContext, kubeconfig: Path | None = None) -> Helm:
    from ws_deployment.clients.helm import Helm  # noqa: PLC0415  loads asyncio
    from ws_deployment.tools.find import find  # noqa: PLC0415  loaded when used

    found = find("helm")
    if found is None:
        raise MissingToolError("finding", on="helm", why="helm 4 is not here", remedy="Install Helm 4 from helm.sh.")
    return Helm(
        found.path,
        kubeconfig,
        context.cluster.context if kubeconfig else None,
        log=None if context.dry_run else context.output,
        cancelled=context.cancelled,
    )


def _kube(context: StepContext) -> Any:
    from ws_deployment.clients.kube import connect  # noqa: PLC0415  heavy

    return connect(context.kubeconfig(), context.cluster.context)


def _reachable(context: StepContext) -> Verdict:
    return Verdict.proceed(_kube(context).version())


def _read_values(path: Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415  loaded when used

    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise UsageError("reading values", on=str(path), why=why, remedy="Check valuesFiles.") from error
    if read is None:
        return {}
    if not isinstance(read, dict):
        raise UsageError("reading values", on=str(path), why="it holds no mapping", remedy="Check valuesFiles.")
    return read


def _nested(path: str, value: str) -> dict[str, Any]:
    """`{"a": {"b": value}}` for `a.b`."""
    tree: Any = value
    for key in reversed(path.split(".")):
        tree = {key: tree}
    nested: dict[str, Any] = tree
    return nested
