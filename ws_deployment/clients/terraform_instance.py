"""A root module made from a config: it calls one module with given inputs and passes the module's outputs on.

Nothing is run here. The instance holds a copy of the module, so that what was made from it can still be destroyed when
the source has long changed.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ws_deployment.errors import UsageError
from ws_deployment.tools.files import write_json

#: Where the backend's settings stand in the instance; they may hold secrets, so they are no part of main.tf.json.
BACKEND_FILE = "backend.tfbackend.json"

_MODULE = "cluster"
_COPY = "module"
_PARENT_SOURCE = re.compile(r'^\s*source\s*=\s*"\.\./', re.MULTILINE)
_OUTPUT = re.compile(r'^\s*output\s+"([^"]+)"\s*\{', re.MULTILINE)
_COMMENT = re.compile(r"^\s*(?:#|//).*$", re.MULTILINE)
_SENSITIVE = re.compile(r"^\s*sensitive\s*=\s*true\b", re.MULTILINE)
#: What Terraform would read as a template inside a JSON string.
_TEMPLATE = re.compile(r"([$%])(?=\{)")


def write_instance(
    folder: Path,
    source: Path,
    variables: Mapping[str, Any],
    *,
    secrets: Mapping[str, str] | None = None,
    backend: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, str]:
    """Write a root module into `folder` (made 0700) that calls the module in the folder `source`.

    `variables` are the module's inputs. `secrets` are inputs too, but no file gets their values: they are declared as
    sensitive variables, and what is returned is the environment (`TF_VAR_…`) that hands them to Terraform.
    `backend` is one backend block, `{type: {setting: value}}`; without it the state is a file in `folder`.
    Writing over an instance of the same folder keeps its state.

    Raises UsageError if `source` holds no Terraform module.
    """
    secrets = secrets or {}
    outputs = dict(_outputs(source))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    root: dict[str, Any] = {
        "module": {
            _MODULE: {
                "source": _place(source, folder),
                **{name: _literal(value) for name, value in variables.items()},
                **{name: f"${{var.{name}}}" for name in secrets},
            }
        },
        "output": {name: _passed_on(name, sensitive) for name, sensitive in sorted(outputs.items())},
        "variable": {name: {"type": "string", "sensitive": True} for name in secrets},
    }
    if backend:
        kind, settings = next(iter(backend.items()))
        root["terraform"] = {"backend": {kind: {}}}
        write_json(folder / BACKEND_FILE, settings)
    write_json(folder / "main.tf.json", {key: value for key, value in root.items() if value})
    return {f"TF_VAR_{name}": value for name, value in secrets.items()}


def _outputs(source: Path) -> Iterator[tuple[str, bool]]:
    """Names of the module's outputs, and whether each is sensitive."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(source.glob("*.tf"))]
    trees = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(source.glob("*.tf.json"))]
    if not texts and not trees:
        raise UsageError(
            "reading the Terraform module",
            on=str(source),
            why="there is no .tf file in it",
            remedy="Let terraform.source name the folder of a module (git::URL//folder?ref=REF, or a path).",
        )
    for text in (_COMMENT.sub("", text) for text in texts):
        for match in _OUTPUT.finditer(text):
            yield match[1], _SENSITIVE.search(_block(text, match.end())) is not None
    for tree in trees:
        for name, block in tree.get("output", {}).items():
            yield name, bool(block.get("sensitive"))


def _block(text: str, start: int) -> str:
    """The text of a block whose opening brace ends at `start`, up to the brace that closes it."""
    depth = 1
    for offset, character in enumerate(text[start:]):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if not depth:
            return text[start : start + offset]
    return text[start:]


def _place(source: Path, folder: Path) -> str:
    """Copy the module into the instance; one that calls modules beside itself can only be used where it stands."""
    if any(_PARENT_SOURCE.search(path.read_text(encoding="utf-8")) for path in source.rglob("*.tf")):
        return str(source.resolve())
    copy = folder / _COPY
    if copy.resolve() != source.resolve():
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source, copy, ignore=shutil.ignore_patterns(".terraform", "*.tfstate*", ".git"))
    # The lock file belongs to the root module; the module's pins the providers that it was tested with.
    lock = source / ".terraform.lock.hcl"
    if lock.exists() and not (folder / lock.name).exists():
        shutil.copyfile(lock, folder / lock.name)
    return f"./{_COPY}"


def _passed_on(name: str, sensitive: bool) -> dict[str, Any]:
    output: dict[str, Any] = {"value": f"${{module.{_MODULE}.{name}}}"}
    return output | {"sensitive": True} if sensitive else output


def _literal(value: Any) -> Any:
    """`value` so that Terraform reads the very same: its templates in strings are escaped."""
    match value:
        case str():
            return _TEMPLATE.sub(r"\1\1", value)
        case Mapping():
            return {_literal(key): _literal(item) for key, item in value.items()}
        case list() | tuple():
            return [_literal(item) for item in value]
        case _:
            return value
