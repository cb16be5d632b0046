"""`steps list` and `steps show`: what is installed, with parameters."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from ws_deployment.errors import UsageError

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)

_SCOPES = {"cluster": "cluster", "meta": "meta cluster", "run": "run"}
_WORDS = {"string": "text", "number": "number", "integer": "whole number", "boolean": "true or false"}
_WORDS |= {"object": "mapping", "null": "null"}

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON only.")]


@app.callback()
def group() -> None:
    """List installed steps and their parameters."""


@app.command("list")
def list_steps(as_json: AsJson = False) -> None:
    """List installed steps, built-in and plugins, with where they come from."""
    from ws_deployment.engine import plugins  # noqa: PLC0415  loads every step

    rows = []
    for name, entry in plugins.installed(plugins.STEPS).items():
        origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist else ""
        try:
            step = plugins.step(name)
        except UsageError as error:
            rows.append({"name": name, "scope": "", "summary": "", "from": origin, "error": error.why})
        else:
            rows.append({"name": name, "scope": step.scope, "summary": step.summary, "from": origin})
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        what = f"broken: {row['error']}" if "error" in row else row["summary"]
        print(f"{row['name']:{width}}  {row['scope']:7}  {what}")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of the step.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON Schema of its parameters.")] = False,
) -> None:
    """Show a step: what it is for, and what its `with:` may say."""
    from ws_deployment.engine import plugins  # noqa: PLC0415  loads the step

    step = plugins.step(name)
    model = step.parameters_model
    if as_json:
        print(json.dumps(model.model_json_schema(by_alias=True), indent=2))
        return
    entry = plugins.installed(plugins.STEPS)[name]
    print(f"{name}: {step.summary}")
    origin = entry.dist.name if entry.dist else "unknown"
    print(f"  one task a {_SCOPES[step.scope]}; from {origin} ({entry.value})")
    if not model.model_fields:
        print("  It takes no parameters.")
        return
    schema = model.model_json_schema(by_alias=True)
    print("  with:")
    for key, told in schema["properties"].items():
        default = f", default {json.dumps(told['default'])}" if "default" in told else ""
        required = " (required)" if key in schema.get("required", ()) else ""
        print(f"    {key}: {_type(told)}{default}{required}")
        if "description" in told:
            print(f"      {told['description']}")


def _type(told: dict[str, Any]) -> str:
    """What a value may be, in words, from its JSON Schema."""
    if "anyOf" in told:
        return " or ".join(dict.fromkeys(_type(each) for each in told["anyOf"]))
    if "$ref" in told:
        return str(told["$ref"]).rpartition("/")[2]
    if told.get("type") == "array":
        return f"list of {_type(told.get('items', {}))}"
    return _WORDS.get(str(told.get("type")), "anything")
