"""A double of gpctl: the real one's commands, flags, output and exits, in front of the lab's bridge.

GPCTL_DOUBLE_BRIDGE is the bridge's address, in place of the port-forward, and GPCTL_DOUBLE_PORT the fixed local port.
GPCTL_DOUBLE_CONTEXT and _NAMESPACE are what the kubeconfig must choose. What the real one would not accept ends it
with a usage error.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import socket
import sys
from pathlib import Path

import grpc
import yaml
from google.protobuf.json_format import MessageToDict

from ws_deployment.clients.bridge import cluster_service_pb2 as pb
from ws_deployment.clients.bridge.cluster_service_pb2_grpc import ClusterServiceStub

CODES = {"UNKNOWN": "Unknown", "UNAVAILABLE": "Unavailable", "DEADLINE_EXCEEDED": "DeadlineExceeded"}


def main() -> None:
    told = parser().parse_args()
    check_kubeconfig(Path(told.kubeconfig))
    with socket.socket() as port:
        # The real one's is 30303 on every host: two of them at once can't be.
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            port.bind(("127.0.0.1", int(os.environ["GPCTL_DOUBLE_PORT"])))
            port.listen()
        except OSError:
            fatal("cannot connect", "unable to listen on any of the requested ports: [{30303 8080}]")
        call(told)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="gpctl", allow_abbrev=False)
    clusters = top.add_subparsers(required=True).add_parser("clusters", allow_abbrev=False)
    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    common.add_argument("--name", "-n", default="")
    common.add_argument("-o", dest="output", choices=["json", "template"], default="template")
    clusters.add_argument("--kubeconfig", required=True)
    commands = clusters.add_subparsers(dest="command", required=True)
    for name in ("list", "cordon", "uncordon"):
        commands.add_parser(name, parents=[common])
    commands.add_parser("deregister", parents=[common]).add_argument("--force", action="store_true")
    register = commands.add_parser("register", parents=[common], allow_abbrev=False)
    register.add_argument("--url", required=True)
    register.add_argument("--tls-path", required=True)
    register.add_argument("--hint-cordoned", choices=["true", "false"], default="false")
    register.add_argument("--hint-govern", choices=["true", "false"], default="false")
    register.add_argument("--hint-preferability", choices=["none", "prefer", "dontschedule"], default="none")
    update = commands.add_parser("update").add_subparsers(dest="property", required=True)
    for name in ("score", "max-score"):
        update.add_parser(name, parents=[common]).add_argument("value", type=int)
    return top


def check_kubeconfig(path: Path) -> None:
    assert path.stat().st_mode & 0o077 == 0, "a kubeconfig that others can read"
    told = yaml.safe_load(path.read_text())
    chosen = next(each for each in told["contexts"] if each["name"] == told["current-context"])
    assert chosen["name"] == os.environ["GPCTL_DOUBLE_CONTEXT"], chosen
    assert chosen["context"]["namespace"] == os.environ["GPCTL_DOUBLE_NAMESPACE"], chosen
    for each in told["clusters"]:
        assert Path(each["cluster"].get("certificate-authority", "/")).exists(), each


def call(told: argparse.Namespace) -> None:
    with grpc.insecure_channel(os.environ["GPCTL_DOUBLE_BRIDGE"]) as channel:
        stub = ClusterServiceStub(channel)
        try:
            answer(told, stub)
        except grpc.RpcError as error:
            fatal(f"rpc error: code = {CODES[error.code().name]} desc = {error.details()}")


def answer(told: argparse.Namespace, stub: ClusterServiceStub) -> None:
    if told.command == "list":
        listed = MessageToDict(
            stub.List(pb.ListRequest()), preserving_proto_field_name=True, use_integers_for_enums=True
        )
        print(json.dumps(listed) if told.output == "json" else "NAME\tURL")
        return
    assert told.name, "missing --name"
    if told.command == "register":
        request = registration(told)
        stub.Register(request)
        # So the real one does, key and all.
        print(f"cluster registered: {request}")
    elif told.command == "deregister":
        stub.Deregister(pb.DeregisterRequest(name=told.name, force=told.force))
    else:
        stub.Update(update(told))


def registration(told: argparse.Namespace) -> pb.RegisterRequest:
    folder = Path(told.tls_path)
    texts = []
    for name in ("ca.crt", "tls.crt", "tls.key"):
        assert (folder / name).stat().st_mode & 0o077 == 0, f"{name} can be read by others"
        texts.append(base64.b64encode((folder / name).read_bytes()).decode())
    preferability = {"none": 0, "prefer": 1, "dontschedule": 2}[told.hint_preferability]
    return pb.RegisterRequest(
        name=told.name,
        url=told.url,
        tls=pb.TlsConfig(ca=texts[0], crt=texts[1], key=texts[2]),
        hints=pb.RegistrationHints(
            perfereability=preferability, cordoned=told.hint_cordoned == "true", govern=told.hint_govern == "true"
        ),
    )


def update(told: argparse.Namespace) -> pb.UpdateRequest:
    if told.command != "update":
        return pb.UpdateRequest(name=told.name, cordoned=told.command == "cordon")
    return pb.UpdateRequest(name=told.name, **{told.property.replace("-", "_"): told.value})


def fatal(message: str, error: str = "") -> None:
    print(json.dumps({"error": error, "level": "fatal", "message": message}), file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    main()
