"""alive-test: proves that a cluster works: workloads, a workspace Pod that runs and stops, probes, a command."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from ws_deployment.config.duration import Duration
from ws_deployment.config.model import SecretReference
from ws_deployment.errors import WsDeploymentError
from ws_deployment.fleet.marks import marks
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
from ws_deployment_steps.placeholders import fill

if TYPE_CHECKING:
    from ws_deployment.clients.kube import Kube


#: Seconds that one attempt of a probe may take.
_PROBE_LIMIT = 10.0
#: Label of the test's own Pod, beside the run's marks.
_TESTED = {"component": "workspace"}


class Probe(Parameters):
    """One probe: exactly one of `http`, `tcp` and `grpc`. Placeholders such as `${cluster.url}` are filled in."""

    http: str | None = Field(default=None, description="A URL that must answer with `status`.")
    status: int = Field(default=200, ge=100, le=599, description="Wanted HTTP status.")
    tcp: str | None = Field(
        default=None, pattern=r":(\d+|\$\{.*\})$", description="host:port that must accept a connection."
    )
    grpc: str | None = Field(default=None, description="host:port whose gRPC health must be SERVING.")
    service: str = Field(default="", description="Service that gRPC health is asked for; empty for the whole server.")

    @model_validator(mode="after")
    def _exactly_one(self) -> Probe:
        if sum(one is not None for one in (self.http, self.tcp, self.grpc)) != 1:
            msg = "give exactly one of `http`, `tcp` and `grpc`"
            raise ValueError(msg)
        return self

    def __str__(self) -> str:
        return f"http {self.http}" if self.http else f"tcp {self.tcp}" if self.tcp else f"grpc {self.grpc}"


class WorkspacePod(Parameters):
    """The Pod that stands for a workspace."""

    image: str = Field(default="registry.k8s.io/pause:3.10", description="Image of the Pod.")
    namespace: str = Field(default="default", description="Namespace of the Pod.")
    node_selector: dict[str, str] = Field(
        default={"gitpod.io/workload_workspace_regular": "true"}, description="Nodes that it may run on."
    )


class AliveTestParameters(Parameters):
    """What alive-test takes. All of it must hold within `within`."""

    namespaces: tuple[str, ...] = Field(default=("default",), description="All workloads in these must be ready.")
    workspace: WorkspacePod | None = Field(default=WorkspacePod(), description="null: start no workspace Pod.")
    probes: tuple[Probe, ...] = Field(default=(), description="What must answer.")
    command: tuple[str, ...] = Field(
        default=(), description="The team's own test, such as [go, test, ./...]; KUBECONFIG is the cluster's."
    )
    environment: dict[str, str] = Field(default_factory=dict, description="Variables of the command.")
    secret_environment: dict[str, SecretReference] = Field(
        default_factory=dict, description="Variables of the command that are secret."
    )
    within: Duration = Field(default=300.0, gt=0, description="Time limit of the whole test.")


class AliveTest(IStep[AliveTestParameters]):
    """Prove that the cluster works before anybody is sent to it."""

    summary = "Prove the cluster alive: workloads, a workspace Pod, probes, a command."
    parameters_model = AliveTestParameters

    def pre_runs(self) -> Sequence[IPreRun]:
        """The cluster answers."""
        return (PreRun("cluster", _reachable),)

    def plan(self, context: StepContext) -> StepPlan:
        """What is tested."""
        given = self.parameters
        tests = [f"workloads ready in {', '.join(given.namespaces)}"] if given.namespaces else []
        tests += ["a workspace Pod runs and stops"] if given.workspace else []
        tests += [str(fill(str(probe), context.cluster)) for probe in given.probes]
        tests += [" ".join(given.command)] if given.command else []
        return StepPlan(f"test {context.cluster.short_name}: {'; '.join(tests)}", Change.READ)

    def run(self, context: StepContext, subtask: SubTask) -> Outputs:  # noqa: ARG002  there is one
        """All tests in order; the first that fails ends it."""
        given = self.parameters
        kube = _kube(context)
        end = min(context.deadline, time.monotonic() + given.within)
        for namespace in given.namespaces:
            self._wait(context, f"workloads in {namespace}", _workloads(kube, namespace), end)
        started = time.monotonic()
        if given.workspace:
            self._workspace(context, kube, given.workspace, end)
        seconds = round(time.monotonic() - started, 1)
        for probe in given.probes:
            self._wait(context, str(probe), _probe(probe, context), end)
        if given.command:
            self._command(context, end)
        return {"workspaceSeconds": seconds} if given.workspace else {}

    def plan_rollback(self, context: StepContext, undo: Undo) -> StepPlan:  # noqa: ARG002  its Pods bear the run's mark
        """Remove the workspace Pod of a test that was cut off, if there is one."""
        left = self._left(context)
        if not left:
            return StepPlan("the test has left nothing", Change.NONE, subtasks=())
        return StepPlan(f"remove what the test left: {', '.join(left)}", Change.DESTROY)

    def rollback(self, context: StepContext, subtask: SubTask, undo: Undo) -> None:  # noqa: ARG002  there is one
        """Remove what bears the run's mark, and wait until it is gone."""
        kube = _kube(context)
        for name in self._left(context):
            kube.delete("v1", "Pod", name, self._namespace())
        self._wait(context, "the end of the workspace Pod", lambda: ", ".join(self._left(context)), context.deadline)

    def verify_rollback(self, context: StepContext, undo: Undo) -> None:  # noqa: ARG002  as above
        """Nothing of the test is left."""
        if left := self._left(context):
            raise WsDeploymentError("undoing the test of", on=context.cluster.short_name, why=f"{left[0]} is left")

    def _left(self, context: StepContext) -> list[str]:
        """Names of the run's own Pods; none where there is no cluster any more.

        One that the run made and that does not answer is no reason to stop: its Pods go with it.
        """
        own = marks(context.run_id, context.fleet.name) | _TESTED
        try:
            pods = _kube(context).list("v1", "Pod", self._namespace(), selector=own)
        except NotYetError:
            return []
        except WsDeploymentError as error:
            if not context.cluster.create:
                raise
            context.progress(f"not asked whether a Pod of the test is left: {error.why}")
            return []
        return [pod["metadata"]["name"] for pod in pods]

    def _namespace(self) -> str:
        return self.parameters.workspace.namespace if self.parameters.workspace else "default"

    def _wait(self, context: StepContext, what: str, missing: Callable[[], str], end: float) -> None:
        from ws_deployment.clients.waiting import wait_until_ready  # noqa: PLC0415  loaded when used

        wait_until_ready(
            f"waiting for {what} of",
            missing,
            on=context.cluster.short_name,
            deadline=end,
            cancelled=context.cancelled,
            progress=lambda text: context.progress(f"{what}: {text}"),
        )

    def _workspace(self, context: StepContext, kube: Kube, wanted: WorkspacePod, end: float) -> None:
        name = f"alive-{context.run_id}"
        kube.apply(_pod(name, wanted, context))
        try:
            self._wait(context, "the workspace Pod", lambda: _pod_lacks(kube, name, wanted.namespace), end)
        finally:
            kube.delete("v1", "Pod", name, wanted.namespace)
        self._wait(context, "the end of the workspace Pod", lambda: _pod_left(kube, name, wanted.namespace), end)

    def _command(self, context: StepContext, end: float) -> None:
        from ws_deployment.tools import process  # noqa: PLC0415  loaded when used

        argv = [str(fill(word, context.cluster)) for word in self.parameters.command]
        secrets = {name: context.secret(ref) for name, ref in self.parameters.secret_environment.items()}
        own = {"KUBECONFIG": str(context.kubeconfig()), "WS_DEPLOYMENT_CLUSTER": context.cluster.short_name}
        context.progress(f"running {argv[0]}")
        done = process.run(
            argv,
            cwd=context.config_folder,
            env={**os.environ, **fill(self.parameters.environment, context.cluster), **secrets, **own},
            timeout=max(end - time.monotonic(), 1.0),
            cancelled=context.cancelled,
            log=context.output,
        )
        if done.code:
            tail = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise WsDeploymentError(
                "testing",
                on=context.cluster.short_name,
                why=f"{argv[0]} ended with {done.code}{': ' + tail[0] if tail else ''}",
                remedy=f"Its whole output is in {context.output}.",
            )


def _kube(context: StepContext) -> Kube:
    from ws_deployment.clients.kube import connect  # noqa: PLC0415  heavy

    return connect(context.kubeconfig(), context.cluster.context)


def _reachable(context: StepContext) -> Verdict:
    return Verdict.proceed(_kube(context).version())


def _workloads(kube: Kube, namespace: str) -> Callable[[], str]:
    from ws_deployment.clients.kube_ready import namespace_lacks  # noqa: PLC0415  loaded when used

    return lambda: namespace_lacks(kube, namespace)


def _pod(name: str, wanted: WorkspacePod, context: StepContext) -> dict[str, Any]:
    labels = {"app": "gitpod", "component": "workspace", "workspaceType": "regular", "headless": "false"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": wanted.namespace,
            "labels": {**labels, **marks(context.run_id, context.fleet.name)},
        },
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "nodeSelector": dict(wanted.node_selector),
            "tolerations": [{"operator": "Exists"}],
            "containers": [
                {
                    "name": "workspace",
                    "image": wanted.image,
                    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                }
            ],
        },
    }


def _pod_lacks(kube: Kube, name: str, namespace: str) -> str:
    from ws_deployment.clients.kube_ready import lacks  # noqa: PLC0415  loaded when used

    pod = kube.get("v1", "Pod", name, namespace)
    return lacks(pod) if pod else "it does not exist"


def _pod_left(kube: Kube, name: str, namespace: str) -> str:
    return "it has not stopped" if kube.get("v1", "Pod", name, namespace) else ""


def _probe(probe: Probe, context: StepContext) -> Callable[[], str]:
    """A function that makes one attempt; a failed one is raised as an error that may pass."""
    from ws_deployment.clients import probe as probing  # noqa: PLC0415  loaded when used

    filled = Probe.model_validate(fill(probe.model_dump(exclude_unset=True), context.cluster))

    def attempt() -> str:
        if filled.http is not None:
            probing.probe_http(filled.http, timeout=_PROBE_LIMIT, expect=range(filled.status, filled.status + 1))
        elif filled.tcp is not None:
            host, _, port = filled.tcp.rpartition(":")
            probing.probe_tcp(host, int(port), timeout=_PROBE_LIMIT)
        elif filled.grpc is not None:
            probing.probe_grpc(filled.grpc, timeout=_PROBE_LIMIT, service=filled.service)
        return ""

    return attempt
