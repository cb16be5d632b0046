"""Finds secrets that stand in a config: they belong in files and variables, which a config refers to.

Looked for where anything may be written (module variables, backends, step parameters), and by shape everywhere.
"""

from __future__ import annotations

import re

from ws_deployment.config.faults import Fault, KeyPath
from ws_deployment.config.tree import MappingNode, Node, ScalarNode, SequenceNode, fault_at

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET = {"password", "passwd", "pwd", "passphrase", "token", "secret", "credential", "credentials", "apikey"}
#: What makes the name of a secret of a secret: `existingSecret: gitpod-tls`.
_NAMES_OF_SECRETS = {"existing", "pull", "image", "tls", "kubernetes", "k8s"}
_SECRET_KEYS = {"private", "access", "api", "secret", "encryption", "signing", "master", "account"}
#: Texts that are secrets wherever they stand, by the published shapes of their issuers.
_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bgh[pousr]_[A-Za-z0-9]{30,}|\bglpat-[\w-]{20,}|\bxox[abpr]-[\w-]{10,}"
    r"|\bya29\.[\w-]{20,}|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{35}"
)
#: No text of one of these shapes is shorter, in characters.
_SHORTEST_SHAPE = 12
_IN_URL = re.compile(r"://[^/\s:@]+:[^/\s@]+@")
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9+/=_-]{20,}")
_OPEN = (("terraform", "variables"), ("terraform", "backend"), ("pipeline",))


def find(root: Node) -> list[Fault]:
    """A fault for each secret that stands below `root`; its text is hidden from all excerpts."""
    return [_told(node, path) for path, node in _walk(root, (), set()) if _is_secret(path, node)]


def _walk(node: Node, path: KeyPath, seen: set[int]) -> list[tuple[KeyPath, ScalarNode]]:
    if isinstance(node, ScalarNode):
        return [(path, node)]
    if id(node) in seen:
        return []
    seen.add(id(node))
    below: list[tuple[str | int, Node]] = []
    if isinstance(node, MappingNode):
        below = [(key, entry.value) for key, entry in node.entries.items()]
    elif isinstance(node, SequenceNode):
        below = list(enumerate(node.items))
    return [found for key, value in below for found in _walk(value, (*path, key), seen)]


def _is_secret(path: KeyPath, node: ScalarNode) -> bool:
    text = node.value
    if not isinstance(text, str) or not text.strip():
        return False
    if (len(text) >= _SHORTEST_SHAPE and _SHAPES.search(text)) or ("://" in text and _IN_URL.search(text)):
        return True
    if not _is_open(path):
        return False
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    return _names_secret(key, text) or (path[:1] == ("metaClusters",) and key.lower() == "authorization")


def _is_open(path: KeyPath) -> bool:
    """Whether anything may be written at `path`: where fields are known, a secret one takes a reference alone."""
    if path[:1] == ("metaClusters",):
        return path[2:4] == ("prometheus", "headers") and len(path) == 5  # noqa: PLR2004  a header's value
    if path[:1] == ("pipeline",):
        return len(path) > 3 and path[2] == "with"  # noqa: PLR2004  pipeline, index, with, a parameter
    return any(path[: len(prefix)] == prefix for prefix in _OPEN) and "secretVariables" not in path


def _names_secret(key: str, text: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(key)]
    if not words:
        return False
    last, before = words[-1].removesuffix("s"), set(words[:-1])
    if last in _SECRET or words[-1] in _SECRET:
        return not before & _NAMES_OF_SECRETS
    return last == "key" and bool(before & _SECRET_KEYS or _RANDOM.fullmatch(text))


def _told(node: ScalarNode, path: KeyPath) -> Fault:
    node.source.hide(node.line, node.column, node.length)
    name = str(path[-1]) if path else ""
    for line in range(node.line + 1, node.line + 1 + _lines_below(node)):
        node.source.hide(line, 1, len(node.source.line(line)))
    reference = "{variable: NAME}`, or `{file: PATH}"
    if _IN_URL.search(str(node.value)) and path[:2] != ("terraform", "backend"):
        remedy = "Leave it out of the URL: programs find it in their credential helper or `~/.netrc`."
    elif path[:2] == ("terraform", "variables"):
        remedy = f"Refer to it under `terraform.secretVariables`: `{name}: {reference}`."
    elif path[:2] == ("terraform", "backend"):
        remedy = "Leave it out: Terraform's backends read credentials from the environment."
    else:
        remedy = f"Where a secret is wanted, refer to it: `{reference}`; for workloads keep it in a Secret."
    return fault_at(node, f"a secret stands in the config, under `{name}`", remedy, path=path)


def _lines_below(node: ScalarNode) -> int:
    """Lines after the first that a text over several lines covers."""
    return min(node.text.count("\n") + 1, 200) if "\n" in node.text else 0
