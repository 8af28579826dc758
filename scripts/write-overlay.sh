#!/usr/bin/env bash
# Write build/kubernetes-STAGE: docker/kubernetes with the names that a stage has on AWS.
#
# usage: write-overlay.sh STAGE STATE_BUCKET JOB_IMAGE WORKER_POOL_IMAGE
#
# An image is named REPOSITORY@DIGEST: the operator brings a new job when the name changes.
# The Lambdas stand in the gateway's place, so that there is no token of a job either, and EKS gives the pods their role by the name of their
# service account: an address of a role beside it would be used instead.
set -euo pipefail
[[ $# -eq 4 ]] || {
	awk 'NR > 1 && /^#/ { sub(/^# ?/, ""); print; next } NR > 1 { exit }' "$0" >&2
	exit 2
}
stage=$1 bucket=$2 job=$3 worker_pool=$4
here=$(cd "$(dirname "$0")" && pwd)
folder=$(dirname "$here")/build/kubernetes-$stage
mkdir -p "$folder"
cat > "$folder/kustomization.yaml" << END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: live-translation
resources:
  - ../../docker/kubernetes
components:
  - ../../docker/kubernetes/traces
patches:
  - target: {kind: ServiceAccount}
    patch: |
      - {op: remove, path: /metadata/annotations}
  - target: {kind: (StatefulSet|Service|Ingress|NetworkPolicy|ServiceAccount), name: gateway}
    patch: |
      \$patch: delete
      kind: Any
      metadata: {name: gateway}
  - target: {kind: FlinkDeployment}
    patch: |
      - {op: replace, path: /spec/image, value: "$job"}
      - {op: replace, path: /spec/taskManager/podTemplate/spec/containers/1/image, value: "$worker_pool"}
      - {op: remove, path: /spec/taskManager/podTemplate/spec/containers/1/volumeMounts/1}
      - {op: remove, path: /spec/taskManager/podTemplate/spec/volumes/1}
      - {op: replace, path: /spec/flinkConfiguration/high-availability.storageDir, value: "s3://$bucket/high-availability"}
      - {op: replace, path: /spec/flinkConfiguration/state.checkpoints.dir, value: "s3://$bucket/checkpoints"}
      - {op: replace, path: /spec/flinkConfiguration/state.savepoints.dir, value: "s3://$bucket/savepoints"}
END
echo "$folder"
