"""A double of Google: tokens, quota, permissions, enabled APIs, and the published API google.container.v1 over TLS.

It checks what it is sent as Google does (signed assertions, bearer tokens, resource names, routing headers) and keeps
clusters and operations that a test puts there. What is not of the API that the project uses it does not serve.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, quote

import grpc
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.auth import jwt
from google.cloud import container_v1 as container
from harness.certificates import Authority
from harness.http_server import serving

PROJECT = "gitpod-staging"
ACCOUNT = f"deployer@{PROJECT}.iam.gserviceaccount.com"
#: Whom an assertion must be meant for: https://developers.google.com/identity/protocols/oauth2/service-account
AUDIENCE = "https://oauth2.googleapis.com/token"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
#: Base64 of a PEM, as Google hands out the CA of a cluster.
CA = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="


class Google:
    """Serves while the context lasts; `environment` points the client's libraries at it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._tokens: set[str] = set()
        self.clusters: dict[str, container.Cluster] = {}
        self.operations: list[container.Operation] = []
        self.quotas: list[dict[str, Any]] = []
        self.permissions: set[str] = set()
        self.apis: set[str] = set()
        self.fault: grpc.StatusCode | None = None
        self.token_fault = ""
        self._serving = ExitStack()
        self.requests: list[str] = []

    def __enter__(self) -> Self:
        pair = Authority("google").pair("localhost")
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._http_handler())
        self._serving.enter_context(serving(self._http))
        self._grpc = grpc.server(ThreadPoolExecutor(4))
        self._grpc.add_generic_rpc_handlers((self._cluster_manager(),))
        credentials = grpc.ssl_server_credentials([(pair.key.encode(), pair.crt.encode())])
        port = self._grpc.add_secure_port("127.0.0.1:0", credentials)
        self._grpc.start()
        roots = self._folder / "google-roots.pem"
        roots.write_text(pair.ca)
        http = f"http://127.0.0.1:{self._http.server_port}"
        self.environment = {
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER": f"https://localhost:{port}/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE": f"{http}/compute/v1/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDRESOURCEMANAGER": f"{http}/resources/",
            "CLOUDSDK_API_ENDPOINT_OVERRIDES_SERVICEUSAGE": f"{http}/services/",
            "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(roots),
        }
        self.credentials_file = self._folder / "service-account.json"
        self.credentials_file.write_text(json.dumps(self._service_account(f"{http}/token")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._grpc.stop(None)
        self._serving.close()

    def add_cluster(self, name: str, location: str = "europe-west1", **fields: Any) -> container.Cluster:
        """Put a running cluster there."""
        cluster = container.Cluster(
            name=name,
            location=location,
            endpoint="203.0.113.7",
            current_master_version="1.33.4-gke.1",
            status=container.Cluster.Status.RUNNING,
            master_auth={"cluster_ca_certificate": CA},
        )
        for key, value in fields.items():
            setattr(cluster, key, value)
        self.clusters[name] = cluster
        return cluster

    def add_operation(self, cluster: str, location: str = "europe-west1") -> container.Operation:
        """Let an operation be under way."""
        operation = container.Operation(
            name=f"operation-{len(self.operations)}",
            operation_type=container.Operation.Type.CREATE_CLUSTER,
            status=container.Operation.Status.RUNNING,
            target_link=f"https://container.googleapis.com/v1/projects/1/locations/{location}/clusters/{cluster}",
        )
        self.operations.append(operation)
        return operation

    def issued(self, token: str) -> bool:
        """Whether `token` is one of ours."""
        return token in self._tokens

    def _service_account(self, token_uri: str) -> dict[str, str]:
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": pem,
            "client_email": ACCOUNT,
            "client_id": "1",
            "token_uri": token_uri,
        }

    # The token service and Compute, over HTTP.

    def _http_handler(self) -> type[BaseHTTPRequestHandler]:
        google = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if self.path == "/token":
                    self._answer(*google._mint(parse_qs(body)))
                else:
                    self._answer(*google._rest(self.path, self.headers.get("Authorization", ""), body))

            def do_GET(self) -> None:
                self._answer(*google._rest(self.path, self.headers.get("Authorization", ""), ""))

            def _answer(self, status: int, tree: Any) -> None:
                content = json.dumps(tree).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def _mint(self, form: dict[str, list[str]]) -> tuple[int, Any]:
        self.requests.append("token")
        if self.token_fault:
            return 400, {"error": "invalid_grant", "error_description": self.token_fault}
        certificate = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        try:
            claims = jwt.decode(form["assertion"][0], certs=certificate, audience=AUDIENCE)
        except (ValueError, KeyError) as error:
            return 400, {"error": "invalid_grant", "error_description": str(error)}
        asked = (form["grant_type"], claims["iss"], claims["scope"])
        if asked != (["urn:ietf:params:oauth:grant-type:jwt-bearer"], ACCOUNT, SCOPE):
            return 400, {"error": "invalid_request", "error_description": repr(asked)}
        token = f"ya29.{secrets.token_hex(16)}"
        self._tokens.add(token)
        return 200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}

    def _rest(self, path: str, authorization: str, body: str) -> tuple[int, Any]:
        self.requests.append(path)
        if not self.issued(authorization.removeprefix("Bearer ")):
            return 401, {"error": {"message": "Invalid Credentials"}}
        project = f"projects/{PROJECT}"
        if re.fullmatch(rf"/compute/v1/{project}/regions/[a-z0-9-]+", path):
            return 200, {"quotas": self.quotas}
        if path == f"/resources/v1/{project}:testIamPermissions":
            return 200, {"permissions": [one for one in json.loads(body)["permissions"] if one in self.permissions]}
        if path.startswith(f"/services/v1/{project}/services:batchGet?"):
            names = [name.rpartition("/")[2] for name in parse_qs(path.partition("?")[2])["names"]]
            states = {name: "ENABLED" if name in self.apis else "DISABLED" for name in names}
            return 200, {"services": [{"config": {"name": name}, "state": state} for name, state in states.items()]}
        return 403, {"error": {"message": f"Permission denied on {path}"}}

    # google.container.v1.ClusterManager, over gRPC.

    def _cluster_manager(self) -> grpc.GenericRpcHandler:
        rpcs: dict[str, tuple[Any, Any, Callable[[Any, str, grpc.ServicerContext], Any], str]] = {
            "ListClusters": (container.ListClustersRequest, container.ListClustersResponse, self._list, "parent"),
            "ListOperations": (
                container.ListOperationsRequest,
                container.ListOperationsResponse,
                self._list_operations,
                "parent",
            ),
            "GetServerConfig": (container.GetServerConfigRequest, container.ServerConfig, self._versions, "name"),
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(
                self._checked(name, serve, resource),
                request_deserializer=asked.deserialize,
                response_serializer=answered.serialize,
            )
            for name, (asked, answered, serve, resource) in rpcs.items()
        }
        return grpc.method_handlers_generic_handler("google.container.v1.ClusterManager", handlers)

    def _checked(
        self, name: str, serve: Callable[[Any, str, grpc.ServicerContext], Any], resource: str
    ) -> Callable[[Any, grpc.ServicerContext], Any]:
        def handle(request: Any, context: grpc.ServicerContext) -> Any:
            self.requests.append(name)
            if self.fault:
                context.abort(self.fault, "as the test wishes")
            sent = dict(context.invocation_metadata())
            if not self.issued(str(sent.get("authorization", "")).removeprefix("Bearer ")):
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials.")
            path = getattr(request, resource)
            match = re.fullmatch(r"projects/([a-z][-a-z0-9]*)/locations/(-|[a-z0-9-]+)", path)
            if not match:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{path!r} is no location")
            elif match[1] != PROJECT:
                context.abort(grpc.StatusCode.PERMISSION_DENIED, f"Required permission on {path!r}.")
            if sent.get("x-goog-request-params") != f"{resource}={quote(path, safe='/')}":
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the routing header does not fit the request")
            return serve(request, match[2] if match else "", context)

        return handle

    def _list(self, _request: Any, location: str, _context: grpc.ServicerContext) -> Any:
        found = [one for one in self.clusters.values() if location in {"-", one.location}]
        return container.ListClustersResponse(clusters=found)

    def _list_operations(self, _request: Any, _location: str, _context: grpc.ServicerContext) -> Any:
        return container.ListOperationsResponse(operations=self.operations)

    def _versions(self, _request: Any, _location: str, _context: grpc.ServicerContext) -> Any:
        return container.ServerConfig(valid_master_versions=["1.34.1-gke.1", "1.33.4-gke.1"])
