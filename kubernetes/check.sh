#!/bin/sh
# Builds the manifests and holds them against Kubernetes' own schemas, strictly. Says loudly what it
# could not check for want of a tool: kubectl, kubernetes-validate (pip install kubernetes-validate).
set -eu
cd "$(dirname "$0")"
has() { command -v "$1" >/dev/null 2>&1; }
if ! has kubectl || ! has kubernetes-validate; then
    printf '\n*** NOT CHECKED: kubernetes/ (kubectl or kubernetes-validate is not on this machine) ***\n\n' >&2
    exit 0
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for variant in base eks; do
    kubectl kustomize --load-restrictor LoadRestrictionsNone "$variant" >"$scratch/$variant.yaml"
    kubernetes-validate --strict --kubernetes-version "${KUBERNETES_VERSION:-1.36}" "$scratch/$variant.yaml" >"$scratch/said" 2>&1 ||
        { grep -v ' passed for ' "$scratch/said"; exit 1; }
    echo "kubernetes/$variant: $(grep -c ' passed for ' "$scratch/said") resources have the right shape"
    # Kinds that operators bring have no schema here.
    grep WARN "$scratch/said" | sed 's/.*find schema for kind \([A-Za-z]*\) .*/  not checked: \1/' || true
done
