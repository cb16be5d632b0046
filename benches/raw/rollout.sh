#!/usr/bin/env bash
# What a rollout of one cluster reads and writes, with the raw tools: Terraform, Helm, kubectl, gRPC calls.
# $1: a folder of its own. Environment: TOOLS, STAGES, CHARTS, PYTHON, BRIDGE (host:port), HERE.
set -euo pipefail
folder=$1 name=$(basename "$1")
mkdir -p "$folder"
cat >"$folder/main.tf.json" <<END
{"resource": {"terraform_data": {"cluster": {"provisioner": [{"local-exec": {
  "command": "$HERE/create.sh $folder"}}]}}}}
END
export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1 KUBECONFIG=$folder/kubeconfig
unset TF_CLI_CONFIG_FILE
(cd "$folder" && terraform init -input=false && terraform plan -input=false -out plan && terraform show -json plan &&
  terraform apply -input=false plan && terraform output -json) >"$folder/terraform.log"
"$TOOLS/kubectl" get nodes -o json >/dev/null

for release in gitpod jaeger monitoring; do
  "$TOOLS/helm" get metadata "$release" >/dev/null 2>&1 || true
  "$TOOLS/helm" template "$release" "$CHARTS/$release" >"$folder/$release.yaml"
  "$TOOLS/kubectl" api-resources >/dev/null
  "$TOOLS/helm" upgrade --install "$release" "$CHARTS/$release" --wait --rollback-on-failure --reset-values \
    --labels "run=$name" >/dev/null
  "$TOOLS/helm" get metadata "$release" >/dev/null
  "$TOOLS/helm" get manifest "$release" | "$TOOLS/kubectl" get -f - -o json >/dev/null
done

"$TOOLS/kubectl" get deployments,statefulsets,daemonsets,jobs,pods -o json >/dev/null
"$TOOLS/kubectl" run alive --image registry.k8s.io/pause:3.10 --restart Never >/dev/null
"$TOOLS/kubectl" wait --for=condition=Ready pod/alive --timeout 60s >/dev/null
"$TOOLS/kubectl" delete pod alive --grace-period 1 --wait >/dev/null

"$TOOLS/kubectl" get secret ws-manager-mk2-client-tls -o json >"$folder/secret.json"
"$PYTHON" "$HERE/register_and_shift.py" "$BRIDGE" "$name" "$(cat "$folder/url")" "$folder/secret.json"
