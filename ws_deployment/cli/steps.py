"""`steps list` and `steps show`: what is installed, with parameters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ws_deployment.errors import UsageError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)

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
    print(f"  one task a {step.scope}; from {entry.dist.name if entry.dist else 'unknown'} ({entry.value})")
    if not model.model_fields:
        print("  It takes no parameters.")
        return
    print("  with:")
    for key, field in model.model_fields.items():
        print(f"    {field.alias or key}: {_type(field)}{_default(field)}")
        if field.description:
            print(f"      {field.description}")


def _type(field: FieldInfo) -> str:
    annotation: Any = field.annotation
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _default(field: FieldInfo) -> str:
    return " (required)" if field.is_required() else f" = {field.get_default(call_default_factory=True)!r}"
