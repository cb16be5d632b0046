"""A step of one's own: leaves a greeting in the cluster."""

from pydantic import Field

from ws_deployment.clients.kube import Kube
from ws_deployment.interfaces import IStep, Parameters, StepContext, StepPlan, SubTask


class Greeting(Parameters):
    """What `with:` may say."""

    text: str = Field(default="hello", description="What to say.")


class SayHello(IStep[Greeting]):
    summary = "Leave a greeting in the cluster."
    parameters_model = Greeting

    def plan(self, context: StepContext) -> StepPlan:
        return StepPlan(f"say {self.parameters.text!r} to {context.cluster.short_name}")

    def run(self, context: StepContext, subtask: SubTask) -> dict[str, str]:
        metadata = {"name": "greeting", "namespace": "default"}
        data = {"text": self.parameters.text}
        Kube(context.kubeconfig()).apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
        return data
