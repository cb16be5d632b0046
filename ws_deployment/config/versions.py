"""Which versions of the config there are, and the model of each. A new version is one entry here."""

from __future__ import annotations

from ws_deployment.config.faults import Fault
from ws_deployment.config.suggest import quoted
from ws_deployment.config.tree import MappingNode, ScalarNode, fault_at, spot
from ws_deployment.config.v1 import ConfigV1

#: The model of each version; the last one is the newest.
MODELS: dict[str, type[ConfigV1]] = {"v1": ConfigV1}
NEWEST = list(MODELS)[-1]


def version_of(root: MappingNode) -> tuple[str | None, Fault | None]:
    """The version that a document is to be read as, and what is wrong with how it tells it.

    A document that tells none is read as the newest, so that the rest can be judged all the same.
    """
    entry = root.entries.get("version")
    if entry is None:
        where = next((one.key for one in root.entries.values()), root)
        remedy = f"Begin with `version: {NEWEST}`."
        return NEWEST, fault_at(where, "`version` is missing", remedy, path=("version",))
    node = entry.value
    if isinstance(node, ScalarNode) and node.value in MODELS:
        return str(node.value), None
    text = node.text if isinstance(node, ScalarNode) else ""
    near = next((known for known in MODELS if text.lower() in (known, known.removeprefix("v"))), None)
    remedy = f"Did you mean `{near}`?" if near else f"This program knows {quoted(MODELS)}; a newer one may know more."
    message = f"there is no version `{text}` of the config" if text else "`version` has to be a plain word"
    return near, fault_at(spot(root, ("version",)), message, remedy, path=("version",))
