"""A double of werft: the real one's commands, flags, output and exits for starting and watching a remote job.

WERFT_HOST names a folder here. In it: `behaviour.json` ({"phases": [...], "success": bool, "start": "ok" | "refused" |
"lost" | "hang", "get": "ok" | "down"}), and a file a job with what it was started with. A job goes one phase on each
time it is asked for; when a successful one is done it sets the scores that it was told, at WERFT_DOUBLE_BRIDGE.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

HOME = Path(os.environ["WERFT_HOST"])
BEHAVIOUR = json.loads((HOME / "behaviour.json").read_text())


def main() -> None:
    match sys.argv[1:]:
        case ["run", "github", repository, "--remote-job-path", path, *annotations]:
            run(repository, path, annotations)
        case ["job", "get", name, "-o", "json"]:
            get(name)
        case ["job", "stop", name]:
            stop(name)
        case words:
            end(f"unknown command {words}", code=2)


def run(repository: str, path: str, words: list[str]) -> None:
    assert repository.count(":") == 1, repository
    assert "/" in repository.partition(":")[0], repository
    assert words[::2] == ["-a"] * (len(words) // 2), words
    # The real one splits each at commas.
    pairs = [pair.partition("=") for word in words[1::2] for pair in word.split(",")]
    assert all(equals for _, equals, _ in pairs), pairs
    how = BEHAVIOUR.get("start", "ok")
    if how == "refused":
        end("rpc error: code = Unavailable desc = dial tcp 127.0.0.1:7777: connect: connection refused")
    branch = repository.partition(":")[2]
    name = f"shop-{Path(path).stem}-{branch}.{len(list(HOME.glob('*.job')))}"
    started = {"repository": repository, "path": path, "annotations": {k: v for k, _, v in pairs}, "asked": 0}
    (HOME / f"{name}.job").write_text(json.dumps(started))
    if how == "hang":
        time.sleep(600)
    if how == "lost":
        end("rpc error: code = DeadlineExceeded desc = context deadline exceeded")
    print(f"\x1b[32m{name}\x1b[0m\ntip: use werft job logs to see more")


def get(name: str) -> None:
    if BEHAVIOUR.get("get") == "down":
        end("rpc error: code = Unavailable desc = transport is closing")
    file = HOME / f"{name}.job"
    if not file.exists():
        end("rpc error: code = NotFound desc = not found")
    job = json.loads(file.read_text())
    phases = BEHAVIOUR["phases"]
    phase = "PHASE_DONE" if job.get("stopped") else phases[min(job["asked"], len(phases) - 1)]
    job["asked"] += 1
    file.write_text(json.dumps(job))
    success = phase != "PHASE_DONE" or (BEHAVIOUR["success"] and not job.get("stopped"))
    if phase == "PHASE_DONE" and success and "WERFT_DOUBLE_BRIDGE" in os.environ:
        shift(job["annotations"]["scores"])
    # False and zero fields are left out.
    told = {"name": name, "metadata": {"owner": "x"}, "conditions": {"success": True} if success else {}}
    told |= {} if phase == "PHASE_UNKNOWN" else {"phase": phase}
    told |= {} if success else {"details": "exit code 1"}
    print(json.dumps(told))


def stop(name: str) -> None:
    file = HOME / f"{name}.job"
    if not file.exists():
        end("rpc error: code = NotFound desc = not found")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"stopped": True}))


def shift(scores: str) -> None:
    from ws_deployment.clients.bridge.client import BridgeClient  # noqa: PLC0415  heavy, and each call is a process

    with BridgeClient(os.environ["WERFT_DOUBLE_BRIDGE"]) as client:
        for each in scores.split():
            name, _, score = each.partition(":")
            client.set_score(name, int(score))
            client.uncordon(name)


def end(message: str, code: int = 1) -> None:
    print(message, file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
