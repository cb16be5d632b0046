"""Reads clusters and their objects from the management API, few at a time, and the shapes of their kinds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ws_deployment.clients.kube import Kube
from ws_deployment.errors import UsageError
from ws_deployment.releases import cluster_api
from ws_deployment.releases.catalogue import Catalogue
from ws_deployment.releases.drafts import ClusterObjects
from ws_deployment.releases.release import Release, Resource, filled, group_of
from ws_deployment.releases.shape import IShape, NoShape, SchemaShape

Object = Mapping[str, Any]

#: Clusters that are read at a time: their objects are in memory together.
_AT_ONCE = 25
_KIND_KEY = "x-kubernetes-group-version-kind"


class Management:
    """A management cluster as releases see it: its clusters, their objects, the shapes of their kinds.

    Calls raise KubeError or TransientKubeError.
    """

    def __init__(self, kube: Kube, catalogue: Catalogue, label: str) -> None:
        self.kube, self.catalogue, self.label = kube, catalogue, label
        self._shapes: dict[tuple[str, str], IShape] = {}
        self._schemas: dict[str, Mapping[str, Any]] = {}
        self._uid: str | None = None

    @property
    def uid(self) -> str:
        """What tells it from other management clusters: the uid of its namespace kube-system."""
        if self._uid is None:
            found = self.kube.get("v1", "Namespace", "kube-system")
            self._uid = str(found["metadata"]["uid"]) if found else ""
        return self._uid

    def pages(self, namespace: str | None = None) -> Iterator[list[Object]]:
        """All Cluster objects, few at a time."""
        for page in self.kube.pages(self._cluster_version(), cluster_api.CLUSTER, namespace, size=_AT_ONCE):
            yield list(page)

    def cluster(self, name: str, namespace: str) -> Object:
        """One Cluster object. Raises UsageError where there is none."""
        found = self.kube.get(self._cluster_version(), cluster_api.CLUSTER, name, namespace)
        if found is None:
            raise UsageError(
                "looking for cluster",
                on=f"{namespace}/{name}",
                why="the management cluster has none of that name",
                remedy="List them: kubectl get clusters.cluster.x-k8s.io -A",
            )
        return {"apiVersion": self._cluster_version(), "kind": cluster_api.CLUSTER, **found}

    def version_of(self, cluster: Object) -> str:
        """The release that a Cluster bears the mark of; empty where it bears none."""
        return str((cluster["metadata"].get("labels") or {}).get(self.label, ""))

    def with_objects(self, clusters: Iterable[Object], releases: Sequence[Release]) -> Iterator[ClusterObjects]:
        """Each cluster with its objects of the kinds that these releases know."""
        spaces: dict[str, list[Object]] = {}
        for one in clusters:
            spaces.setdefault(one["metadata"]["namespace"], []).append(one)
        for together in spaces.values():
            yield from self._read(together, releases)

    def shape(self, api_version: str, kind: str) -> IShape:
        """The shape of a kind, by the API server's schemas; asked once."""
        key = (api_version, kind)
        if key not in self._shapes:
            if api_version not in self._schemas:
                self._schemas[api_version] = self.kube.schemas(api_version)
            self._shapes[key] = _shape(self._schemas[api_version], api_version, kind)
        return self._shapes[key]

    def _read(self, clusters: Sequence[Object], releases: Sequence[Release]) -> Iterator[ClusterObjects]:
        namespace = clusters[0]["metadata"]["namespace"]
        names = [one["metadata"]["name"] for one in clusters]
        found: dict[str, list[Object]] = {name: [] for name in names}
        resources = [one for release in releases for one in release.resources]
        kinds = {(one.group, one.kind): one.api_version for one in reversed(resources)}
        kinds.pop((cluster_api.GROUP, cluster_api.CLUSTER), None)
        for (_, kind), api_version in sorted(kinds.items()):
            selector = {cluster_api.CLUSTER_LABEL: names}
            for one in self.kube.list(api_version, kind, namespace, selector=selector):
                found[one["metadata"]["labels"][cluster_api.CLUSTER_LABEL]].append(one)
        for cluster in clusters:
            name = cluster["metadata"]["name"]
            read = ClusterObjects(name, namespace, (cluster, *found.pop(name)))
            yield ClusterObjects(name, namespace, (*read.objects, *self._unlabelled(read, releases, kinds)))

    def _unlabelled(
        self, read: ClusterObjects, releases: Sequence[Release], kinds: Mapping[tuple[str, str], str]
    ) -> Iterator[Object]:
        """Objects that a release knows by name and that don't bear the cluster's label."""
        asked: set[tuple[str, str, str]] = set()
        for release in releases:
            values = release.values(read.name, read.namespace)
            for one in release.resources:
                if one.each or (one.group, one.kind) not in kinds or _labelled(one, read.name, values):
                    continue
                key = (one.group, one.kind, one.object_name(values))
                if key in asked or read.find(*key):
                    continue
                asked.add(key)
                api_version = kinds[one.group, one.kind]
                if (found := self.kube.get(api_version, one.kind, key[2], read.namespace)) is not None:
                    yield {"apiVersion": api_version, "kind": one.kind, **found}

    def _cluster_version(self) -> str:
        """The apiVersion of Clusters, as the newest release writes it."""
        for release in reversed(self.catalogue.releases):
            for one in release.resources:
                if one.kind == cluster_api.CLUSTER and one.group == cluster_api.GROUP:
                    return one.api_version
        raise UsageError(
            "looking for clusters",
            why=f"no release is in {self.catalogue.source}",
            remedy="Name a folder of releases by --releases, or put them into ConfigMaps.",
        )


def _labelled(resource: Resource, cluster: str, values: Mapping[str, str]) -> bool:
    """Whether the release itself puts the cluster's label onto the object: then it was found by it, or is not there."""
    labels = resource.body["metadata"].get("labels") or {}
    return bool(filled(labels.get(cluster_api.CLUSTER_LABEL), values) == cluster)


def _shape(schemas: Mapping[str, Any], api_version: str, kind: str) -> IShape:
    wanted = {"group": group_of(api_version), "version": api_version.rpartition("/")[2], "kind": kind}
    for schema in schemas.values():
        if wanted in schema.get(_KIND_KEY, ()):
            return SchemaShape(schema, schemas)
    return NoShape()
