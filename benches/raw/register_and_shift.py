"""The gRPC calls of a rollout by the stubs alone: list, register cordoned, list, uncordon, list."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import grpc

from ws_deployment.clients.bridge import cluster_service_pb2 as pb
from ws_deployment.clients.bridge.cluster_service_pb2_grpc import ClusterServiceStub

endpoint, name, url, secret = sys.argv[1:]
data = json.loads(Path(secret).read_text())["data"]
# The bridge takes base64 of PEM, which is what a Secret has.
ca, crt, key = (base64.b64decode(data[file]) for file in ("ca.crt", "tls.crt", "tls.key"))
with grpc.insecure_channel(endpoint) as channel:
    stub = ClusterServiceStub(channel)
    stub.List(pb.ListRequest())
    stub.Register(
        pb.RegisterRequest(
            name=name,
            url=url,
            tls=pb.TlsConfig(
                ca=base64.b64encode(ca).decode(), crt=base64.b64encode(crt).decode(), key=base64.b64encode(key).decode()
            ),
            hints=pb.RegistrationHints(cordoned=True),
        )
    )
    stub.List(pb.ListRequest())
    stub.Update(pb.UpdateRequest(name=name, cordoned=False))
    stub.List(pb.ListRequest())
