"""The Prometheus of a meta cluster of the lab: a real one beside the bridge, which scrapes bridge and ws-managers.

Which ws-managers there are, the bridge knows: it writes their addresses into a file that Prometheus watches
(`bridge.targets`). This module makes sure that the process runs, always at the same address.
"""

from __future__ import annotations

import contextlib
import http.client
import json
from dataclasses import dataclass, replace
from pathlib import Path

from ws_deployment.errors import TransientError
from ws_deployment.lab import daemon
from ws_deployment.lab.ports import free_ports, is_free
from ws_deployment.tools.files import read_json, write_json, write_private
from ws_deployment.tools.folders import private_folder

#: The process's name, and its folder's in the meta cluster's.
NAME = "prometheus"
#: In the folder: what the bridge writes and Prometheus watches.
TARGETS_FILE = "targets.json"

_CONFIG_FILE = "prometheus.yaml"
_PORT_FILE = "port.json"
#: Between two scrapes, and two evaluations.
_INTERVAL = "1s"
_RETENTION = "1d"
#: Seconds within which it must answer; a machine under load takes ten times what an idle one does.
_PATIENCE = 60.0
#: Seconds for one answer.
_ANSWER = 5.0
#: Seconds that it has to end by itself, so that the next start need not read its log again.
_GRACE = 5.0
#: Times that another port is drawn when one was taken meanwhile.
_PORT_ATTEMPTS = 4


@dataclass(frozen=True)
class LabPrometheus:
    """The Prometheus of the meta cluster whose folder is `home`. The bridge tells its metrics at `bridge_port`."""

    home: Path
    port: int
    bridge_port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def running(self) -> bool:
        """Whether its process is alive."""
        return daemon.find(self.home, NAME) is not None


def find(home: Path) -> LabPrometheus | None:
    """The Prometheus of the meta cluster in `home`, running or not; None where it has none yet."""
    told = read_json(home / NAME / _PORT_FILE)
    return LabPrometheus(home, told["port"], told["bridge_port"]) if told else None


def begin(home: Path, program: Path, bridge_port: int) -> LabPrometheus:
    """Make sure that `program` runs for the meta cluster in `home`, and don't wait until it answers.

    Its port is drawn once and kept.
    """
    known = find(home)
    if known and known.bridge_port == bridge_port and known.running():
        return known
    stop(home)
    daemon.end_strays(home)  # it would hold the data
    return _started(LabPrometheus(home, known.port if known else free_ports(1)[0], bridge_port), program)


def settle(begun: LabPrometheus, program: Path) -> LabPrometheus:
    """Wait until what was begun answers, and return it. Where its port was taken meanwhile it gets another.

    Raises TransientError when it does not come up.
    """
    for _ in range(_PORT_ATTEMPTS):
        if _came_up(begun):
            return begun
        if begun.running() or is_free(begun.port):
            break
        begun = _started(replace(begun, port=free_ports(1)[0]), program)
    raise _did_not_come_up(begun)


def stop(home: Path, *, grace: float = _GRACE) -> None:
    """End it, at once without `grace` seconds; what it has gathered is kept. None is fine."""
    if process := daemon.find(home, NAME):
        daemon.end([process], grace=grace)


def configuration(bridge_port: int, meta: str) -> str:
    """Its configuration: JSON, which is YAML.

    A ws-manager's samples have the label `cluster`, the short name that it is registered by; the bridge's have its
    meta cluster's name there.
    """
    bridge = {"targets": [f"127.0.0.1:{bridge_port}"], "labels": {"cluster": meta}}
    value = {
        "global": {"scrape_interval": _INTERVAL, "scrape_timeout": _INTERVAL, "evaluation_interval": _INTERVAL},
        "scrape_configs": [
            {"job_name": "ws-manager-bridge", "static_configs": [bridge]},
            # A change of the file is seen at once; now and then it is read anyway.
            {"job_name": "ws-manager", "file_sd_configs": [{"files": [TARGETS_FILE], "refresh_interval": "30s"}]},
        ],
    }
    return json.dumps(value, indent=2) + "\n"


def _started(wanted: LabPrometheus, program: Path) -> LabPrometheus:
    folder = private_folder(wanted.home / NAME)
    write_json(folder / _PORT_FILE, {"port": wanted.port, "bridge_port": wanted.bridge_port})
    write_private(folder / _CONFIG_FILE, configuration(wanted.bridge_port, wanted.home.name))
    argv = [
        *(str(program), "--config.file", f"{NAME}/{_CONFIG_FILE}", "--log.level", "warn"),
        *("--storage.tsdb.path", f"{NAME}/data", "--storage.tsdb.retention.time", _RETENTION),
        *("--web.listen-address", f"127.0.0.1:{wanted.port}"),
        # New targets are taken up within this; five seconds are a long time in a demo.
        *("--scrape.discovery-reload-interval", _INTERVAL),
    ]
    daemon.start(NAME, argv, home=wanted.home)
    return wanted


def _came_up(begun: LabPrometheus) -> bool:
    daemon.wait_until(lambda: _answers(begun) or not begun.running(), timeout=_PATIENCE)
    return begun.running() and _answers(begun)


def _answers(known: LabPrometheus) -> bool:
    try:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", known.port, timeout=_ANSWER)) as connection:
            connection.request("GET", "/-/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False


def _did_not_come_up(begun: LabPrometheus) -> TransientError:
    said = [daemon.last_lines(process) for process in daemon.recorded(begun.home) if process.name == NAME]
    return TransientError(
        "starting the Prometheus of the lab's meta cluster",
        on=begun.home.name,
        why="".join(said) or f"it does not answer after {_PATIENCE:g} s",
        remedy=f"The whole log: {begun.home / 'logs' / NAME}.log",
    )
