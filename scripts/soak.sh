#!/usr/bin/env bash
# Lets a fleet live for a week in an hour against one collector, watches what grows, and prints two JSON objects: the
# fleet's figures, with every host's rows compared in the end, and what became of memory, descriptors, threads,
# sessions, the queue's disk, partitions and dead rows. Fails when something grew that is no data.
#
#   scripts/soak.sh [MINUTES]      60 without
#
# AGENTS, APPS and COMPANIES say how large the fleet is. Each host says something every hour of its week and
# changes four times a day.
set -euo pipefail

cd "$(dirname "$0")/.."
minutes=${1:-60}
samples=$(mktemp "${TMPDIR:-/tmp}/muster-soak.XXXXXX")
trap 'rm -f "$samples"' EXIT
export AGENTS=${AGENTS:-3000} APPS=${APPS:-200} COMPANIES=${COMPANIES:-10}
# What is kept of judgements may take 200 MB without this, and would still be filling up after an hour.
export MUSTER_ENRICHMENT_CACHE_ENTRIES=${MUSTER_ENRICHMENT_CACHE_ENTRIES:-20000}
export CHANGE_SECONDS=$((minutes * 60)) FLEET_WATCH=$samples
speed=$((7 * 24 * 60 / minutes))
export LIFE="--speed $speed --heartbeat-every-s 3600 --change-every-s 21600 --ramp-s 60 --after-inventories"
# Before an hour is spent on it.
python3 scripts/soak.py test >/dev/null
scripts/fleet.sh steady
python3 scripts/soak.py judge "$samples" "$minutes"
