# shellcheck shell=bash disable=SC2034 # whoever sources this uses the variables
# What the scripts of this folder share; sourced, not run.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# shellcheck source=versions.env
source "$here/versions.env"

cluster=${INFRAFORGE_KIND_CLUSTER:-infraforge}
registry=$cluster-registry
registry_port=${INFRAFORGE_KIND_REGISTRY_PORT:-5001}

say() { printf '▸ %s\n' "$*"; }

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# needs TOOL WHERE: end with a message that says where a missing tool comes from.
needs() {
  command -v "$1" >/dev/null 2>&1 || fail "$1 is not on the PATH: $2"
}
