"""A team's program as the docs describe it: registers and moves traffic in a JSON file of its own."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

STATE = Path(os.environ["STATE"])


def main() -> None:
    request = json.load(sys.stdin)
    assert request["version"] == "v1"
    assert request["meta"] == {"name": "meta", "region": "europe-west1"}
    assert os.environ["TOKEN"] == "s3cret-token", "the secret comes by environment"
    assert "s3cret-token" not in sys.argv
    state = json.loads(STATE.read_text()) if STATE.exists() else {}
    if (STATE.parent / "busy").exists():
        print("the control plane is busy", file=sys.stderr)
        sys.exit(75)
    match request["action"]:
        case "list":
            print(json.dumps({"registrations": list(state.values())}))
        case "starts":
            print(json.dumps({"starts": json.loads((STATE.parent / "starts.json").read_text())}))
        case "register":
            cluster = request["cluster"]
            assert cluster["tls"]["key"].startswith("-----BEGIN"), "PEM"
            state[cluster["name"]] = {
                "name": cluster["name"], "url": cluster["url"], "score": 50, "available": not cluster["cordoned"],
            }  # fmt: skip
        case "cordon":
            state[request["cluster"]["name"]]["available"] = False
        case "deregister":
            state.pop(request["cluster"]["name"], None)
        case "write":
            write = request["write"]
            if write["cluster"] not in state:
                print(f"no cluster {write['cluster']}", file=sys.stderr)
                sys.exit(1)
            if write["property"] == "score":
                state[write["cluster"]]["score"] = write["value"]
            else:
                state[write["cluster"]]["available"] = not write["value"]
        case action:
            sys.exit(f"unknown action {action}")
    STATE.write_text(json.dumps(state))


if __name__ == "__main__":
    main()
