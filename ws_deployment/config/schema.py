"""The JSON Schema (draft 2020-12) of a config: what editors complete and check from. The loader judges more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from ws_deployment.config.extends import EXTENDS
from ws_deployment.config.versions import MODELS, NEWEST

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_VARIABLE = "EnvironmentVariable"
#: Keys whose presence makes a value more than a text of any kind, for which `${env:NAME}` must be allowed apart.
_NARROW = {"pattern", "enum", "const", "minLength", "maxLength"}
_STEP = "PipelineStep"


def json_schema(step_parameters: Mapping[str, type[BaseModel]], version: str = NEWEST) -> dict[str, Any]:
    """The schema of that `version` of the config.

    `step_parameters` are the installed steps by name, with the model of what each takes under `with:`; other steps
    are then no valid ones. Values of any type may be written as `${env:NAME}`.
    """
    schema = MODELS[version].model_json_schema(by_alias=True)
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    if step_parameters:
        _with_steps(definitions, step_parameters)
    schema = _with_variables(schema)
    schema["$defs"][_VARIABLE] = {
        "type": "string",
        "pattern": r"\$\{env:[A-Za-z_][A-Za-z0-9_]*(:-.*)?\}",
        "description": "The value of an environment variable: ${env:NAME} or ${env:NAME:-default}.",
    }
    schema["properties"] = {EXTENDS: _extends(), **schema["properties"], "version": {"const": version}}
    # What a config extends may hold what is required.
    required = schema.pop("required")
    return {
        "$schema": DIALECT,
        **schema,
        "title": f"ws-deployment config {version}",
        "required": ["version"],
        "anyOf": [{"required": [EXTENDS]}, {"required": required}],
    }


def _extends() -> dict[str, Any]:
    path = {"type": "string", "minLength": 1}
    return {
        "description": "Configs that this one stands on, relative to this file; later ones win over earlier ones.",
        "anyOf": [path, {"type": "array", "items": path}],
    }


def _with_steps(definitions: dict[str, Any], step_parameters: Mapping[str, type[BaseModel]]) -> None:
    """Know the steps by name, and for each what `with:` takes."""
    names = {"enum": sorted(step_parameters)}
    text, whole = definitions[_STEP]["anyOf"]
    step = _resolved(definitions, whole)
    step["properties"]["step"] = names | {"description": step["properties"]["step"]["description"]}
    step["allOf"] = [_with_one(definitions, name, model) for name, model in sorted(step_parameters.items())]
    definitions[_STEP]["anyOf"] = [names | {"description": text.get("description", "")}, whole]


def _with_one(definitions: dict[str, Any], name: str, model: type[BaseModel]) -> dict[str, Any]:
    template = f"#/$defs/{name}.{{model}}"
    parameters = model.model_json_schema(by_alias=True, ref_template=template)
    own = parameters.pop("$defs", {})
    definitions |= {f"{name}.{key}": definition for key, definition in own.items()}
    definitions[name] = parameters
    then: dict[str, Any] = {"properties": {"with": {"$ref": f"#/$defs/{name}"}}}
    if parameters.get("required"):
        then["required"] = ["with"]
    return {"if": {"properties": {"step": {"const": name}}, "required": ["step"]}, "then": then}


def _resolved(definitions: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    reference = schema.get("$ref")
    found: dict[str, Any] = definitions[reference.rpartition("/")[2]] if reference else schema
    return found


def _with_variables(schema: Any) -> Any:
    """Allow `${env:NAME}` where a scalar is wanted."""
    if not isinstance(schema, dict):
        return schema
    if _is_narrow_scalar(schema):
        told = {key: schema[key] for key in ("description", "title", "default") if key in schema}
        rest = {key: value for key, value in schema.items() if key not in told}
        return {"anyOf": [rest, {"$ref": f"#/$defs/{_VARIABLE}"}], **told}
    return {key: _below(key, value) for key, value in schema.items()}


def _below(key: str, value: Any) -> Any:
    """The schemas under a keyword of a schema, by the keywords that hold some."""
    if key in {"properties", "$defs"}:
        return {name: _with_variables(one) for name, one in value.items()}
    if key in {"anyOf", "oneOf", "allOf", "prefixItems"}:
        return [_with_variables(one) for one in value]
    return _with_variables(value) if key in {"items", "additionalProperties", "then"} else value


def _is_narrow_scalar(schema: dict[str, Any]) -> bool:
    kind = schema.get("type")
    if kind in {"integer", "number", "boolean"}:
        return True
    return (kind in {"string", None}) and bool(_NARROW & schema.keys()) and not ({"properties", "$ref"} & schema.keys())
