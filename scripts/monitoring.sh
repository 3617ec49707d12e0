#!/usr/bin/env bash
# Checks what watches a site: rules, their tests, dashboards.
#
#   scripts/monitoring.sh check   their form, and when each alert fires (promtool)
#   scripts/monitoring.sh test    the same against a collector under load that a Prometheus scrapes: every query
#                                 of every dashboard gives something, every rule evaluates, and every alert fires
#                                 by what it is about, but for what scripts/monitoring.py says
set -euo pipefail

cd "$(dirname "$0")/.."
# Beside the system's, which may have none.
PATH=$PATH:$PWD/.tools/prometheus/usr/bin
folder=packaging/monitoring

check() {
  "$folder/dashboards.py" --check
  said=$(promtool check config "$folder/prometheus/prometheus.yml" 2>&1 &&
    promtool check rules "$folder/prometheus/rules.yml" 2>&1 &&
    promtool test rules "$folder/prometheus/rules_test.yml" 2>&1) || { echo "$said" >&2; exit 1; }
}

case "${1:-}" in
  check) check ;;
  test)
    check
    exec scripts/with-postgres.sh python3 -B scripts/monitoring.py
    ;;
  *) echo "usage: monitoring.sh check|test" >&2; exit 2 ;;
esac
