#!/usr/bin/env bash
# Holds a running collector's API to its own OpenAPI document.
#
#   scripts/api.sh contract    made-up requests to every operation: no 5xx, no undocumented answer (schemathesis)
#   scripts/api.sh lint        the form of the document that is in the repository (redocly); needs no collector
#   scripts/api.sh client      a generated TypeScript client that compiles (openapi-typescript, tsc)
#
# Starts a collector of its own with a private PostgreSQL and a company. For the contract the company has hosts with
# software and findings, and one of everything that paths name; the requests are a viewer's, a person's who is an admin, an
# admin's key's and an operator's, and most of the ids in them are of something that is there. PRINCIPALS names some of
# them: "viewer person admin operator". Tools go into .tools/, once.
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

# What the repository has is what the collector serves: a test of the API compares them.
if [ "$what" = lint ]; then
  # What scripts/bootstrap.sh put there when the system's own is too old.
  [ ! -x .tools/node/node_modules/node/bin/node ] || PATH=$PWD/.tools/node/node_modules/node/bin:$PATH
  npm_tool @redocly/cli@2.77.0
  export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
  exec .tools/npm/node_modules/.bin/redocly lint --extends=recommended \
    --skip-rule=operation-4xx-response --skip-rule=no-server-example.com console/openapi.json >&2
fi

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

muster() { "$collector" --data-dir "$dir/data" "$@"; }
secret() { # secret FILE WORDS…: what is shown once goes into a file of one's own
  (umask 077 && muster "${@:2}" >"$dir/$1")
}

# Made-up requests come faster than anybody's; what limits do is tested elsewhere.
export MUSTER_HTTP_PRINCIPAL_REQUESTS_PER_MINUTE=100000000 MUSTER_HTTP_COMPANY_REQUESTS_PER_MINUTE=100000000
export MUSTER_HTTP_LISTEN=127.0.0.1:0 MUSTER_FEEDS_SYNC=false
muster company create Contract >/dev/null
secret key key create contract --company Contract
roles=api
if [ "$what" = contract ]; then
  roles=ingest,api,jobs
  port=$((20000 + RANDOM % 20000))
  export MUSTER_INGEST_ADDRESSES=127.0.0.1:$port
  secret viewer key create contract-viewer --company Contract --role viewer
  secret operator key create contract-operator
  secret token token create --company Contract
  muster feed import enrichment/data/feed >/dev/null
fi
listen=()
[ "$what" != contract ] || listen=(--listen "127.0.0.1:$port")
"$collector" --data-dir "$dir/data" serve --roles "$roles" "${listen[@]}" >>"$dir/log" 2>&1 &
pid=$!
until http=$(sed -nE 's/.*"http":"([^"]+)".*/\1/p' "$dir/data/collector.json" 2>/dev/null) && [ -n "$http" ]; do
  kill -0 "$pid" || { tail -n 20 "$dir/log" >&2; exit 1; }
  sleep 0.1
done
curl -fsS "http://$http/api/v1/openapi.json" >"$dir/openapi.json"

api() { # api METHOD PATH [CURL WORDS…], as the company's admin
  curl -fsS -m 30 -X "$1" -H "Authorization: Bearer $(cat "$dir/key")" "http://$http/api/v1$2" "${@:3}"
}
field() { python3 -c 'import json, sys
found = json.load(sys.stdin)
for name in sys.argv[1:]: found = found[int(name) if name.isdigit() else name]
print(found)' "$@"; }

ids=()
thing() { # thing NAME ID: what a path calls NAME is this one, seven times in ten
  ids+=("$1=$2")
}
made() { # made NAME PATH BODY
  local answer
  answer=$(api POST "$2" -H 'Content-Type: application/json' -d "$3")
  thing "$1" "$(field id <<<"$answer")"
}
await() { # await SECONDS COMMAND…
  local until=$((SECONDS + $1))
  until "${@:2}" 2>/dev/null; do
    [ $SECONDS -lt $until ] || { say "not in time: ${*:2}"; exit 1; }
    kill -0 "$pid" || { tail -n 20 "$dir/log" >&2; exit 1; }
    sleep 0.2
  done
}
has_findings() { api GET '/findings?limit=1' | field items 0 >/dev/null; }
host_id() { api GET '/hosts?limit=1' | field items 0 id >/dev/null; }

fill() { # puts one of everything into the company
  "${collector%/*}/muster-sim" fleet --agents 3 --apps 40 --seconds 1 --change-every-s 0 --state "$dir/fleet" \
    --token-file "$dir/token" --api "http://$http" --api-key-file "$dir/key" --settle-s 60 --json >/dev/null 2>"$dir/sim.log" ||
    { tail -n 20 "$dir/sim.log" >&2; exit 1; }
  await 60 host_id
  company=$(api GET /me | field companies 0 company)
  thing company "$company"
  thing host "$(api GET '/hosts?limit=1' | field items 0 id)"
  made import '/imports?name=shop' '{"bomFormat":"CycloneDX","specVersion":"1.6","components":[
    {"name":"lodash","version":"4.17.15","purl":"pkg:npm/lodash@4.17.15"}]}'
  await 120 has_findings
  thing software "$(api GET '/findings?limit=1' | field items 0 software id)"
  thing cve "$(api GET '/findings?limit=1' | field items 0 cve id)"
  made label /labels '{"name":"web"}'
  made policy /policies '{"name":"nothing known","rule":{"no_finding":{}}}'
  made exception /exceptions '{"rule":{"cve":"CVE-2020-8203"},"status":"affected"}'
  made webhook /webhooks '{"name":"chat","url":"https://hooks.example/x","kinds":["policy.fail"]}'
  local webhook=${ids[-1]#*=}
  made delivery "/webhooks/$webhook/test" '{}'
  made schedule /report-schedules '{"name":"weekly","kind":"summary","format":"json","weekday":"monday","at":"06:30"}'
  made report /reports '{"name":"all","kind":"findings","format":"csv"}'
  thing job "$(api GET '/jobs?limit=1' | field items 0 id)"
  made token /enrolment-tokens '{"name":"contract"}'
  made key /api-keys '{"name":"other","role":"viewer"}'
  made invitation /invitations '{"email":"eve@example.org","role":"viewer"}'
  person
}

# Somebody who is an admin of the company and signed in; and somebody else, whom paths may name.
person() {
  local password='seven quiet herons' email token
  for email in bob@example.org ann@example.org; do
    token=$(api POST /invitations -H 'Content-Type: application/json' -d "{\"email\":\"$email\",\"role\":\"admin\"}" | field token)
    curl -fsS -m 30 -H 'Content-Type: application/json' -H 'Muster-Csrf: 1' "http://$http/api/v1/invitations/accept" \
      -d "{\"token\":\"$token\",\"name\":\"Ann\",\"password\":\"$password\"}"
  done
  thing user "$(api GET '/users' | field items 1 id)"
  local answer
  answer=$(umask 077 && curl -fsS -m 30 -D "$dir/heads" -H 'Content-Type: application/json' -H 'Muster-Csrf: 1' \
    "http://$http/api/v1/sessions" -d "{\"email\":\"ann@example.org\",\"password\":\"$password\"}")
  sed -nE 's/^[Ss]et-[Cc]ookie: ([^;]+);.*/\1/p' "$dir/heads" >"$dir/cookie"
  # One's own that is not the one that asks: another is begun for it.
  answer=$(curl -fsS -m 30 -H 'Content-Type: application/json' -H 'Muster-Csrf: 1' \
    "http://$http/api/v1/sessions" -d "{\"email\":\"ann@example.org\",\"password\":\"$password\"}")
  thing session "$(field id <<<"$answer")"
}

# The ids that are there, as the tool takes them.
known() {
  local one
  for one in "${ids[@]}"; do printf '[dictionaries.%s]\nvalues = ["%s"]\n' "${one%%=*}" "${one#*=}"; done
  echo '[parameters]'
  for one in "${ids[@]}"; do printf '"path.%s" = { dictionary = "%s", probability = 0.7 }\n' "${one%%=*}" "${one%%=*}"; done
}

contract() { # contract WHO HEADERS…
  local header headers=()
  for header in "${@:2}"; do headers+=(--header "$header"); done
  say "as $1"
  mkdir "$dir/$1-notes"
  known >"$dir/known.toml"
  # In a folder, where it leaves its notes. A stream of events has no end to wait for; whoever signs out or is told a new
  # password is nobody from then on, and a company that is shut answers nobody.
  (cd "$dir/$1-notes" && "$schemathesis" --config-file "$dir/known.toml" run "http://$http/api/v1/openapi.json" "${headers[@]}" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance \
    --exclude-path /api/v1/events --exclude-operation-id sign_out --exclude-operation-id set_own_password \
    --exclude-operation-id suspend_company --exclude-operation-id delete_company \
    --phases examples,coverage,fuzzing --max-examples "${EXAMPLES:-20}" --seed "${SEED:-1}" \
    --continue-on-failure --no-color)
}

case "$what" in
  contract)
    schemathesis=$PWD/.tools/venv/bin/schemathesis
    if [ ! -x .tools/venv/bin/schemathesis ]; then
      say "installing schemathesis into .tools/venv"
      [ -d .tools/venv ] || python3 -m venv .tools/venv
      .tools/venv/bin/pip install --quiet --disable-pip-version-check schemathesis==4.32.5
    fi
    fill
    # Whoever may do most comes last: what they end, nobody finds after them.
    for who in ${PRINCIPALS:-viewer person admin operator}; do
      case "$who" in
        viewer) contract viewer "Authorization: Bearer $(cat "$dir/viewer")" ;;
        person) contract person "Cookie: $(cat "$dir/cookie")" "Muster-Csrf: 1" ;;
        admin) contract admin "Authorization: Bearer $(cat "$dir/key")" ;;
        operator) contract operator "Authorization: Bearer $(cat "$dir/operator")" "Muster-Company: $company" ;;
        *) say "nobody is called $who"; exit 2 ;;
      esac
    done
    if grep -qE '"level":"ERROR"|ERROR ' "$dir/log"; then
      say "the collector logged errors:"
      grep -E '"level":"ERROR"|ERROR ' "$dir/log" | head >&2
      exit 1
    fi
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
