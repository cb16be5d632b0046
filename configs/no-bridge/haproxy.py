#!/usr/bin/env python3
"""Workspace clusters behind HAProxy, without any bridge: what `via: command` calls. Python's standard library alone.

One JSON object comes in, one goes out (docs/traffic.md tells which). A cluster is a server of the back-end
`workspaces`: its weight is the score, the state `drain` is a cordon. HAProxy itself keeps both and is asked and told at
its socket; what it needs to come back with after a restart is written beside that.

    haproxy.py start     starts the proxy at 127.0.0.1:$PROXY_PORT (8480)
    haproxy.py stop      ends it
"""

import contextlib
import csv
import fcntl
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

BACKEND = "workspaces"
SCORES = {"none": 50, "prefer": 100, "dontschedule": 0}
TRY_AGAIN = 75
#: Bits of srv_admin_state: under maintenance or draining, whoever wanted it.
CLOSED = 0x3F
STATE_HOME = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
CONFIG = Path(__file__).resolve().with_suffix(".cfg")
FOLDER = Path(os.environ.get("PROXY_FOLDER") or Path(STATE_HOME) / "no-bridge")
SERVERS = FOLDER / "servers.cfg"


def main() -> None:
    FOLDER.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The socket is named relatively: absolute names may be too long for one.
    os.chdir(FOLDER)
    with Path("lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        match sys.argv[1:]:
            case []:
                json.dump(answer(json.load(sys.stdin)), sys.stdout)
            case ["start"]:
                start()
            case ["stop"]:
                stop()
            case _:
                sys.exit(__doc__)


def answer(request: dict) -> dict:
    cluster = request.get("cluster", {})
    match request["action"]:
        case "list":
            return {"registrations": [told(server) for server in servers().values()]}
        case "starts":
            return {"starts": starts()}
        case "register":
            register(cluster)
        case "cordon":
            tell(f"set server {known(cluster['name'])} state drain")
        case "deregister":
            deregister(cluster["name"])
        case "write":
            write(**request["write"])
        case action:
            sys.exit(f"unknown action {action}")
    there = servers()
    save({name: url for name, url in urls().items() if name in there})
    return {}


def told(server: dict) -> dict:
    return {
        "name": server["srv_name"],
        "score": int(server["srv_uweight"]),
        "available": not int(server["srv_admin_state"]) & CLOSED,
        "url": urls().get(server["srv_name"], ""),
    }


def register(cluster: dict) -> None:
    name, score = cluster["name"], SCORES[cluster["preferability"]]
    # First, so that a cluster without a URL is never seen.
    save(urls() | {name: cluster["url"]})
    if name not in servers():
        tell(f"add server {BACKEND}/{name} {entrance(cluster['url'])} weight {score}")
    # A server is added under maintenance, which ends here.
    tell(f"set server {BACKEND}/{name} state {'drain' if cluster['cordoned'] else 'ready'}")


def deregister(name: str) -> None:
    there = servers().get(name)
    if there is None:
        return
    if told(there)["available"] and told(there)["score"]:
        sys.exit(f"{name} takes requests; cordon it first")
    tell(f"set server {BACKEND}/{name} state maint")
    tell(f"del server {BACKEND}/{name}")


def write(cluster: str, property: str, value: int) -> None:  # noqa: A002  the protocol's word
    if property == "score":
        tell(f"set server {known(cluster)} weight {value}")
    else:
        tell(f"set server {known(cluster)} state {'drain' if value else 'ready'}")


def known(name: str) -> str:
    if name not in servers():
        sys.exit(f"no cluster {name}")
    return f"{BACKEND}/{name}"


def starts() -> dict[str, int]:
    """Requests that each cluster was given since it was added, or since the proxy was started."""
    rows = csv.DictReader(ask("show stat").lstrip("# ").splitlines())
    return {row["svname"]: int(row["stot"]) for row in rows if row["pxname"] == BACKEND and row["svname"] != "BACKEND"}


def entrance(url: str) -> str:
    """Where people's requests to a cluster go. Of a lab cluster that is its HTTP port, which the lab tells.

    Yours is what stands before the cluster: a load balancer's address, or a host name of your DNS zone.
    """
    program = os.environ.get("WS_DEPLOYMENT", "ws-deployment")
    try:
        status = json.loads(subprocess.check_output([program, "lab", "status", "--json"]))
    except FileNotFoundError:
        sys.exit(f"{program} is not on PATH; say by WS_DEPLOYMENT where it is")
    of_lab = {cluster["url"]: cluster["http"] for cluster in status["clusters"]}
    return urlsplit(of_lab.get(url, url)).netloc


def servers() -> dict[str, dict]:
    """HAProxy's own list, by name."""
    _version, header, *lines = ask(f"show servers state {BACKEND}").splitlines()
    names = header.lstrip("# ").split()
    rows = [dict(zip(names, line.split(), strict=False)) for line in lines if line]
    return {row["srv_name"]: row for row in rows}


def tell(command: str) -> None:
    """A command that changes something; HAProxy answers it with nothing, or with what was done."""
    said = ask(command).strip()
    if said and said not in {"New server registered.", "Server deleted."}:
        busy = "connection" in said
        print(f"{command}: {said}", file=sys.stderr)
        sys.exit(TRY_AGAIN if busy else 1)


def ask(command: str) -> str:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as proxy:
        try:
            proxy.connect("admin.sock")
            proxy.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: proxy.recv(65536), b"")).decode()
        except OSError as error:
            print(f"the proxy does not answer ({error}); start it: {sys.argv[0]} start", file=sys.stderr)
            sys.exit(TRY_AGAIN)


def urls() -> dict[str, str]:
    """The clusters' URLs, which stand behind their servers in servers.cfg."""
    lines = SERVERS.read_text().splitlines() if SERVERS.exists() else []
    return {line.split()[1]: line.split()[-1] for line in lines if line.startswith("# ")}


def save(registered: dict[str, str]) -> None:
    """Write what a restart comes back with: the servers, and their states and weights."""
    there = servers()
    lines = [f"# {name} {url}" for name, url in registered.items()]
    lines += [f"backend {BACKEND}", "  balance roundrobin", "  load-server-state-from-file global"]
    lines += [f"  server {n} {s['srv_addr']}:{s['srv_port']} weight {s['srv_uweight']}" for n, s in there.items()]
    for name, text in (("servers.cfg", "\n".join(lines)), ("servers.state", ask("show servers state").strip())):
        Path(f"{name}.new").write_text(f"{text}\n")
        Path(f"{name}.new").replace(name)


def start() -> None:
    if not SERVERS.exists():
        SERVERS.write_text(f"backend {BACKEND}\n  balance roundrobin\n")
    Path("servers.state").touch()
    port = os.environ.setdefault("PROXY_PORT", "8480")
    program = "haproxy" if any((Path(p) / "haproxy").exists() for p in os.get_exec_path()) else "/usr/sbin/haproxy"
    argv = [program, "-D", "-C", str(FOLDER), "-p", str(FOLDER / "pid"), "-f", str(CONFIG), "-f", str(SERVERS)]
    try:
        subprocess.run(argv, check=True, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        sys.exit("haproxy is not installed: apt-get install haproxy")
    except subprocess.CalledProcessError as error:
        sys.exit(error.stderr)
    print(f"http://127.0.0.1:{port}")


def stop() -> None:
    for pid in Path("pid").read_text().split() if Path("pid").exists() else ():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), 15)
    Path("pid").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
