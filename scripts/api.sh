#!/usr/bin/env bash
# Holds a running collector's API to its own OpenAPI document.
#
#   scripts/api.sh contract    made-up requests to every operation: no 5xx, no undocumented answer (schemathesis)
#   scripts/api.sh lint        the document's form (redocly)
#   scripts/api.sh client      a generated TypeScript client that compiles (openapi-typescript, tsc)
#
# Starts a collector of its own with a private PostgreSQL, a company, and something in it. Its tools go into
# .tools/, once.
set -euo pipefail

what=${1:?usage: api.sh contract|lint|client}
cd "$(dirname "$0")/.."
collector=${CARGO_TARGET_DIR:-$PWD/target}/${PROFILE:-release}/muster-collector

say() { printf 'api: %s\n' "$*" >&2; }

npm_tool() { # npm_tool PACKAGE…
  command -v npm >/dev/null || { say "npm is missing: install Node.js"; exit 1; }
  mkdir -p .tools/npm
  for package in "$@"; do
    name=${package%@*}
    [ -d ".tools/npm/node_modules/$name" ] || {
      say "installing $package into .tools/npm"
      npm install --silent --no-audit --no-fund --prefix .tools/npm "$package" >&2
    }
  done
}

if [ -z "${MUSTER_PG_CTL:-}" ]; then
  exec scripts/with-postgres.sh "$0" "$@"
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/muster-api.XXXXXX")
chmod 755 "$dir"
mkdir "$dir/data"
pid=
end() {
  local code=$?
  if [ -n "$pid" ]; then kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; fi
  if [ $code -eq 0 ]; then rm -rf "$dir"; else say "kept $dir"; fi
}
trap end EXIT

# Made-up requests come faster than anybody's; what limits do is tested elsewhere.
export MUSTER_HTTP_PRINCIPAL_REQUESTS_PER_MINUTE=100000000 MUSTER_HTTP_COMPANY_REQUESTS_PER_MINUTE=100000000
export MUSTER_HTTP_LISTEN=127.0.0.1:0
"$collector" --data-dir "$dir/data" company create Contract >/dev/null
(umask 077 && "$collector" --data-dir "$dir/data" key create contract --company Contract >"$dir/key")
"$collector" --data-dir "$dir/data" serve --roles api >>"$dir/log" 2>&1 &
pid=$!
until http=$(sed -nE 's/.*"http":"([^"]+)".*/\1/p' "$dir/data/collector.json" 2>/dev/null) && [ -n "$http" ]; do
  kill -0 "$pid" || { tail -n 20 "$dir/log" >&2; exit 1; }
  sleep 0.1
done
curl -fsS "http://$http/api/v1/openapi.json" >"$dir/openapi.json"

case "$what" in
  contract)
    if [ ! -x .tools/venv/bin/schemathesis ]; then
      say "installing schemathesis into .tools/venv"
      [ -d .tools/venv ] || python3 -m venv .tools/venv
      .tools/venv/bin/pip install --quiet --disable-pip-version-check schemathesis==4.32.5
    fi
    # In `dir`, where it leaves its notes. A stream of events has no end to wait for.
    schemathesis=$PWD/.tools/venv/bin/schemathesis
    (cd "$dir" && "$schemathesis" run "http://$http/api/v1/openapi.json" \
      --header "Authorization: Bearer $(cat "$dir/key")" \
      --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance \
      --exclude-path /api/v1/events \
      --phases examples,coverage,fuzzing --max-examples "${EXAMPLES:-20}" --seed "${SEED:-1}" \
      --continue-on-failure --no-color)
    if grep -qE '"level":"ERROR"|ERROR ' "$dir/log"; then
      say "the collector logged errors:"
      grep -E '"level":"ERROR"|ERROR ' "$dir/log" | head >&2
      exit 1
    fi
    ;;
  lint)
    npm_tool @redocly/cli@2.77.0
    .tools/npm/node_modules/.bin/redocly lint --extends=recommended \
      --skip-rule=operation-4xx-response --skip-rule=no-server-example.com "$dir/openapi.json" >&2
    ;;
  client)
    npm_tool openapi-typescript@7.13.0 typescript@5.9
    .tools/npm/node_modules/.bin/openapi-typescript "$dir/openapi.json" -o "$dir/api.ts" >&2
    cat >"$dir/use.ts" <<'TS'
import type { components, paths } from './api';

type Hosts = paths['/api/v1/hosts']['get']['responses'][200]['content']['application/json'];
type Problem = components['schemas']['Problem'];
export const names = (page: Hosts): string[] => page.items.map((host) => host.hostname);
export const fields = (problem: Problem): string[] => (problem.errors ?? []).map((error) => error.field);
TS
    .tools/npm/node_modules/.bin/tsc --strict --noEmit --target es2022 --module esnext \
      --moduleResolution bundler "$dir/use.ts"
    say "the generated client compiles"
    ;;
  *) say "unknown: $what"; exit 2 ;;
esac
