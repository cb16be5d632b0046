"""One file of a release as it was read: judged by itself, not beside the others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ws_deployment.config.faults import Fault
from ws_deployment.config.located import Located
from ws_deployment.config.model_faults import faults_of
from ws_deployment.config.reader import Kind, parse
from ws_deployment.config.suggest import nearest, quoted
from ws_deployment.config.tree import plain
from ws_deployment.releases.model import API_VERSION, MODELS, File

_KIND = Kind(
    "Write a `kind: Release`, a `kind: ResourceDefaults` or a `kind: MutableFields` into it, or remove it.",
    f"Begin with `apiVersion: {API_VERSION}` and `kind: …`; see configs/releases for examples.",
)


@dataclass(frozen=True, kw_only=True)
class ReadFile(Located):
    """One file: its model, None where it has faults."""

    model: File | None = None


def read(path: Path, data: bytes) -> tuple[ReadFile, list[Fault]]:
    """The file at `path`, which holds `data`, and its faults."""
    parsed = parse(path, data, _KIND)
    file = ReadFile(path=path, root=parsed.root)
    if parsed.root is None or parsed.faults:
        return file, parsed.faults
    values = plain(parsed.root)
    kind = values.get("kind")
    if kind not in MODELS:
        near = nearest(str(kind), MODELS)
        message = f"there is no `kind: {kind}` of release files" if "kind" in values else "`kind` is missing"
        remedy = f"Did you mean `{near}`?" if near else f"It is one of {quoted(MODELS)}."
        return file, [file.fault(("kind",), message, remedy)]
    try:
        model = MODELS[kind].model_validate(values)
    except ValidationError as error:
        return file, faults_of(error, file, model=MODELS[kind])
    return ReadFile(path=path, root=parsed.root, model=model), []
