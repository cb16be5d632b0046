"""Runs Terraform (or OpenTofu) in one working folder: init, plan to a file, apply that file, outputs, state.

python-terraform builds the command lines and does no more: its blocking call shows no progress and can't be stopped.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ws_deployment.clients.terraform_instance import BACKEND_FILE
from ws_deployment.clients.terraform_plan import PlanSummary, read_plan
from ws_deployment.clients.terraform_stream import Diagnostic, Stream
from ws_deployment.errors import TransientError, WsDeploymentError
from ws_deployment.redaction import redact
from ws_deployment.tools import process
from ws_deployment.tools.lock import locked

#: Seconds that Terraform gets after SIGINT to let providers save what they have made.
_GRACE = 90.0
#: Seconds to wait for another's lock on the state.
_LOCK_TIMEOUT = 60
#: Variables that would change what our commands mean, or would make working folders share data.
_FOREIGN = re.compile(r"TF_(CLI_ARGS.*|DATA_DIR|WORKSPACE|REATTACH_PROVIDERS)$")
_STALE = re.compile(
    r"saved plan is stale|plan file can no longer be applied|can't change variable when applying a saved plan",
    re.IGNORECASE,
)
_HAS_CHANGES = 2


class TerraformError(WsDeploymentError):
    """Terraform failed in a way that the same attempt will fail again. `why` holds its own diagnostics."""


class TransientTerraformError(TransientError):
    """Terraform failed in a way that may pass: a rate limit, a time-out, a state lock, a server's 5xx."""


class StaleTerraformPlanError(TerraformError):
    """The saved plan no longer fits the state: something was applied since it was made."""


@dataclass(frozen=True)
class Output:
    """An output of the root module. A sensitive one does not show its value where it is printed."""

    value: Any
    sensitive: bool

    def __repr__(self) -> str:
        return f"Output({'(sensitive)' if self.sensitive else repr(self.value)})"


@dataclass(frozen=True)
class Terraform:
    """Terraform in one working folder.

    `env` is put over this process's environment; secrets go in by it (`TF_VAR_…`), never by a command line.
    `plugin_cache` is shared by all working folders. `log` gets what Terraform says, for people to read; it is created
    0600. `on_progress` is called with short texts (`creating module.cluster.…`), from another thread.
    `cancelled` stops a child with SIGINT, which lets providers save what they made. `timeout` is in seconds a command.

    Each method raises TerraformError, TransientTerraformError (worth another attempt), CancelledError, or
    MissingToolError.
    """

    program: Path | str
    folder: Path
    env: Mapping[str, str]
    plugin_cache: Path
    log: Path | None = None
    on_progress: Callable[[str], None] | None = None
    cancelled: process.Cancelled | None = None
    timeout: float | None = None

    @property
    def version(self) -> str:
        """Program and version, as `terraform 1.11.4` or `tofu 1.12.6`."""
        return terraform_version(str(self.program))

    def init(self) -> None:
        """Install modules and providers, configure the backend. One at a time a plugin cache: it is not safe for two.

        Rule of the cache: https://developer.hashicorp.com/terraform/cli/config/config-file#provider-plugin-cache
        """
        backend = BACKEND_FILE if (self.folder / BACKEND_FILE).exists() else None
        self.plugin_cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self.plugin_cache / ".lock", cancelled=self.cancelled):
            self._run("init", json=True, input=False, reconfigure=True, backend_config=backend)

    def plan(self, out: Path) -> PlanSummary:
        """Save to `out` (0600) the plan that reaches what the folder's configuration says, and tell what it changes."""
        return self._plan(out)

    def plan_destroy(self, out: Path) -> PlanSummary:
        """Save to `out` (0600) the plan that destroys everything in the state, and tell what it destroys."""
        return self._plan(out, destroy=True)

    def apply(self, plan: Path) -> None:
        """Carry out a saved plan. Raises StaleTerraformPlanError when the state has changed since it was made."""
        self._run("apply", str(plan), json=True, input=False, lock_timeout=f"{_LOCK_TIMEOUT}s")

    def destroy(self) -> PlanSummary:
        """Destroy everything in the state by a saved plan, and tell what was destroyed."""
        plan = self.folder / "destroy.tfplan"
        summary = self.plan_destroy(plan)
        if not summary.empty:
            self.apply(plan)
        plan.unlink(missing_ok=True)
        return summary

    def outputs(self) -> dict[str, Output]:
        """The root module's outputs by name; empty when nothing has been applied."""
        told = json.loads(self._read("output", json=True) or "{}")
        return {name: Output(output["value"], bool(output["sensitive"])) for name, output in told.items()}

    def state_list(self) -> tuple[str, ...]:
        """Addresses of all resources in the state; empty when there is none."""
        try:
            return tuple(self._read("state list").split())
        except TerraformError as error:
            if "No state file was found" in error.why:
                return ()
            raise

    def _plan(self, out: Path, **options: bool) -> PlanSummary:
        self._run(
            "plan",
            out=str(out),
            json=True,
            input=False,
            detailed_exitcode=True,
            lock_timeout=f"{_LOCK_TIMEOUT}s",
            **options,
        )
        return read_plan(json.loads(self._read("show", str(out), json=True)), self.version)

    def _run(self, command: str, *arguments: str, **options: Any) -> None:
        """Run a command that tells its progress; its text goes to the log."""
        with _append(self.log) as log:
            stream = Stream(log, self.on_progress)
            done = self._child(command, arguments, options, on_line=stream.take)
        if done.code not in ({0, _HAS_CHANGES} if command == "plan" else {0}):
            raise self._failed(command, stream.errors())

    def _read(self, command: str, *arguments: str, **options: Any) -> str:
        """Run a command for its standard output, which may hold secrets and so is not logged."""
        done = self._child(command, arguments, options, on_line=None)
        if done.code:
            raise self._failed(command, [Diagnostic("error", redact(" ".join(done.stderr.split())))])
        return done.stdout

    def _child(
        self, command: str, arguments: tuple[str, ...], options: dict[str, Any], on_line: Callable[[str], None] | None
    ) -> process.Completed:
        return process.run(
            _command_line(str(self.program), command, arguments, options),
            cwd=self.folder,
            env=self._environment(),
            timeout=self.timeout,
            cancelled=self.cancelled,
            on_line=on_line,
            umask=0o077,
            stop=signal.SIGINT,
            grace=_GRACE,
        )

    def _environment(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
        if (config := env.get("TF_CLI_CONFIG_FILE")) and not Path(config).exists():
            del env["TF_CLI_CONFIG_FILE"]
        env |= {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}
        env["TF_PLUGIN_CACHE_DIR"] = str(self.plugin_cache.resolve())
        if not (self.folder / ".terraform.lock.hcl").exists():
            # An instance is new for every cluster: without this each would download all providers again to learn
            # their checksums, though the cache holds them. A module's own lock file, where it has one, is obeyed.
            env["TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE"] = "1"
        return env | dict(self.env)

    def _failed(self, command: str, errors: list[Diagnostic]) -> WsDeploymentError:
        attempted = f"{Path(self.program).name} {command}"
        why = "; ".join(str(error) for error in errors) or "it failed without a word"
        remedy = f"Everything that it said is in {self.log}." if self.log else ""
        if _STALE.search(why):
            remedy = "Plan again, review, and apply the new plan."
            return StaleTerraformPlanError(attempted, on=str(self.folder), why=why, remedy=remedy)
        transient = bool(errors) and all(error.transient for error in errors)
        kind = TransientTerraformError if transient else TerraformError
        return kind(attempted, on=str(self.folder), why=why, remedy=remedy)


@functools.cache
def terraform_version(program: str) -> str:
    """Program and version of `program`, as `terraform 1.11.4` or `tofu 1.12.6`; asked once a process.

    Raises MissingToolError if it can't be started, TerraformError if it is something else.
    """
    done = process.run([program, "version"], env=os.environ | {"CHECKPOINT_DISABLE": "1"}, timeout=30)
    if match := re.search(r"^(Terraform|OpenTofu) v(\S+)", done.stdout, re.MULTILINE):
        return f"{'tofu' if match[1] == 'OpenTofu' else 'terraform'} {match[2]}"
    raise TerraformError(
        "asking for the version of",
        on=program,
        why=f"its answer names neither Terraform nor OpenTofu: {(done.stdout or done.stderr)[:200]!r}",
        remedy="Let terraform.program name a terraform or tofu.",
    )


def _command_line(program: str, command: str, arguments: tuple[str, ...], options: dict[str, Any]) -> list[str]:
    import python_terraform  # noqa: PLC0415  only who runs Terraform pays for it

    flags = {"json", "reconfigure", "detailed_exitcode", "destroy"}
    given = {name: python_terraform.IsFlagged if name in flags else value for name, value in options.items()}
    # A folder that can't exist: its constructor reads whatever state it finds, and the state holds secrets.
    builder = python_terraform.Terraform(working_dir=os.devnull, terraform_bin_path=program)
    line: list[str] = builder.generate_cmd_string(command, *arguments, no_color=python_terraform.IsFlagged, **given)
    return line


@contextlib.contextmanager
def _append(log: Path | None) -> Iterator[IO[str] | None]:
    if log is None:
        yield None
        return
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8") as file:
        yield file
