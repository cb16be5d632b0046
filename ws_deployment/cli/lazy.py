"""A command group that imports a command's module only when the command is called: `--help` stays instant."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar, NamedTuple

import typer
from typer.core import TyperGroup


class Lazy(NamedTuple):
    """Where a command is, and its line in the help. `target` is `module:attribute`, a Typer app or a function."""

    target: str
    summary: str


class LazyGroup(TyperGroup):
    """A group whose sub-commands are named in `lazy` and imported when called."""

    lazy: ClassVar[dict[str, Lazy]] = {}

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  typer's signature
        """The names, in the order in which they are used in a day."""
        return list(self.lazy)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002  typer's signature
        """Import and give the command."""
        entry = self.lazy.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.target.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
            app.command()(found)
            found = app
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  typer's signature
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.lazy.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Know the names for typer's own did-you-mean without importing their modules."""
        self.commands = dict.fromkeys(self.lazy)  # type: ignore[assignment]  # the names alone are read
        return super().resolve_command(ctx, args)
