#!/usr/bin/env bash
# Installs what InfraForge needs into a cluster: Knative Serving with Kourier, Knative Eventing with the in-memory
# channel, Gitea, ArgoCD, and the Secret with Gitea's administrator. Every version is pinned in versions.env. Run it
# again whenever you like.
#
#     infrastructure/kind/platform.sh [--context NAME] [--skip knative|gitea|argocd]…
#
# For a cluster that people rely on: --skip gitea, and a Gitea with a database of its own (docs: on a real cluster).
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage="usage: $0 [--context NAME] [--skip knative|gitea|argocd]…"
context=
skipped=" "
while (($#)); do
  case $1 in
    --context) context=${2:?$usage} ;;
    --skip)
      [[ ${2:-} =~ ^(knative|gitea|argocd)$ ]] || fail "$usage"
      skipped+="$2 "
      ;;
    *) fail "$usage" ;;
  esac
  shift 2
done

needs kubectl "https://kubernetes.io/docs/tasks/tools"
needs helm "https://helm.sh/docs/intro/install"
context=${context:-$(kubectl config current-context)} || fail "no current context: name one with --context"

system_namespace=${INFRAFORGE_SYSTEM_NAMESPACE:-platform-system}
knative=https://github.com/knative/serving/releases/download/knative-v$KNATIVE_SERVING_VERSION
kourier=https://github.com/knative-extensions/net-kourier/releases/download/knative-v$KNATIVE_KOURIER_VERSION
eventing=https://github.com/knative/eventing/releases/download/knative-v$KNATIVE_EVENTING_VERSION

kube() { kubectl --context "$context" "$@"; }

apply() {
  local manifest
  for manifest in "$@"; do
    kube apply --server-side --force-conflicts --filename "$manifest" >/dev/null
  done
}

established() { kube wait --for=condition=Established crd --all --timeout=60s >/dev/null; }

available() { kube wait --namespace "$1" --for=condition=Available deployment --all --timeout=300s >/dev/null; }

namespace() {
  kube create namespace "$1" --dry-run=client --output yaml | kube apply --server-side --filename - >/dev/null
}

install_knative() {
  say "Knative Serving $KNATIVE_SERVING_VERSION with Kourier"
  apply "$knative/serving-crds.yaml"
  established
  apply "$knative/serving-core.yaml" "$kourier/kourier.yaml"
  available knative-serving # the webhook looks at every change of the ConfigMap
  kube patch configmap config-network --namespace knative-serving --type merge \
    --patch '{"data":{"ingress-class":"kourier.ingress.networking.knative.dev"}}' >/dev/null
  say "Knative Eventing $KNATIVE_EVENTING_VERSION"
  apply "$eventing/eventing-crds.yaml"
  established
  apply "$eventing/eventing-core.yaml" "$eventing/in-memory-channel.yaml" "$eventing/mt-channel-broker.yaml"
  available kourier-system
  available knative-eventing
}

# One password for the two places that need it: Gitea's own namespace, and InfraForge's, whose setup Job mints tokens.
admin_secret() {
  local password data
  if ! kube get secret gitea-admin --namespace gitea >/dev/null 2>&1; then
    password=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')
    kube create secret generic gitea-admin --namespace gitea \
      --from-literal=username=gitea-admin --from-file=password=<(printf '%s' "$password") >/dev/null
  fi
  data=$(kube get secret gitea-admin --namespace gitea --output jsonpath='{.data}')
  printf '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"gitea-admin"},"data":%s}\n' "$data" |
    kube apply --server-side --force-conflicts --namespace "$system_namespace" --filename - >/dev/null
}

install_gitea() {
  say "Gitea, chart $GITEA_CHART_VERSION"
  namespace gitea
  admin_secret
  helm upgrade --install gitea "$GITEA_CHART" --version "$GITEA_CHART_VERSION" --kube-context "$context" \
    --namespace gitea --values "$here/gitea-values.yaml" --wait --timeout 10m >/dev/null
}

install_argocd() {
  say "ArgoCD, chart $ARGOCD_CHART_VERSION"
  namespace argocd
  helm upgrade --install argocd argo-cd --repo "$ARGOCD_CHART_REPOSITORY" --version "$ARGOCD_CHART_VERSION" \
    --kube-context "$context" --namespace argocd --values "$here/argocd-values.yaml" --wait --timeout 10m >/dev/null
}

namespace "$system_namespace"
kube label --overwrite namespace "$system_namespace" pod-security.kubernetes.io/enforce=restricted >/dev/null
for part in knative gitea argocd; do
  [[ $skipped == *" $part "* ]] || "install_$part"
done
