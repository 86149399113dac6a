#!/usr/bin/env bash
# A developer's cluster: kind with a registry beside it, and the platform that InfraForge needs. Run it again whenever
# you like: what is there already is left as it is, or brought to the pinned version.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

needs docker "https://docs.docker.com/engine/install"
needs kind "https://kind.sigs.k8s.io/docs/user/quick-start#installation"
needs kubectl "https://kubernetes.io/docs/tasks/tools"
needs helm "https://helm.sh/docs/intro/install"
docker info >/dev/null 2>&1 || fail "docker is installed, but its engine does not answer: start it"

context=kind-$cluster

start_registry() {
  case $(docker inspect --format '{{.State.Running}}' "$registry" 2>/dev/null || true) in
    true) return ;;
    false) docker start "$registry" >/dev/null ;;
    *)
      say "Starting the registry at localhost:$registry_port"
      docker run --detach --restart=unless-stopped --name "$registry" --network bridge \
        --publish "127.0.0.1:$registry_port:5000" "$REGISTRY_IMAGE" >/dev/null
      ;;
  esac
}

create_cluster() {
  if kind get clusters 2>/dev/null | grep --quiet --line-regexp --fixed-strings "$cluster"; then
    kind export kubeconfig --name "$cluster" >/dev/null 2>&1
    return
  fi
  say "Creating the cluster $cluster"
  kind create cluster --name "$cluster" --image "$KIND_NODE_IMAGE" --wait 180s --config "$here/cluster.yaml"
}

# https://kind.sigs.k8s.io/docs/user/local-registry: localhost means the node itself there, so each node is told where
# images of localhost:PORT really are.
connect_registry() {
  local node folder=/etc/containerd/certs.d/localhost:$registry_port
  for node in $(kind get nodes --name "$cluster"); do
    docker exec "$node" mkdir -p "$folder"
    docker exec --interactive "$node" tee "$folder/hosts.toml" >/dev/null <<<"[host.\"http://$registry:5000\"]"
  done
  if [[ $(docker inspect --format '{{json .NetworkSettings.Networks.kind}}' "$registry") == null ]]; then
    docker network connect kind "$registry"
  fi
}

# KEP-1755: skaffold reads it, pushes there, and deploys by digest.
announce_registry() {
  kubectl --context "$context" apply --filename - >/dev/null <<YAML
apiVersion: v1
kind: ConfigMap
metadata:
  name: local-registry-hosting
  namespace: kube-public
data:
  localRegistryHosting.v1: |
    host: "localhost:$registry_port"
    help: "https://kind.sigs.k8s.io/docs/user/local-registry/"
YAML
}

start_registry
create_cluster
connect_registry
announce_registry
"$here/platform.sh" --context "$context"

cat <<TEXT

The cluster $cluster is ready. Build and install InfraForge:

    skaffold run --kube-context $context --profile kind

Remove the cluster again: infrastructure/kind/down.sh
TEXT
