"""A real API server with Cluster API's own CRDs, and one of the test's own; a namespace a test."""

from __future__ import annotations

import uuid

import pytest
import yaml
from harness import cluster_api

from ws_deployment.clients.kube import Kube
from ws_deployment.lab.record import LabCluster

#: What Cluster API's kinds don't have: a field that is fixed once set, quantities, defaults, a list of the set type.
WIDGETS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.tests.ws-deployment.dev}
spec:
  group: tests.ws-deployment.dev
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            x-kubernetes-validations:
            - rule: "!(has(self.one) && has(self.other))"
              message: one and other exclude each other
            properties:
              fixed: {type: string, x-kubernetes-validations: [{rule: self == oldSelf, message: fixed is immutable}]}
              filled: {type: string, default: by the server}
              memory:
                anyOf: [{type: integer}, {type: string}]
                x-kubernetes-int-or-string: true
              timeout: {type: string}
              text: {type: string}
              size: {type: integer, minimum: 0}
              one: {type: string}
              other: {type: string}
              args: {type: array, items: {type: string}}
              vars:
                type: array
                x-kubernetes-list-type: map
                x-kubernetes-list-map-keys: [name]
                items:
                  type: object
                  required: [name]
                  properties: {name: {type: string}, value: {type: string}}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true}
          status: {type: object, x-kubernetes-preserve-unknown-fields: true}
"""


@pytest.fixture(scope="session")
def management(shared_cluster: LabCluster) -> Kube:
    kube = Kube(shared_cluster.kubeconfig)
    cluster_api.install(kube, [*cluster_api.crds(), yaml.safe_load(WIDGETS)])
    return Kube(shared_cluster.kubeconfig)  # one that asks anew what is served


@pytest.fixture
def space(management: Kube) -> str:
    name = f"releases-{uuid.uuid4().hex[:8]}"
    management.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name
