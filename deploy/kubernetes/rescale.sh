#!/bin/sh
# Drain the cluster, and let another number of processes go on from its state.
#   sh deploy/kubernetes/rescale.sh N [options of kubectl, such as --namespace logins]
set -eu
processes=$1
shift
case $processes in
"" | 0* | *[!0-9]*)
    echo "$processes processes: the number has to be 1 or more" >&2
    exit 2
    ;;
esac
kubectl "$@" scale statefulset/login-processor --replicas=0
kubectl "$@" wait --for=delete pod --selector=app.kubernetes.io/name=login-processor --timeout=120s
kubectl "$@" patch configmap/login-processor --patch "{\"data\": {\"PROCESSES\": \"$processes\"}}"
kubectl "$@" scale statefulset/login-processor --replicas="$processes"
echo "set the count in kustomization.yaml to $processes too, or the next apply takes it back"
