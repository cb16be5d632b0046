"""Rules of a config that need what is installed: steps and cluster types by name, and the steps' own parameters.

Only what the config names is imported: a config without a pipeline costs nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from ws_deployment.config.document import Document
from ws_deployment.config.faults import Fault, KeyPath
from ws_deployment.config.suggest import did_you_mean
from ws_deployment.config.v1 import ConfigV1
from ws_deployment.errors import UsageError

#: Types that are always installed: looking the others up costs a walk over all installed packages.
_BUILT_IN_TYPES = {"gke", "local", "existing", "command"}


def check_plugins(config: ConfigV1, document: Document) -> Iterator[Fault]:
    """What in `config` names nothing installed, and step parameters that their step refuses."""
    yield from _types(config, document)
    yield from _steps(config, document)


def _types(config: ConfigV1, document: Document) -> Iterator[Fault]:
    places: list[tuple[KeyPath, str | None]] = [
        (("defaults", "workspaceCluster"), config.defaults.workspace_cluster.type)
    ]
    places += [(("workspaceClusters", i), cluster.type) for i, cluster in enumerate(config.workspace_clusters)]
    places += [(("metaClusters", i), meta.type) for i, meta in enumerate(config.meta_clusters)]
    for path, name in places:
        if name is None or name in _BUILT_IN_TYPES:
            continue
        from ws_deployment.engine import plugins  # noqa: PLC0415  only for a type that is not built in

        installed = plugins.installed(plugins.CLUSTER_TYPES)
        if name not in installed:
            remedy = did_you_mean(name, installed, what="installed")
            yield document.fault((*path, "type"), f"no cluster type `{name}` is installed", remedy)


def _steps(config: ConfigV1, document: Document) -> Iterator[Fault]:
    if "pipeline" not in config.model_fields_set:
        return  # the default pipeline is built in, and its steps need no parameters
    from ws_deployment.config.model_faults import faults_of  # noqa: PLC0415  only for a pipeline of one's own
    from ws_deployment.engine import plugins  # noqa: PLC0415  as above

    for index, step in enumerate(config.pipeline):
        path: KeyPath = ("pipeline", index)
        if step.step not in plugins.installed(plugins.STEPS):
            remedy = did_you_mean(step.step, plugins.installed(plugins.STEPS), what="installed")
            yield document.fault((*path, "step"), f"no step `{step.step}` is installed", remedy)
            continue
        try:
            model = plugins.step(step.step).parameters_model
            model.model_validate(step.parameters)
        except ValidationError as error:
            yield from faults_of(error, document, (*path, "with"), model)
        except UsageError as error:
            yield document.fault((*path, "step"), error.why, error.remedy)
