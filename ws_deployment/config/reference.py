"""Writes docs/config-reference.md from the models: `python -m ws_deployment.config.reference`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from ws_deployment.config.model import PATTERNS
from ws_deployment.config.versions import MODELS, NEWEST

_INTRODUCTION = """\
# Config reference, {version}

Written from the models by `make docs`; do not edit it by hand.

The config is one YAML document. `ws-deployment validate` tells all its faults at once, each with its place and a
remedy; `ws-deployment schema` prints its JSON Schema for editors. It is read from `--config`, else from the path in
`WS_DEPLOYMENT_CONFIG`, else from `$HOME/ws-deployment.yaml`.

## What holds everywhere

- **Unknown keys** are faults, and so are keys that are given twice.
- **Paths** are relative to the file that they are written in, those under a step's `with` to the config that is run;
  `~` is the home folder.
- **Names** are lower-case letters, digits and dashes, a letter first (prefixes: no dash, a letter last).
- **Durations** are written like `90s`, `15m` or `1h30m`, or as a number of seconds.
- **Variables**: `${{env:NAME}}` in a value is replaced by the environment variable, `${{env:NAME:-default}}` by the
  default where it is not set. One that is not set and has no default is a fault. `$${{env:` stands for itself. No other
  use of `$` has a meaning here.
- **Secrets** never stand in a config. Where one is needed the config refers to it: `{{file: PATH}}` or
  `{{variable: NAME}}`. What looks like a secret under `terraform.variables`, `terraform.backend` or a step's `with`
  is a fault.
- **Texts that YAML reads as something else** (`no`, `1.10`) have to be quoted.
- **Anchors, aliases and `<<`** work, within one file.

## extends

`extends: base.yaml`, or a list of files, puts the config on top of others; paths are relative to the file that
extends. Each file may extend more. `ws-deployment config render --origins` shows what comes of it, and from where.

- Mappings are merged key by key.
- Lists are replaced, except `workspaceClusters`, merged by `prefix`, and `metaClusters`, merged by `name`: an item
  that both have is merged, a new one is added at the end.
- A key without a value (`network:`) takes the base's value away.
- Later files of the list win over earlier ones, the file itself over all.
"""


_DURATION = "duration"


def reference(version: str = NEWEST) -> str:
    """The reference of that `version` as Markdown."""
    schema = MODELS[version].model_json_schema(by_alias=True)
    return _INTRODUCTION.format(version=version) + "".join(_Writer(schema["$defs"]).sections(schema))


class _Writer:
    def __init__(self, definitions: dict[str, Any]) -> None:
        self._definitions = definitions
        self._headings: dict[str, str] = {}

    def sections(self, root: dict[str, Any]) -> Iterator[str]:
        """A section for each mapping, in the order in which they are met."""
        waiting = [("The document", "", root)]
        while waiting:
            heading, prefix, schema = waiting.pop(0)
            below = []
            rows = []
            for key, field in schema["properties"].items():
                path = f"{prefix}{key}"
                for name, suffix in self._models(field):
                    if name not in self._headings:
                        self._headings[name] = path + suffix
                        below.append((path + suffix, f"{path}{suffix}.", self._whole(name)))
                rows.append(self._row(key, field, required=key in schema.get("required", [])))
            waiting = below + waiting
            yield f"\n## {heading}\n\n{_one_line(schema.get('description', ''))}\n\n"
            yield "| key | value | default | meaning |\n|---|---|---|---|\n"
            yield from rows

    def _row(self, key: str, field: dict[str, Any], *, required: bool) -> str:
        default = "**required**" if required else self._default(field)
        meaning = _one_line(field.get("description") or self._described(field))
        return f"| `{key}` | {self._kind(field)} | {default} | {meaning} |\n"

    def _described(self, field: dict[str, Any]) -> str:
        """What the value's own model says, for a field that says nothing."""
        for name, _ in self._models(field):
            return str(self._definitions[name].get("description", "") or self._whole(name).get("description", ""))
        return ""

    def _default(self, field: dict[str, Any]) -> str:
        default = field.get("default")
        if default in (None, [], {}):
            return ""
        if isinstance(default, dict) or (isinstance(default, list) and isinstance(default[0], dict)):
            return ""
        if self._kind(field) == _DURATION:
            return f"`{default:g}s`"
        return "`" + json.dumps(default).replace('"', "") + "`"

    def _models(self, schema: dict[str, Any], suffix: str = "") -> Iterator[tuple[str, str]]:
        """The names of the mappings that a value may be or hold, and how their path goes on."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            yield name, suffix
        for one in schema.get("anyOf", ()):
            yield from self._models(one, suffix)
        if isinstance(schema.get("items"), dict):
            yield from self._models(schema["items"], f"{suffix}[]")
        if isinstance(schema.get("additionalProperties"), dict):
            yield from self._models(schema["additionalProperties"], f"{suffix}.NAME")

    def _whole(self, name: str) -> dict[str, Any]:
        """The mapping's own schema; a definition that allows a text as well holds it as the other choice."""
        schema: dict[str, Any] = self._definitions[name]
        for one in schema.get("anyOf", ()):
            if "$ref" in one:
                return self._whole(one["$ref"].rpartition("/")[2])
            if "properties" in one:
                return dict(one)
        return schema

    def _kind(self, schema: dict[str, Any]) -> str:
        if "$ref" in schema:
            return self._linked(schema["$ref"].rpartition("/")[2])
        if "anyOf" in schema:
            kinds = [self._kind(one) for one in schema["anyOf"] if one.get("type") != "null"]
            return _DURATION if kinds[0] == "number" else " or ".join(dict.fromkeys(kinds))
        if "enum" in schema or "const" in schema:
            return " \\| ".join(f"`{one}`" for one in schema.get("enum", [schema.get("const")]))
        return self._typed(schema)

    def _typed(self, schema: dict[str, Any]) -> str:
        kind = schema.get("type", "anything")
        if schema.get("pattern") in PATTERNS:
            return "name"
        if "format" in schema:
            return str(schema["format"])
        if kind == "array":
            return f"list of {self._kind(schema['items'])}"
        if kind == "object":
            values = schema.get("additionalProperties")
            return f"mapping to {self._kind(values)}" if isinstance(values, dict) else "mapping"
        words = {"string": "text", "integer": "whole number", "boolean": "`true` \\| `false`"}
        bounds = f", {schema['minimum']} to {schema['maximum']}" if "maximum" in schema else ""
        return words.get(kind, str(kind)) + bounds

    def _linked(self, name: str) -> str:
        heading = self._headings[name]
        anchor = "".join(c for c in heading.lower() if c.isalnum())
        text = f"[{heading}](#{anchor})"
        return f"text or {text}" if "anyOf" in self._definitions[name] else text


def _one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    sys.stdout.write(reference())
