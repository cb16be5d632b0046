"""Environment variables as values: `${env:NAME}`, or `${env:NAME:-default}`. `$${env:` stands for the text itself.

Other uses of `$` are left alone: Terraform and Helm have their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ws_deployment.config.faults import Fault, Mark
from ws_deployment.config.suggest import nearest
from ws_deployment.config.tree import MappingNode, Node, ScalarNode, SequenceNode

_REFERENCE = re.compile(r"\$(?P<escape>\$)?\{env:(?P<body>[^}]*)(?P<end>\}?)")
_BODY = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL)


def expand(root: Node, env: Mapping[str, str]) -> list[Fault]:
    """Put the variables of `env` into the texts below `root`, in place; tell those that are not set."""
    faults: list[Fault] = []
    for node in scalars(root):
        if isinstance(node.value, str) and "${env:" in node.value:
            node.value = _expanded(node, node.value, env, faults)
    return faults


def scalars(root: Node) -> Iterator[ScalarNode]:
    """Each scalar below `root` once, in no particular order; shared ones too."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, ScalarNode):
            yield node
        elif isinstance(node, MappingNode):
            waiting += [entry.value for entry in node.entries.values()]
        elif isinstance(node, SequenceNode):
            waiting += node.items


def _expanded(node: ScalarNode, text: str, env: Mapping[str, str], faults: list[Fault]) -> str:
    def value(match: re.Match[str]) -> str:
        if match["escape"]:
            return match[0][1:]
        body = _BODY.fullmatch(match["body"])
        if not match["end"] or not body:
            remedy = "Write `${env:NAME}` or `${env:NAME:-default}`."
            faults.append(_fault(node, match[0], f"`{match[0]}` is no reference to a variable", remedy))
        elif body["name"] in env:
            return env[body["name"]]
        elif body["default"] is not None:
            return body["default"]
        else:
            faults.append(_unset(node, match[0], body["name"], env))
        return match[0]

    return _REFERENCE.sub(value, text)


def _unset(node: ScalarNode, reference: str, name: str, env: Mapping[str, str]) -> Fault:
    near = nearest(name, env)
    remedy = f"Set it, or give a default: `${{env:{name}:-…}}`."
    if near:
        remedy = f"Did you mean `{near}`, which is set? {remedy}"
    return _fault(node, reference, f"the environment variable `{name}` is not set", remedy)


def _fault(node: ScalarNode, reference: str, message: str, remedy: str) -> Fault:
    found = node.source.line(node.line).find(reference, node.column - 1)
    if found < 0:
        return Fault(message, remedy, node.mark, max(1, node.length))
    return Fault(message, remedy, Mark(node.source.path, node.line, found + 1, node.source), len(reference))
