"""An upgrade by a reviewed diff, on a management cluster of the lab with Cluster API's own CRDs.

`make demo-upgrade` runs it. It uses the program as anybody would; its releases and clusters are those of
configs/releases.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from harness.cluster_api import apply_as_user, crds, install

from ws_deployment.clients.kube import Kube
from ws_deployment.lab import meta_kubernetes

RELEASES = Path(__file__).parents[1] / "releases"
PROGRAM = [sys.executable, "-m", "ws_deployment.cli.main"]
#: What ends with this has changes to make.
CHANGES = 2
REFUSED = 3


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
    print("\nThe management cluster stays, for a look; `make demo-clean` removes it.")
    return 0


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


def run(*words: str, ends: int = 0) -> None:
    """One command of the program, told before; anything but the expected end ends the demo."""
    print(f"\n$ ws-deployment {' '.join(words)}", flush=True)
    code = subprocess.run([*PROGRAM, *words], check=False).returncode
    if code != ends:
        sys.exit(f"demo: it ended with {code}, not with {ends}")


if __name__ == "__main__":
    sys.exit(main())
