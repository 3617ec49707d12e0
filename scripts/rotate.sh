#!/usr/bin/env bash
# Puts another certificate authority in the place of the first under a thousand connected agents, and sees that
# none enrols again and none is refused.
#
#   scripts/rotate.sh [AGENTS]
#
# `make test` does the same with 200. Of the whole workspace, or it would be built again with fewer features.
set -euo pipefail

cd "$(dirname "$0")/.."
MUSTER_TEST_ROTATION_AGENTS=${1:-1000} scripts/with-postgres.sh \
  cargo nextest run --workspace -E 'package(collector) & test(/^rotation::/)'
