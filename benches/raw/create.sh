#!/usr/bin/env bash
# One control plane from the raw programs, as the lab makes it: etcd, kube-apiserver, controllers, kwok, nodes,
# client material, ws-manager stand-in. Called by Terraform's local-exec with the folder as $1.
set -euo pipefail
cd "$1"
name=$(basename "$1")
detached() { setsid "$@" >>"${1##*/}.log" 2>&1 </dev/null & echo $! >>pids; }
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

detached "$TOOLS/etcd" --data-dir etcd --log-level warn --unsafe-no-fsync --heartbeat-interval 10 \
  --election-timeout 50 --listen-client-urls unix://etcd.sock --advertise-client-urls unix://etcd.sock \
  --listen-peer-urls unix://peer.sock --initial-advertise-peer-urls unix://peer.sock \
  --initial-cluster default=unix://peer.sock

api=$(port) manager=$(port) metrics=$(port)
mkdir -p ws-manager
ec() { openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null; }
signed() { # file, subject, subject alternative names
  ec "$1"
  openssl req -new -key "$1.key" -subj "$2" 2>/dev/null | openssl x509 -req -CA ca.crt -CAkey ca.key -days 3650 \
    -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth' "$3") -out "$1.crt" 2>/dev/null
}
ec ca && openssl req -x509 -key ca.key -subj /CN=lab -days 3650 -out ca.crt 2>/dev/null
signed api /CN=kube-apiserver IP:127.0.0.1,DNS:localhost,DNS:kubernetes.default.svc
signed admin /O=system:masters/CN=admin DNS:admin
signed ws-manager/tls /CN=ws-manager IP:127.0.0.1,DNS:ws-manager
signed client /CN=ws-manager-client DNS:client
ec accounts
cp ca.crt ws-manager/ca.crt

while [ ! -S etcd.sock ]; do sleep 0.01; done
detached "$TOOLS/kube-apiserver" --etcd-servers unix://etcd.sock --bind-address 127.0.0.1 --secure-port "$api" \
  --advertise-address 192.0.2.1 --external-hostname localhost --tls-cert-file api.crt --tls-private-key-file api.key \
  --client-ca-file ca.crt --authorization-mode RBAC --service-account-issuer https://localhost \
  --service-account-key-file accounts.key --service-account-signing-key-file accounts.key \
  --service-cluster-ip-range 10.0.0.0/16 --allow-privileged=true

export KUBECONFIG=$PWD/kubeconfig
cat >kubeconfig <<END
{"apiVersion": "v1", "kind": "Config", "current-context": "x",
 "clusters": [{"name": "x", "cluster": {"server": "https://127.0.0.1:$api", "certificate-authority": "$PWD/ca.crt"}}],
 "users": [{"name": "x", "user": {"client-certificate": "$PWD/admin.crt", "client-key": "$PWD/admin.key"}}],
 "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}]}
END
echo "{\"port\": $manager, \"metrics_port\": $metrics, \"kubeconfig\": \"$KUBECONFIG\", \"cluster\": \"$name\"}" \
  >ws-manager/config.json
detached "$PYTHON" -m ws_deployment.lab.ws_manager --home "$PWD"

ready() { [ "$(curl -s -o /dev/null -w '%{http_code}' --cacert ca.crt --cert admin.crt --key admin.key \
  "https://127.0.0.1:$api/readyz")" = 200 ]; }
until ready; do sleep 0.02; done
alone="--kubeconfig kubeconfig --leader-elect=false --secure-port 0 --kube-api-qps 200 --kube-api-burst 400"
# shellcheck disable=SC2086  # words on purpose
detached "$TOOLS/kube-controller-manager" $alone --service-account-private-key-file accounts.key --root-ca-file ca.crt
# shellcheck disable=SC2086
detached "$TOOLS/kube-scheduler" $alone
detached "$TOOLS/kwok" --kubeconfig kubeconfig --manage-all-nodes --node-lease-duration-seconds 40 \
  --config "$STAGES/nodes.yaml" --config "$STAGES/pods.yaml"
for number in 1 2 3; do
  cat <<END
{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "$name-$number", "labels": {"kubernetes.io/os": "linux",
 "gitpod.io/workload_meta": "true", "gitpod.io/workload_ide": "true", "gitpod.io/workload_workspace_services": "true",
 "gitpod.io/workload_workspace_regular": "true", "gitpod.io/workload_workspace_headless": "true"}},
 "status": {"capacity": {"cpu": "64", "memory": "256Gi", "pods": "1000"},
 "allocatable": {"cpu": "64", "memory": "256Gi", "pods": "1000"}}}
END
done >nodes.json
"$TOOLS/kubectl" create -f nodes.json >/dev/null
"$TOOLS/kubectl" create secret generic ws-manager-mk2-client-tls --from-file=ca.crt=ca.crt \
  --from-file=tls.crt=client.crt --from-file=tls.key=client.key >/dev/null
"$TOOLS/kubectl" wait --for=condition=Ready node --all --timeout 60s >/dev/null
"$TOOLS/kubectl" get nodes -o json >/dev/null
until "$TOOLS/kubectl" get serviceaccount default >/dev/null 2>&1; do sleep 0.05; done
until [ -f ws-manager/ready ]; do sleep 0.02; done
echo "https://127.0.0.1:$manager" >url
