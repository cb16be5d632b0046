"""One Kubernetes cluster's API: look, apply, delete. Objects are plain dicts, as the API's JSON has them.

Whether workloads are ready is judged in kube_ready.py. Nothing here uses the library's global configuration: many
clusters are worked on at once.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ws_deployment.clients.kube_errors import KubeError, TransientKubeError, told_by_server
from ws_deployment.clients.library import load_kubernetes

if TYPE_CHECKING:
    from kubernetes.dynamic import DynamicClient

Object = dict[str, Any]
#: Labels that objects have to have: a value, or one of several; any value where there is none to choose from.
Selector = Mapping[str, str | Sequence[str]]
Objects = list[Object]

#: The name under which our fields are managed (https://kubernetes.io/docs/reference/using-api/server-side-apply/).
FIELD_MANAGER = "ws-deployment"
#: The library keeps what it discovered in a file under /tmp named by host and port alone: another cluster that once
#: had the port would answer, and anybody could have written it. A path that can't exist keeps it in memory.
_NO_CACHE_FILE = f"{os.devnull}/none"
_NOT_FOUND = 404
_PAGE = 500


@dataclass(frozen=True)
class Node:
    """A node; `reason` says why it is not ready."""

    name: str
    ready: bool
    reason: str = ""


class Kube:
    """The API of the cluster that `kubeconfig` (and its `context`) names. `timeout` is in seconds a request.

    Making one reads the file alone; the first call connects. Calls raise KubeError or TransientKubeError.
    """

    def __init__(self, kubeconfig: Path, context: str | None = None, *, timeout: float = 30.0) -> None:
        self._kubeconfig, self._context, self._timeout = kubeconfig, context, timeout
        self._made: DynamicClient | None = None

    def version(self) -> str:
        """The API server's version, as `v1.33.1`."""
        return str(self._request("get", "/version", "asking for the version of")["gitVersion"])

    def nodes(self) -> tuple[Node, ...]:
        """All nodes."""
        return tuple(_node(node) for node in self.list("v1", "Node"))

    def not_served(self, kinds: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Those of the (apiVersion, kind) pairs that the cluster does not serve."""
        with self._told("asking which APIs are served by", str(self._kubeconfig)):
            search = self._client().resources.search
            return tuple(pair for pair in sorted(kinds) if not search(api_version=pair[0], kind=pair[1]))

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """One object; None where there is none."""
        path = self._path(api_version, kind, name, namespace)
        try:
            return self._request("get", path, f"reading {kind}", name)
        except KubeError as error:
            if getattr(error.__cause__, "status", None) == _NOT_FOUND:
                return None
            raise

    def list(
        self, api_version: str, kind: str, namespace: str | None = None, *, selector: Selector | None = None
    ) -> Objects:
        """All objects of a kind, in one namespace or everywhere, with the labels of `selector`. Read in pages."""
        return [one for page in self.pages(api_version, kind, namespace, selector=selector) for one in page]

    def pages(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        *,
        selector: Selector | None = None,
        size: int | None = None,
    ) -> Iterator[Objects]:
        """As `list`, page by page, so that many objects are never all in memory. `size` is in objects a page."""
        path = self._path(api_version, kind, None, namespace)
        labels = ",".join(f"{key}{_wanted(value)}" for key, value in (selector or {}).items()) or None
        limit, going_on = size or _PAGE, None
        while True:
            page = self._request("get", path, f"listing {kind}", label_selector=labels, limit=limit, _continue=going_on)
            yield [{"apiVersion": api_version, "kind": kind, **item} for item in page["items"]]
            going_on = page["metadata"].get("continue")
            if not going_on:
                return

    def apply(self, document: Mapping[str, Any]) -> Object:
        """Server-side apply, as field manager `ws-deployment`. Raises KubeError where another manages a field."""
        api_version, kind, metadata = document["apiVersion"], document["kind"], document["metadata"]
        path = self._path(api_version, kind, metadata["name"], metadata.get("namespace"))
        return self._request(
            "patch",
            path,
            f"applying {kind}",
            metadata["name"],
            body=dict(document),
            content_type="application/apply-patch+yaml",
            field_manager=FIELD_MANAGER,
        )

    def apply_fields(self, document: Mapping[str, Any], manager: str, *, dry_run: bool = False) -> Object:
        """Server-side apply of some fields, as field manager `manager`, which takes them from those who held them.

        Fields that the API does not know are refused. With a `resourceVersion` in `document` raises ConflictKubeError
        where the object has changed since. As the server has it then; with `dry_run` nothing is stored.
        """
        return self._write(
            "patch",
            document,
            "applying",
            content_type="application/apply-patch+yaml",
            manager=manager,
            dry_run=dry_run,
            force_conflicts=True,
        )

    def patch(
        self, target: Mapping[str, Any], operations: Sequence[Mapping[str, Any]], manager: str, *, dry_run: bool = False
    ) -> Object:
        """JSON Patch (RFC 6902) of the object that `target` names, in one step; as the server has it then.

        Raises KubeError where one of its tests does not hold. With `dry_run` nothing is stored.
        """
        return self._write(
            "patch",
            target,
            "patching",
            content_type="application/json-patch+json",
            manager=manager,
            dry_run=dry_run,
            body=list(operations),
        )

    def report(self, target: Mapping[str, Any], status: Mapping[str, Any], manager: str) -> Object:
        """Merge fields into an object's status, as its controller does; null takes one away."""
        metadata = target["metadata"]
        path = self._path(target["apiVersion"], target["kind"], metadata["name"], metadata.get("namespace"))
        return self._request(
            "patch",
            f"{path}/status",
            f"reporting the status of {target['kind']}",
            metadata["name"],
            body={"status": dict(status)},
            content_type="application/merge-patch+json",
            field_manager=manager,
        )

    def try_create(self, document: Mapping[str, Any], manager: str) -> Object:
        """What creating an object would make of it, by the server's defaults and admission; nothing is stored."""
        content_type = "application/json"
        attempted = "trying to create"
        return self._write("post", document, attempted, content_type=content_type, manager=manager, dry_run=True)

    def schemas(self, api_version: str) -> Mapping[str, Any]:
        """The OpenAPI v3 schemas of an apiVersion, by name. Raises KubeError where the cluster does not serve it."""
        path = f"/openapi/v3/{'apis/' if '/' in api_version else 'api/'}{api_version}"
        found = self._request("get", path, "reading the schemas of", api_version)
        schemas: Mapping[str, Any] = found.get("components", {}).get("schemas", {})
        return schemas

    def create(self, document: Mapping[str, Any], manager: str = FIELD_MANAGER) -> Object:
        """Create an object; as the server has it then. Raises ConflictKubeError where it exists already."""
        return self._send("post", document, "creating", None, manager)

    def replace(self, document: Mapping[str, Any]) -> Object:
        """Replace an object that was read; as the server has it then.

        Raises ConflictKubeError where it has changed since: its `resourceVersion` tells.
        """
        return self._send("put", document, "replacing", document["metadata"]["name"])

    def delete(
        self,
        api_version: str,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        as_read: Mapping[str, Any] | None = None,
    ) -> None:
        """Delete an object and what depends on it; one that is not there is fine.

        With `as_read` raises ConflictKubeError where it is no longer the one that was read, or has changed since.
        """
        metadata = (as_read or {}).get("metadata", {})
        only = {key: metadata[key] for key in ("uid", "resourceVersion") if key in metadata}
        try:
            self._request(
                "delete",
                self._path(api_version, kind, name, namespace),
                f"deleting {kind}",
                name,
                body={"propagationPolicy": "Background", **({"preconditions": only} if only else {})},
            )
        except KubeError as error:
            if getattr(error.__cause__, "status", None) != _NOT_FOUND:
                raise

    def may(self, verb: str, group: str, resource: str, namespace: str) -> bool:
        """Whether whoever asks has the right to `verb` such objects there; `group` is empty for the core's."""
        wanted = {"verb": verb, "group": group, "resource": resource, "namespace": namespace}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "metadata": {"name": ""},
            "spec": {"resourceAttributes": wanted},
        }
        return bool(self.create(review)["status"]["allowed"])

    def secret(self, name: str, namespace: str) -> dict[str, bytes] | None:
        """A Secret's data, decoded; None where there is none."""
        found = self.get("v1", "Secret", name, namespace)
        return None if found is None else {k: base64.b64decode(v) for k, v in (found.get("data") or {}).items()}

    def _send(
        self,
        method: str,
        document: Mapping[str, Any],
        attempted: str,
        name: str | None,
        manager: str = FIELD_MANAGER,
    ) -> Object:
        kind, metadata = document["kind"], document["metadata"]
        path = self._path(document["apiVersion"], kind, name, metadata.get("namespace"))
        options = {"content_type": "application/json", "field_manager": manager}
        return self._request(method, path, f"{attempted} {kind}", metadata["name"], body=dict(document), **options)

    def _write(
        self,
        method: str,
        document: Mapping[str, Any],
        attempted: str,
        *,
        content_type: str,
        manager: str,
        dry_run: bool,
        **options: Any,
    ) -> Object:
        """A write that names its field manager and refuses fields that the API does not know, or a dry run of one."""
        kind, metadata = document["kind"], document["metadata"]
        name = None if method == "post" else metadata["name"]
        return self._request(
            method,
            self._path(document["apiVersion"], kind, name, metadata.get("namespace")),
            f"{attempted} {kind}",
            metadata["name"],
            content_type=content_type,
            field_manager=manager,
            dry_run="All" if dry_run else None,
            query_params=[("fieldValidation", "Strict")],
            **{"body": dict(document), **options},
        )

    def _path(self, api_version: str, kind: str, name: str | None, namespace: str | None) -> str:
        load_kubernetes()
        from kubernetes.dynamic.exceptions import ResourceNotFoundError  # noqa: PLC0415  heavy

        with self._told("finding the API of", f"{api_version} {kind}"):
            try:
                resource = self._client().resources.get(api_version=api_version, kind=kind)
            except ResourceNotFoundError as error:
                # Right after its start a server may not serve all yet: that passes. Not everybody may ask it.
                with contextlib.suppress(KubeError):
                    self._request("get", "/readyz", "asking whether all is served by")
                raise KubeError(
                    "finding the API of",
                    on=f"{api_version} {kind}",
                    why="the cluster does not serve it",
                    remedy="Install its CRDs, or use a version that the cluster serves: kubectl api-resources",
                ) from error
        return str(resource.path(name=name, namespace=namespace))

    def _request(self, method: str, path: str, attempted: str, on: str = "", **options: Any) -> Object:
        with self._told(attempted, on or str(self._kubeconfig)):
            answer: Object = self._client().request(
                method, path, serializer=lambda _, data: data, _request_timeout=self._timeout, **options
            )
            return answer

    def _client(self) -> DynamicClient:
        if self._made is None:
            load_kubernetes()
            from kubernetes import config, dynamic  # noqa: PLC0415  heavy
            from yaml import YAMLError  # noqa: PLC0415  likewise

            try:
                api = config.new_client_from_config(  # type: ignore[no-untyped-call]  # the library has no types
                    config_file=str(self._kubeconfig), context=self._context, persist_config=False
                )
            except config.ConfigException as error:
                raise self._not_a_kubeconfig(str(error)) from error
            except OSError as error:
                raise self._not_a_kubeconfig(error.strerror or str(error)) from error
            except (YAMLError, LookupError, TypeError, ValueError, AttributeError) as error:
                # The library takes it for granted that the file has the shape of a kubeconfig.
                raise self._not_a_kubeconfig("it is not of the shape of a kubeconfig") from error
            made = dynamic.DynamicClient(api, cache_file=_NO_CACHE_FILE)  # type: ignore[no-untyped-call]  # as above
            self._made = made
        return self._made

    def _not_a_kubeconfig(self, why: str) -> KubeError:
        return KubeError(
            "reading the kubeconfig",
            on=str(self._kubeconfig),
            why=why,
            remedy="Check that the file is there and that its context exists: kubectl config get-contexts",
        )

    @contextlib.contextmanager
    def _told(self, attempted: str, on: str) -> Iterator[None]:
        """Turn the library's errors into ours."""
        load_kubernetes()
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415  heavy
        from urllib3.exceptions import HTTPError  # noqa: PLC0415  loaded when used

        try:
            yield
        except ApiException as error:
            raise told_by_server(error, attempted, on) from error
        except (HTTPError, OSError) as error:
            reason = getattr(error, "reason", None) or error
            raise TransientKubeError(attempted, on=on, why=f"the API server is out of reach: {reason}") from error


def connect(kubeconfig: Path, context: str | None = None) -> Kube:
    """The API of a cluster, shared by all in this process who name the same kubeconfig with the same content.

    Asking which APIs a cluster serves takes dozens of requests; a shared connection asks once.
    """
    try:
        content = kubeconfig.read_bytes()
    except OSError:
        content = b""  # the first call says what is wrong with the file
    return _connected(kubeconfig, context, hashlib.sha256(content).hexdigest())


@functools.lru_cache(maxsize=256)
def _connected(kubeconfig: Path, context: str | None, _content: str) -> Kube:
    return Kube(kubeconfig, context)


def _wanted(value: str | Sequence[str]) -> str:
    if isinstance(value, str):
        return f"={value}"
    return f" in ({','.join(value)})" if value else ""


def _node(node: Object) -> Node:
    conditions = {one["type"]: one for one in node.get("status", {}).get("conditions", ())}
    ready = conditions.get("Ready", {"status": "Unknown", "message": "it has not reported yet"})
    return Node(
        node["metadata"]["name"],
        ready["status"] == "True",
        "" if ready["status"] == "True" else ready.get("message") or ready.get("reason", ""),
    )
