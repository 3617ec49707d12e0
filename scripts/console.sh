#!/usr/bin/env bash
# Builds and tests the web console.
#
#   scripts/console.sh build          npm ci, then console/dist, which the collector carries; nothing when it is of now
#   scripts/console.sh check          types, lints, form, unit tests
#   scripts/console.sh test           check, then Chromium against a real collector, PostgreSQL and agent
#   scripts/console.sh screenshots    a picture of every page into SCREENSHOTS
#   scripts/console.sh bench          measures every page of the site in CONSOLE_SITE (scripts/bench-console.sh)
#
# The programs are taken from BINARIES; the browser from CHROMIUM, or the system's.
set -euo pipefail

what=${1:?usage: console.sh build|check|test|screenshots|bench}
cd "$(dirname "$0")/.."

say() { printf 'console: %s\n' "$*" >&2; }

# What scripts/bootstrap.sh put there when the system's own is too old.
[ ! -x .tools/node/node_modules/node/bin/node ] || PATH=$PWD/.tools/node/node_modules/node/bin:$PATH
command -v npm >/dev/null || { say 'npm is missing: run scripts/bootstrap.sh console'; exit 1; }
if [ ! -e console/node_modules/.package-lock.json ] || [ console/package-lock.json -nt console/node_modules/.package-lock.json ]; then
  npm --prefix console ci --no-audit --no-fund
fi

# One sum of all that console/dist is made from.
inputs() {
  (
    cd console
    find index.html openapi.json package.json package-lock.json public scripts src tsconfig*.json vite.config.ts \
      -type f ! -path src/api/schema.d.ts -print0 | LC_ALL=C sort -z | xargs -0 cksum
    node --version
  ) | cksum
}

browser() {
  CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
  [ -n "$CHROMIUM" ] || { say 'Chromium is missing: install chromium, or name it in CHROMIUM'; exit 1; }
  BINARIES=${BINARIES:-${CARGO_TARGET_DIR:-$PWD/target}/release}
  for program in muster-collector muster-agent; do
    [ -x "$BINARIES/$program" ] || { say "$BINARIES/$program is missing: build it first"; exit 1; }
  done
  export CHROMIUM BINARIES
}

case "$what" in
  build)
    # New files of the same content would have the collector compiled again.
    built=console/node_modules/.tmp/built
    now=$(inputs)
    if [ -e console/dist/index.html ] && [ "$now" = "$(cat $built 2>/dev/null)" ]; then exit 0; fi
    before=$(cksum console/dist/index.html 2>/dev/null || true)
    npm --prefix console run --silent build
    # Cargo does not look for files that were not there: it is told to carry others now.
    [ "$before" = "$(cksum console/dist/index.html)" ] || touch collector/src/http/console.rs
    mkdir -p "${built%/*}"
    echo "$now" >$built
    ;;
  check) npm --prefix console run --silent check ;;
  test)
    npm --prefix console run --silent check
    browser
    npm --prefix console run --silent test:browser -- --project=pages --project=access "${@:2}"
    ;;
  screenshots)
    browser
    case "${SCREENSHOTS:=console/screenshots}" in /*) ;; *) SCREENSHOTS=$PWD/$SCREENSHOTS ;; esac
    export SCREENSHOTS
    npm --prefix console run --silent test:browser -- --project=screenshots
    ;;
  bench)
    browser
    npm --prefix console run --silent test:browser -- --project=bench
    ;;
  *) say "unknown: $what"; exit 2 ;;
esac
