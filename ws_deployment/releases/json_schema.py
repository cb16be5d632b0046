"""The JSON Schema (draft 2020-12) of the files of releases: what editors complete and check from."""

from __future__ import annotations

from typing import Any

from ws_deployment.releases.model import MODELS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """One schema for all files of a release; `kind` tells which of them one is."""
    definitions: dict[str, Any] = {}
    for kind, model in MODELS.items():
        own = model.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
        definitions |= own.pop("$defs", {})
        definitions[kind] = own
    chosen = [
        {"if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}, "then": {"$ref": f"#/$defs/{kind}"}}
        for kind in MODELS
    ]
    return {
        "$schema": DIALECT,
        "title": "A file of a release of ws-deployment",
        "type": "object",
        "properties": {"kind": {"enum": list(MODELS)}},
        "required": ["apiVersion", "kind"],
        "allOf": chosen,
        "$defs": definitions,
    }
