"""An upgrade by a reviewed diff, on a management cluster of the lab with Cluster API's own CRDs.

`make demo-upgrade` runs it. It uses the program as anybody would; its releases and clusters are those of
configs/releases.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.cluster_api import apply_as_user, crds, install

from ws_deployment.clients.kube import Kube
from ws_deployment.lab import meta_kubernetes

RELEASES = Path(__file__).parents[1] / "releases"
PROGRAM = [sys.executable, "-m", "ws_deployment.cli.main"]
#: What ends with this has changes to make.
CHANGES = 2
REFUSED = 3
#: Seconds ahead that the demo schedules: enough to see it announced.
_SOON = 10


def main() -> int:
    """Run it; 0 when all went as it should."""
    management = meta_kubernetes.ensure("demo-upgrade", on_progress=lambda line: print(line, file=sys.stderr))
    kube = Kube(management.kubeconfig)
    install(kube, crds())
    fresh(kube)
    with tempfile.TemporaryDirectory() as folder:
        plan = str(Path(folder, "plan"))
        told = {"KUBECONFIG": str(management.kubeconfig), "WS_DEPLOYMENT_RELEASES": str(RELEASES)}
        os.environ.update(told)
        print("\n".join(f"export {name}={value}" for name, value in told.items()))
        run("release", "validate", str(RELEASES))
        run("release", "list")
        run("upgrade", "plan", "clusters/alpha", "--to", "20.1.0", "--out", plan, "--detailed-exitcode", ends=CHANGES)
        run("upgrade", "show-plan", plan, "--format", "markdown")
        run("upgrade", "apply", plan)
        run("upgrade", "plan", "clusters/alpha", "--to", "20.1.0")
        run("upgrade", "plan", "clusters/beta", "--to", "21.0.0", ends=REFUSED)
        run("release", "check", "--all")
        commit(Path(folder))
        schedule(Path(folder))
    print("\nThe management cluster stays, for a look; `make demo-clean` removes it.")
    return 0


def commit(folder: Path) -> None:
    """Write the upgrade of the one that Flux writes into the git repository that it reads, as a branch for a review."""
    plan, origin = str(folder / "delta"), folder / "clusters.git"
    git("init", "--quiet", "--bare", "--initial-branch=main", str(origin))
    git("clone", "--quiet", str(origin), str(folder / "clusters"))
    shutil.copytree(RELEASES / "clusters", folder / "clusters", dirs_exist_ok=True)
    for words in (
        ["add", "."],
        ["commit", "--quiet", "-m", "The clusters"],
        ["push", "--quiet", "origin", "HEAD:main"],
    ):
        git("-C", str(folder / "clusters"), *words)
    run("upgrade", "plan", "clusters/delta", "--to", "20.1.0", "--out", plan, "--format", "json", quiet=True)
    run("upgrade", "apply", plan, ends=REFUSED)
    where = ["--repo", str(origin), "--branch", "upgrade/delta-20.1.0"]
    run("upgrade", "commit", plan, *where, "--dry-run")
    run("upgrade", "commit", plan, *where)


def schedule(folder: Path) -> None:
    """Have the upgrade of another one carried out at its time, here in a few seconds."""
    plan = str(folder / "beta")
    run("upgrade", "plan", "clusters/beta", "--to", "20.1.0", "--out", plan, "--format", "json", quiet=True)
    os.environ["XDG_STATE_HOME"] = str(folder / "state")
    soon = datetime.now(UTC) + timedelta(seconds=_SOON)
    run("upgrade", "schedule", plan, "--at", soon.isoformat(timespec="seconds"))
    run("upgrade", "due")
    time.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds()) + 1.0)
    run("upgrade", "due")
    run("upgrade", "status")


def git(*words: str) -> None:
    """One call of git, under a name of its own."""
    name = ["-c", "user.name=demo", "-c", "user.email=demo@localhost"]
    subprocess.run(["git", *name, *words], check=True)


def fresh(kube: Kube) -> None:
    """The five clusters as the examples have them, whatever an earlier demo has made of them."""
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "clusters"}}
    kube.apply(space)
    kinds = [(crd["spec"]["group"], crd["spec"]["names"]["kind"]) for crd in crds()]
    for group, kind in kinds:
        for one in kube.list(f"{group}/v1beta2", kind, "clusters"):
            kube.delete(f"{group}/v1beta2", kind, one["metadata"]["name"], "clusters")
    for file in sorted((RELEASES / "clusters").glob("*.yaml")):
        apply_as_user(kube, file.read_text(encoding="utf-8"))


def run(*words: str, ends: int = 0, quiet: bool = False) -> None:
    """One command of the program, told before; anything but the expected end ends the demo."""
    print(f"\n$ ws-deployment {' '.join(words)}", flush=True)
    code = subprocess.run([*PROGRAM, *words], check=False, stdout=subprocess.DEVNULL if quiet else None).returncode
    if code != ends:
        sys.exit(f"demo: it ended with {code}, not with {ends}")


if __name__ == "__main__":
    sys.exit(main())
