"""Helm releases of one cluster, synchronously: look, render, install or upgrade, go back, remove.

How Helm is executed and its errors told apart: helm_command.py. What would change: helm_diff.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ws_deployment.tools import process

if TYPE_CHECKING:
    from ws_deployment.clients.helm_command import HelmCommand

T = TypeVar("T")

#: Labels that Helm keeps for itself on a release's record.
HELMS_OWN_LABELS = frozenset({"name", "owner", "status", "version", "createdAt", "modifiedAt"})


@dataclass(frozen=True)
class Chart:
    """A chart that was found. `ref` is a folder, an archive, a URL, `oci://…`, or a name in the repository `repo`."""

    ref: str
    name: str
    version: str
    app_version: str = ""
    kube_version: str = ""
    repo: str | None = None


@dataclass(frozen=True)
class Revision:
    """One revision of a release; `status` in Helm's words (deployed, superseded, failed, pending-upgrade …)."""

    release: str
    namespace: str
    number: int
    status: str
    chart: str
    description: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def pending(self) -> bool:
        """Whether an operation is under way, or was killed and never finished."""
        return self.status.startswith("pending-") or self.status == "uninstalling"


@dataclass(frozen=True)
class Helm:
    """Helm for one cluster; with `kubeconfig` None it only renders. All calls block; any thread may call.

    `context` names one of the kubeconfig. `token` goes to Helm by environment. `log` (created 0600) gets the command
    lines and what Helm said, but no manifest. `cancelled` stops Helm, which then leaves the release pending or goes
    back by itself. Raised are the errors of helm_command.py, CancelledError, and MissingToolError.
    """

    program: Path | str
    kubeconfig: Path | None = None
    context: str | None = None
    token: str | None = field(default=None, repr=False)
    log: Path | None = None
    cancelled: process.Cancelled | None = None

    def chart(self, ref: Path | str, *, version: str | None = None, repo: str | None = None) -> Chart:
        """Find a chart and read its metadata. Raises ChartNotFoundError."""
        place = str(Path(ref).resolve()) if Path(ref).exists() else str(ref)
        # Helm takes a folder as it is, whatever version is asked for; reading its file saves a process.
        told = _described(Path(place)) or _now(self._command().show_chart(place, repo=repo, version=version))
        return Chart(
            ref=place,
            name=told["name"],
            version=told["version"],
            app_version=str(told.get("appVersion", "")),
            kube_version=str(told.get("kubeVersion", "")),
            repo=repo,
        )

    def pull(self, chart: Chart, into: Path) -> Path:
        """Download a chart that is not on this machine and unpack it into the folder `into`; returns its folder."""
        into.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = ["--repo", chart.repo] if chart.repo else []
        words = ["pull", chart.ref, "--version", chart.version, "--untar", "--untardir", str(into)]
        _now(self._command().run([*words, *flags]))
        return into / chart.name

    def template(self, release: str, chart: Chart, values: Mapping[str, Any], *, namespace: str) -> str:
        """Render without a cluster: a multi-document YAML text."""
        flags = {"template": ("--include-crds",)}
        words = ["template", release, chart.ref, "--namespace", namespace, "--values", "-", *_found_by(chart)]
        return _now(self._command(flags).run(words, _json(values))).decode()

    def dry_run_server(self, release: str, chart: Chart, values: Mapping[str, Any], *, namespace: str) -> str:
        """Render as an install or upgrade would, with the server's validation and look-ups; changes nothing."""
        return str(self._upgrade(release, chart, values, namespace, {"upgrade": ("--dry-run=server",)})["manifest"])

    def install_or_upgrade(
        self,
        release: str,
        chart: Chart,
        values: Mapping[str, Any],
        *,
        namespace: str,
        timeout: float,
        labels: Mapping[str, str] | None = None,
    ) -> Revision:
        """Install or upgrade to exactly `values` and wait, at most `timeout` seconds, until all is ready.

        A failed upgrade goes back to the revision before by itself; a failed install is removed. `labels` are put on
        the release's record, where `current` finds them. Raises ReleaseNotReadyError, ReleasePendingError, and others.
        """
        flags = [f"--timeout={timeout:.0f}s"]
        if labels:
            flags.append("--labels=" + ",".join(f"{key}={value}" for key, value in sorted(labels.items())))
        told = self._upgrade(
            release, chart, values, namespace, {"upgrade": flags}, limit=timeout, atomic=True, wait=True
        )
        info, of = told["info"], told["chart"]["metadata"] if "chart" in told else {}
        return Revision(
            release,
            told["namespace"],
            int(told["version"]),
            info["status"],
            f"{of.get('name', chart.name)}-{of.get('version', chart.version)}",
            info.get("description", ""),
            dict(labels or {}),
        )

    def current(self, release: str, *, namespace: str) -> Revision | None:
        """The newest revision, with the release's labels; None where there is no such release."""
        from ws_deployment.clients.helm_command import ReleaseNotFoundError  # noqa: PLC0415  loads pyhelm3

        try:
            told = self._json("get", "metadata", release, "--namespace", namespace)
        except ReleaseNotFoundError:
            return None
        labels = {key: value for key, value in told.get("labels", {}).items() if key not in HELMS_OWN_LABELS}
        chart = f"{told['chart']}-{told['version']}"
        return Revision(release, namespace, int(told["revision"]), told["status"], chart, labels=labels)

    def manifest(self, release: str, *, namespace: str) -> str:
        """What the newest revision put into the cluster: a multi-document YAML text. Raises ReleaseNotFoundError."""
        return _now(self._command().run(["get", "manifest", release, "--namespace", namespace])).decode()

    def values(self, release: str, *, namespace: str) -> dict[str, Any]:
        """The values that the newest revision was given. Raises ReleaseNotFoundError."""
        return dict(_now(self._command().get_values(release, namespace=namespace)))

    def history(self, release: str, *, namespace: str) -> tuple[Revision, ...]:
        """All kept revisions, oldest first; empty where there is no such release."""
        from ws_deployment.clients.helm_command import ReleaseNotFoundError  # noqa: PLC0415  loads pyhelm3

        try:
            told = _now(self._command().history(release, namespace=namespace))
        except ReleaseNotFoundError:
            return ()
        return tuple(
            Revision(release, namespace, int(one["revision"]), one["status"], one["chart"], one.get("description", ""))
            for one in told
        )

    def rollback(self, release: str, revision: int, *, namespace: str, timeout: float) -> None:
        """Go back to `revision` and wait, at most `timeout` seconds, until all is ready."""
        command = self._command(limit=timeout)
        _now(command.rollback(release, revision, namespace=namespace, timeout=f"{timeout:.0f}s", wait=True))

    def uninstall(self, release: str, *, namespace: str, timeout: float) -> None:
        """Remove the release, waiting at most `timeout` seconds; one that does not exist is fine."""
        from ws_deployment.clients.helm_command import ReleaseNotFoundError  # noqa: PLC0415  loads pyhelm3

        command = self._command(limit=timeout)
        try:
            _now(command.uninstall(release, namespace=namespace, timeout=f"{timeout:.0f}s", wait=True))
        except ReleaseNotFoundError:
            return

    def recover_pending(self, release: str, *, namespace: str, timeout: float) -> str:
        """Mend a release whose Helm was killed; returns what was done, empty where nothing had to be.

        Goes back to the newest revision that was once good; where there is none, the half-made release is removed.
        """
        current = self.current(release, namespace=namespace)
        if current is None or not current.pending:
            return ""
        good = [
            past.number
            for past in self.history(release, namespace=namespace)
            if past.status in {"deployed", "superseded"} and past.number != current.number
        ]
        if good and current.status != "uninstalling":
            self.rollback(release, max(good), namespace=namespace, timeout=timeout)
            return f"revision {current.number} was left {current.status}; went back to revision {max(good)}"
        self.uninstall(release, namespace=namespace, timeout=timeout)
        return f"revision {current.number} was left {current.status}; removed it"

    def _upgrade(
        self,
        release: str,
        chart: Chart,
        values: Mapping[str, Any],
        namespace: str,
        flags: Mapping[str, Sequence[str]],
        *,
        limit: float = 300.0,
        **options: bool,
    ) -> dict[str, Any]:
        # Without reset_values an empty tree of values silently keeps those of the revision before.
        told: dict[str, Any] = _now(
            self._command(flags, limit=limit).install_or_upgrade(
                release,
                chart.ref,
                dict(values),
                namespace=namespace,
                repo=chart.repo,
                version=chart.version,
                reset_values=True,
                **options,
            )
        )
        return told

    def _json(self, *words: str) -> dict[str, Any]:
        import json  # noqa: PLC0415  loaded when used

        told: dict[str, Any] = json.loads(_now(self._command().run([*words, "--output", "json"])))
        return told

    def _command(self, flags: Mapping[str, Sequence[str]] | None = None, *, limit: float = 300.0) -> HelmCommand:
        from ws_deployment.clients.helm_command import HelmCommand  # noqa: PLC0415  loads pyhelm3

        return HelmCommand(
            str(self.program),
            kubeconfig=self.kubeconfig,
            context=self.context,
            token=self.token,
            timeout=limit,
            log=self.log,
            cancelled=self.cancelled,
            flags=flags or {},
        )


def _described(folder: Path) -> dict[str, Any] | None:
    """What a chart's folder says of itself; None where it is no such folder, or Helm shall say what is wrong."""
    import yaml  # noqa: PLC0415  loaded when used

    try:
        told = yaml.safe_load((folder / "Chart.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return None
    good = isinstance(told, dict) and told.get("name") and isinstance(told.get("version"), str)
    return told if good else None


def _found_by(chart: Chart) -> list[str]:
    return ["--version", chart.version, *(["--repo", chart.repo] if chart.repo else [])]


def _json(values: Mapping[str, Any]) -> bytes:
    import json  # noqa: PLC0415  loaded when used

    return json.dumps(values).encode()


def _now(work: Coroutine[Any, Any, T]) -> T:
    """Run pyhelm3's coroutine to its end on a loop of its own."""
    return asyncio.run(work)
