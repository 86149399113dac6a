#!/usr/bin/env bash
# Removes the developer's cluster and its registry, with everything in them.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

needs docker "https://docs.docker.com/engine/install"
needs kind "https://kind.sigs.k8s.io/docs/user/quick-start#installation"

kind delete cluster --name "$cluster"
if docker inspect "$registry" >/dev/null 2>&1; then
  docker rm --force --volumes "$registry" >/dev/null
fi
