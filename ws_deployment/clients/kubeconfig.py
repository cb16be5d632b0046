"""Takes one context out of the user's kubeconfig: a private file in which nothing else can be reached by mistake.

kubectl does the same with `config view --minify`. Talking to the cluster is kube.py's work.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from ws_deployment.errors import UsageError
from ws_deployment.tools.files import write_private

_DEFAULT = "~/.kube/config"
#: Entries that name a file, relative to the kubeconfig that they stand in.
_FILES = {
    "cluster": ("certificate-authority",),
    "user": ("client-certificate", "client-key", "tokenFile"),
}


def write_one_context(source: Path | None, context: str | None, target: Path) -> None:
    """Write to `target` (0600) the one `context` of the kubeconfig `source`, which becomes its current context.

    Without `source`, $KUBECONFIG or ~/.kube/config is taken; without `context`, the current one. Files that it names
    are named absolutely; a program that mints tokens stays one, so that nothing ages.

    Raises UsageError if there is no such kubeconfig or context.
    """
    asked = f"context {context}" if context else "the current context"
    looked_at: list[str] = []
    for path, tree in _read(source):
        looked_at.append(str(path))
        name = context or tree.get("current-context")
        if name and (found := _named(tree, "contexts", name)):
            write_private(target, json.dumps(_only(tree, path.parent, name, found["context"]), indent=2))
            return
    raise UsageError(
        "looking for",
        on=asked,
        why=f"no kubeconfig has it: {', '.join(looked_at) or source or _DEFAULT}",
        remedy="See `kubectl config get-contexts`; name kubeconfig and context in the config.",
    )


def _read(source: Path | None) -> Iterator[tuple[Path, dict[str, Any]]]:
    listed = os.environ.get("KUBECONFIG", "").split(os.pathsep)
    paths = [source] if source else [Path(one) for one in listed if one] or [Path(_DEFAULT)]
    for path in (one.expanduser() for one in paths):
        try:
            tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError:
            continue
        except yaml.YAMLError as error:
            raise UsageError("reading the kubeconfig", on=str(path), why=f"it is no YAML: {error}") from error
        if isinstance(tree, dict):
            yield path, tree


def _only(tree: dict[str, Any], folder: Path, name: str, context: dict[str, Any]) -> dict[str, Any]:
    parts = {}
    for kind in ("cluster", "user"):
        named = _named(tree, f"{kind}s", context.get(kind, ""))
        if not named:
            raise UsageError("reading", on=f"context {name}", why=f"its {kind} {context.get(kind)!r} is not there")
        parts[f"{kind}s"] = [{"name": named["name"], kind: _absolute(kind, named[kind] or {}, folder)}]
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": name,
        "contexts": [{"name": name, "context": context}],
        **parts,
    }


def _named(tree: dict[str, Any], part: str, name: str) -> dict[str, Any] | None:
    return next((one for one in tree.get(part) or () if one.get("name") == name), None)


def _absolute(kind: str, entry: dict[str, Any], folder: Path) -> dict[str, Any]:
    entry = {key: str(folder.resolve() / value) if key in _FILES[kind] else value for key, value in entry.items()}
    plugin = entry.get("exec")
    if plugin and "/" in plugin.get("command", ""):
        entry["exec"] = {**plugin, "command": str(folder.resolve() / plugin["command"])}
    return entry
