"""`upgrade plan --all` of many clusters beside as many runs of `kubectl diff` on the same objects, one after the other.

Fewer are shown beside runs that go four at a time, as `xargs -P4` would have them; nothing is promised of these.

`python benches/upgrades.py 100` measures with another number of clusters than 500.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from harness.cluster_api import EXAMPLES, apply_as_user, crds, install
from rows import Row

from ws_deployment.clients.kube import Kube
from ws_deployment.lab import meta_kubernetes
from ws_deployment.tools.provide import find_all

CLUSTERS = 500
FEW = 100
TO = "20.1.0"
AT_ONCE = 4


def rows(count: int = CLUSTERS) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        before = os.environ.get("XDG_STATE_HOME")
        os.environ["XDG_STATE_HOME"] = folder
        try:
            return _measured(Path(folder), count)
        finally:
            meta_kubernetes.delete("bench-upgrades")
            os.environ.pop("XDG_STATE_HOME")
            if before is not None:
                os.environ["XDG_STATE_HOME"] = before


def _measured(folder: Path, count: int) -> list[Row]:
    place = meta_kubernetes.ensure("bench-upgrades")
    kube = Kube(place.kubeconfig)
    install(kube, crds())
    kube = Kube(place.kubeconfig)
    kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "clusters"}})
    texts = [_cluster(number) for number in range(count)]
    few = min(FEW, count)
    _create(kube, texts[:few])
    quick, small = _plans(place.kubeconfig, folder, few)
    _create(kube, texts[few:])
    ours, large = _plans(place.kubeconfig, folder, count)
    theirs = _kubectl(place.kubeconfig, folder, texts, 1)
    abreast = _kubectl(place.kubeconfig, folder, texts[:few], AT_ONCE)
    return [
        Row(f"upgrade plan --all, {count} clusters", ours, f"{count} times kubectl diff", theirs, "s", limit=0.2),
        Row(f"upgrade plan --all, {few} clusters", quick, f"kubectl diff, {AT_ONCE} at a time", abreast, "s"),
        Row(f"most memory, {count} clusters", large, f"{few} clusters", small, "MiB", limit=1.1),
    ]


def _cluster(number: int) -> str:
    """A cluster's objects; one in ten has a decision of its own."""
    text = (EXAMPLES / "clusters" / "alpha.yaml").read_text().replace("alpha", f"c{number}")
    return text if number % 10 else text.replace('value: "30"', f'value: "{number + 31}"')


def _create(kube: Kube, texts: list[str]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda text: apply_as_user(kube, text), texts))


def _plans(kubeconfig: Path, folder: Path, count: int) -> tuple[float, float]:
    """Seconds, and the most memory in MiB."""
    out = folder / "plans"
    argv = [sys.executable, "-m", "ws_deployment.cli.main", "upgrade", "plan", "--all", "--to", TO, "--out", str(out)]
    argv += ["--releases", str(EXAMPLES), "--kubeconfig", str(kubeconfig)]
    started = time.perf_counter()
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    taken = time.perf_counter() - started
    assert status == 0, status
    assert len(out.read_text().splitlines()) == count
    return taken, used.ru_maxrss / 1024


def _kubectl(kubeconfig: Path, folder: Path, texts: list[str], at_once: int) -> float:
    """Seconds for one `kubectl diff` a cluster, of its objects with the next release's Kubernetes version."""
    found, missing = find_all("kubectl")
    assert not missing
    env = os.environ | {"KUBECONFIG": str(kubeconfig), "HOME": str(folder)}
    files = []
    for number, text in enumerate(texts):
        file = folder / f"{number}.yaml"
        file.write_text(text.replace("v1.32.9", "v1.33.5"))
        files.append(file)

    def diff(file: Path) -> None:
        argv = [str(found["kubectl"].path), "diff", "--server-side", "--force-conflicts", "-f", str(file)]
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 1, done.stderr  # there are differences

    started = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(diff, files))
    return time.perf_counter() - started


if __name__ == "__main__":
    for row in rows(int(sys.argv[1]) if len(sys.argv) > 1 else CLUSTERS):
        print(f"{row.what}: {row.ours:.1f} {row.unit}; {row.peer}: {row.theirs:.1f}; {row.ratio:.3f}, kept: {row.kept}")
