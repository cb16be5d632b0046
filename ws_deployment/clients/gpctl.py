"""Drives the team's own `gpctl`, for those who must reach the bridge by it. Same calls as the native client.

gpctl has no flag for context or namespace and takes a fixed local port, so each call gets a private kubeconfig that
says both, and calls on this machine take turns.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from ws_deployment.clients.bridge import errors
from ws_deployment.clients.bridge.model import (
    Api,
    ClusterState,
    ClusterStatus,
    Preferability,
    Registration,
    TlsMaterial,
)
from ws_deployment.errors import TransientError, UsageError, WsDeploymentError
from ws_deployment.tools.files import write_private
from ws_deployment.tools.folders import cache_home
from ws_deployment.tools.lock import locked
from ws_deployment.tools.process import Cancelled, Completed, run

#: Port on this machine that every gpctl forwards through.
LOCAL_PORT = 30303
_PREFERABILITY = {
    Preferability.NONE: "none",
    Preferability.PREFER: "prefer",
    Preferability.DONT_SCHEDULE: "dontschedule",
}
_RPC_ERROR = re.compile(r"rpc error: code = (\w+) desc = ([^\n]*?)(?:\"[,}]|$)", re.MULTILINE)
#: What gpctl says when it can't come through to the bridge, which may pass.
_NO_WAY = re.compile(
    r"cannot connect|unable to listen|address already in use|connection refused|no route|timeout", re.IGNORECASE
)


class Gpctl:
    """gpctl for the bridge that runs in `namespace` of a kubeconfig's context (None: its current one).

    `timeout` is in seconds a call. Raises what the native client raises, and MissingToolError without the program.
    """

    def __init__(
        self,
        kubeconfig: Path | None = None,
        context: str | None = None,
        namespace: str | None = None,
        *,
        program: str = "gpctl",
        api: Api | str = Api.Y2026,
        timeout: float = 60.0,
        cancelled: Cancelled | None = None,
    ) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._namespace = namespace
        self._program = program
        self._api = Api(api)
        self._timeout = timeout
        self._cancelled = cancelled

    def list(self) -> list[ClusterStatus]:
        """All registered clusters; their admission constraints are not told."""
        done = self._call("listing clusters by", self._program, ["list", "-o", "json"])
        try:
            return [_status(each) for each in json.loads(done.stdout or "{}").get("status") or ()]
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise WsDeploymentError(
                "reading the list of",
                on=self._program,
                why=f"its output is not the JSON that it should be ({error})",
                remedy="Use the native client: `via: bridge`.",
            ) from error

    def register(self, registration: Registration) -> None:
        """Make a cluster known. List first: an older server overwrites one of the same name."""
        if registration.region or registration.admission_constraints:
            raise UsageError(
                "registering cluster",
                on=registration.name,
                why="gpctl knows neither regions nor admission constraints",
                remedy="Use the native client: `via: bridge`.",
            )
        with _tls_folder(registration.tls) as folder:
            words = ["register", "--name", registration.name, "--url", registration.url, "--tls-path", str(folder)]
            words.append(f"--hint-cordoned={str(registration.cordoned).lower()}")
            words += ["--hint-preferability", _PREFERABILITY[registration.preferability]]
            if self._api is Api.Y2021:
                words.append(f"--hint-govern={str(registration.govern).lower()}")
            self._call("registering cluster", registration.name, words)

    def set_score(self, name: str, score: int) -> None:
        """Set the weight of `name`."""
        # `--` lets a negative number through.
        self._call(errors.UPDATING, name, ["update", "score", "--name", name, "--", str(score)])

    def set_max_score(self, name: str, max_score: int) -> None:
        """Set the bound at which the score of `name` is clamped."""
        self._call(errors.UPDATING, name, ["update", "max-score", "--name", name, "--", str(max_score)])

    def cordon(self, name: str) -> None:
        """Let no further workspace start on `name`."""
        self._call(errors.UPDATING, name, ["cordon", "--name", name])

    def uncordon(self, name: str) -> None:
        """Let workspaces start on `name` again."""
        self._call(errors.UPDATING, name, ["uncordon", "--name", name])

    def deregister(self, name: str) -> None:
        """Forget `name`, never by force."""
        self._call("deregistering cluster", name, ["deregister", "--name", name])

    def _call(self, attempted: str, on: str, words: Sequence[str]) -> Completed:
        with locked(cache_home() / "gpctl.lock"), self._private_kubeconfig() as kubeconfig:
            argv = [self._program, "clusters", "--kubeconfig", str(kubeconfig), *words]
            # Its output is kept in memory alone: `register` prints the TLS key.
            done = run(argv, timeout=self._timeout, cancelled=self._cancelled)
        if done.code:
            raise _failure(attempted, on, done)
        return done

    @contextlib.contextmanager
    def _private_kubeconfig(self) -> Iterator[Path]:
        source = self._kubeconfig or Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
        try:
            told: dict[str, Any] = yaml.safe_load(source.read_text(encoding="utf-8"))
            _choose(told, self._context, self._namespace)
            _make_absolute(told, source.parent)
        except (OSError, yaml.YAMLError, KeyError, TypeError, StopIteration) as error:
            raise UsageError(
                "reading the kubeconfig",
                on=str(source),
                why=f"no context {self._context}" if isinstance(error, StopIteration) else str(error),
                remedy="Set `kubeconfig` and `context` of the meta cluster's bridge to ones that exist.",
            ) from error
        with tempfile.TemporaryDirectory(prefix="gpctl-") as folder:
            path = Path(folder) / "kubeconfig"
            write_private(path, yaml.safe_dump(told))
            yield path


def _failure(attempted: str, on: str, done: Completed) -> WsDeploymentError:
    """What went wrong, from the one line of its output that says so: the rest could hold the key."""
    output = f"{done.stderr}\n{done.stdout}"
    if found := _RPC_ERROR.search(output):
        code = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", found[1]).upper()
        return errors.refusal(attempted, on, code, found[2])
    if found := _NO_WAY.search(output):
        return TransientError(
            attempted,
            on=on,
            why=f"gpctl says: {found[0].lower()}",
            remedy=f"Check that the meta cluster can be reached and that port {LOCAL_PORT} is free here.",
        )
    return errors.BridgeError(
        attempted, on=on, why=f"gpctl ended with exit code {done.code}", remedy="Run gpctl by hand to see why."
    )


def _status(told: dict[str, Any]) -> ClusterStatus:
    """One cluster of the list. Zero values are left out; names may be of either JSON form of a message."""
    state = told.get("state", 0)
    return ClusterStatus(
        name=told["name"],
        url=told.get("url", ""),
        state=ClusterState[state] if isinstance(state, str) else ClusterState(state),
        score=told.get("score", 0),
        max_score=told.get("max_score", told.get("maxScore", 0)),
        governed=told.get("governed", False),
        static=told.get("static", False),
        region=told.get("region", ""),
    )


def _choose(kubeconfig: dict[str, Any], context: str | None, namespace: str | None) -> None:
    name = context or kubeconfig["current-context"]
    chosen = next(each for each in kubeconfig["contexts"] if each["name"] == name)
    kubeconfig["current-context"] = name
    if namespace:
        chosen["context"]["namespace"] = namespace


def _make_absolute(kubeconfig: dict[str, Any], folder: Path) -> None:
    """Relative paths are relative to the kubeconfig that they stand in, and that has moved."""
    holders = [each["cluster"] for each in kubeconfig["clusters"]] + [each["user"] for each in kubeconfig["users"]]
    for holder in holders:
        for key in ("certificate-authority", "client-certificate", "client-key", "tokenFile"):
            if key in holder:
                holder[key] = str((folder / holder[key]).absolute())


@contextlib.contextmanager
def _tls_folder(tls: TlsMaterial) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gpctl-") as folder:
        for name, text in (("ca.crt", tls.ca), ("tls.crt", tls.crt), ("tls.key", tls.key)):
            write_private(Path(folder) / name, text)
        yield Path(folder)
