"""`config`: show a config with everything it extends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ws_deployment.cli.config_file import require
from ws_deployment.cli.options import ConfigPath
from ws_deployment.config.tree import ScalarNode
from ws_deployment.config.write import to_yaml

if TYPE_CHECKING:
    from ws_deployment.config.faults import KeyPath

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)


@app.callback()
def group() -> None:
    """Show a config with everything it extends."""


@app.command()
def render(
    config: ConfigPath,
    origins: Annotated[
        bool, typer.Option("--origins", help="Tell behind each value in which file and line it was written.")
    ] = False,
) -> None:
    """Print the config as it is understood: all files joined, variables put in, paths made absolute."""
    model, document = require(config)
    if document.root is None:
        return
    values = model.model_dump(mode="json", by_alias=True)

    def value(path: KeyPath, node: ScalarNode) -> Any:
        understood = _at(values, path)
        return understood if isinstance(understood, str) and isinstance(node.value, str) else node.value

    print(to_yaml(document.root, value, _origin if origins else _nothing), end="")


def _at(values: Any, path: KeyPath) -> Any:
    for key in path:
        if isinstance(values, dict):
            values = values.get(key)
        elif isinstance(values, list) and isinstance(key, int) and key < len(values):
            values = values[key]
        else:
            return None
    return values


def _origin(node: ScalarNode) -> str:
    return f"{node.source.path}:{node.line}"


def _nothing(_: ScalarNode) -> str:
    return ""
