"""A double of Terraform's Google provider: the real schema, resources kept in files instead of a cloud.

Terraform starts it as a plugin, so a module is validated, planned and applied by the real Terraform. Schema and
protocol stand beside this file. The folder that it keeps its resources in comes by GOOGLE_DOUBLE.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import importlib
import json
import os
import platform
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from doubles.terraform_msgpack import UNKNOWN, pack, unpack

HERE = Path(__file__).parent
#: The release whose schema stands beside this file.
VERSION = "6.50.0"
#: https://github.com/hashicorp/go-plugin: what a host and a plugin know each other by.
COOKIE = ("TF_PLUGIN_MAGIC_COOKIE", "d602bf8f470bc67ca7faa0386276bbdd4330efaf76d1a219cb4d6991ca9872b2")
#: The block that Google answers though nobody asked for it.
ANSWERED = "master_auth"
_LIST_NESTING = 2
_ERROR = 1
#: By the protocol's name of a call: the message that is asked, and what answers it.
Calls = dict[str, tuple[Any, Callable[[Any], Any]]]


def install(folder: Path) -> dict[str, str]:
    """Lay a mirror of providers with this one in it; returns the environment that points Terraform at it."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    place = f"registry.terraform.io/hashicorp/google/{VERSION}/{platform.system().lower()}_{machine}"
    package = folder / "mirror" / place
    package.mkdir(parents=True, exist_ok=True)
    program = package / f"terraform-provider-google_v{VERSION}"
    paths = [str(folder), str(HERE.parent)]
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path[:0] = {paths}\nfrom doubles.google_provider import serve\nserve()\n"
    )
    messages = ["protoc", f"-I{HERE}", f"--python_out={folder}", "tfplugin5.proto"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *messages[1:]], check=True)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    config = folder / "terraform.rc"
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{folder / "mirror"}"\n  }}\n}}\n')
    return {"TF_CLI_CONFIG_FILE": str(config), "GOOGLE_DOUBLE": str(folder)}


def resources(folder: Path) -> dict[str, dict[str, Any]]:
    """What was made and not removed, by type and name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


class Provider:
    """Serves the protocol's calls."""

    def __init__(self, messages: Any) -> None:
        self.messages = messages
        self.schema = json.loads((HERE / "google_provider_schema.json").read_text())["resources"]
        self.folder = Path(os.environ["GOOGLE_DOUBLE"])

    def calls(self) -> Calls:
        """What is served, by the protocol's names."""
        messages = self.messages
        return {
            "GetSchema": (messages.Empty, self.get_schema),
            "PrepareProviderConfig": (messages.PrepareRequest, self.prepare),
            "ValidateResourceTypeConfig": (messages.Empty, self.accept),
            "Configure": (messages.Empty, self.accept),
            "UpgradeResourceState": (messages.UpgradeRequest, self.upgrade),
            "ReadResource": (messages.ReadRequest, self.read),
            "PlanResourceChange": (messages.PlanRequest, self.plan),
            "ApplyResourceChange": (messages.ApplyRequest, self.apply),
            "Stop": (messages.Empty, self.stop),
        }

    def get_schema(self, _request: Any) -> Any:
        schemas = {name: self.messages.Schema(block=self._block(tree)) for name, tree in self.schema.items()}
        provider = self.messages.Schema(block=self.messages.Block())
        return self.messages.SchemaAnswer(provider=provider, resource_schemas=schemas)

    def prepare(self, request: Any) -> Any:
        return self.messages.PrepareAnswer(prepared_config=request.config)

    def accept(self, _request: Any) -> Any:
        return self.messages.Diagnostics()

    def upgrade(self, request: Any) -> Any:
        return self.messages.UpgradeAnswer(upgraded_state={"json": request.raw_state.json})

    def read(self, request: Any) -> Any:
        state = unpack(request.current_state.msgpack)
        there = state is not None and self._file(request.type_name, state).exists()
        return self.messages.ReadAnswer(new_state=self._value(state if there else None))

    def plan(self, request: Any) -> Any:
        prior, proposed = unpack(request.prior_state.msgpack), unpack(request.proposed_new_state.msgpack)
        if proposed is not None and prior is None:
            proposed = self._fill(self.schema[request.type_name], proposed, lambda _: UNKNOWN)
        elif proposed is not None and ANSWERED in proposed:
            proposed[ANSWERED] = prior[ANSWERED]
        return self.messages.PlanAnswer(planned_state=self._value(proposed), legacy_type_system=True)

    def apply(self, request: Any) -> Any:
        planned = unpack(request.planned_state.msgpack)
        if planned is None:
            self._file(request.type_name, unpack(request.prior_state.msgpack)).unlink(missing_ok=True)
            return self.messages.ApplyAnswer(new_state=self._value(None), legacy_type_system=True)
        made = self._fill(self.schema[request.type_name], planned, lambda path: computed(path, planned))
        file = self._file(request.type_name, made)
        if unpack(request.prior_state.msgpack) is None and file.exists():
            fault = self.messages.Diagnostic(severity=_ERROR, summary=f"googleapi: Error 409: {file.stem} exists")
            return self.messages.ApplyAnswer(new_state=self._value(None), diagnostics=[fault])
        file.write_text(json.dumps(made))
        return self.messages.ApplyAnswer(new_state=self._value(made), legacy_type_system=True)

    def stop(self, _request: Any) -> Any:
        return self.messages.StopAnswer()

    def _block(self, tree: dict[str, Any]) -> Any:
        attributes = [
            self.messages.Attribute(name=name, type=json.dumps(kind).encode(), **{mode: True})
            for name, (kind, mode) in sorted(tree["attributes"].items())
        ]
        blocks = [
            self.messages.NestedBlock(
                type_name=name,
                block=self._block(inner),
                # Terraform's SDK keeps `timeouts` as a single block, all others as lists.
                nesting=1 if name == "timeouts" else _LIST_NESTING,
                min_items=0 if name == "timeouts" else inner["min"],
                max_items=0 if name == "timeouts" else inner["max"],
            )
            for name, inner in sorted(tree["blocks"].items())
        ]
        return self.messages.Block(attributes=attributes, block_types=blocks)

    def _fill(self, tree: dict[str, Any], value: dict[str, Any], make: Callable[[str], Any]) -> dict[str, Any]:
        """Fill in what the provider computes."""
        filled = dict(value)
        for name, (_, mode) in tree["attributes"].items():
            if mode == "computed" and (value.get(name) is None or value.get(name) is UNKNOWN):
                filled[name] = make(name)
        for name, inner in tree["blocks"].items():
            if name == ANSWERED and (not value.get(name) or value[name] is UNKNOWN):
                empty = dict.fromkeys(inner["attributes"]) | {below: [] for below in inner["blocks"]}
                filled[name] = [self._fill(inner, empty, make)] if make(name) is not UNKNOWN else UNKNOWN
            elif isinstance(value.get(name), list):
                filled[name] = [self._fill(inner, one, make) for one in value[name]]
        return filled

    def _value(self, value: Any) -> Any:
        return self.messages.DynamicValue(msgpack=pack(value))

    def _file(self, kind: str, state: dict[str, Any]) -> Path:
        parts = [state.get(key) for key in ("project", "location", "name", "account_id", "role", "member", "bucket")]
        name = "-".join(str(part) for part in parts if part and part is not UNKNOWN)
        return self.folder / f"{kind}.{hashlib.sha256(name.encode()).hexdigest()[:12]}.json"


def computed(name: str, resource: dict[str, Any]) -> Any:
    """What Google answers for an attribute that nobody sets."""
    account = f"{resource.get('account_id')}@{resource.get('project')}.iam.gserviceaccount.com"
    known: dict[str, Any] = {
        "endpoint": "203.0.113.7",
        "cluster_ca_certificate": base64.b64encode(b"-----BEGIN CERTIFICATE-----\n").decode(),
        "master_version": "1.33.4-gke.1",
        "email": account,
        "member": f"serviceAccount:{account}",
        "name": f"projects/{resource.get('project')}/serviceAccounts/{account}",
        "name_servers": ["ns-1.example.com."],
    }
    return known.get(name)


# The plugin's process: https://github.com/hashicorp/go-plugin/blob/main/docs/guide-plugin-write-non-go.md


def own_pair() -> tuple[bytes, bytes, bytes]:
    """Key and certificate (PEM) of this process, and the certificate's DER: the host trusts it and nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem, certificate.public_bytes(Encoding.PEM), certificate.public_bytes(Encoding.DER)


def serve() -> None:
    """Be the plugin until the host says Shutdown."""
    if os.environ.get(COOKIE[0]) != COOKIE[1]:
        sys.exit("this is a plugin; Terraform starts it")
    # Terraform is interrupted together with its plugins, and tells them itself when to end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    messages = importlib.import_module("tfplugin5_pb2")
    provider = Provider(messages)
    over = threading.Event()

    def shut_down(_request: Any) -> Any:
        over.set()
        return messages.Empty()

    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers(
        (
            _service("tfplugin5.Provider", provider.calls()),
            _service("plugin.GRPCController", {"Shutdown": (messages.Empty, shut_down)}),
        )
    )
    key, certificate, der = own_pair()
    # The host's certificate is not asked for: its key is of a curve (P-521) that gRPC's TLS does not know.
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(key, certificate)]))
    server.start()
    sys.stdout.write(f"1|5|tcp|127.0.0.1:{port}|grpc|{base64.b64encode(der).decode().rstrip('=')}\n")
    sys.stdout.flush()
    over.wait()
    server.stop(0.5).wait()


def _service(name: str, calls: Calls) -> grpc.GenericRpcHandler:
    handlers = {
        call: grpc.unary_unary_rpc_method_handler(
            lambda request, _context, answer=answer: answer(request),
            request_deserializer=asked.FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )
        for call, (asked, answer) in calls.items()
    }
    return grpc.method_handlers_generic_handler(name, handlers)
