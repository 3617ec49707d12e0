#!/usr/bin/env bash
# Checks what is deployed by files: every overlay is rendered, and each object, the compose file and the image's tree hold.
#
#   packaging/tests/deploy.sh
#
# Nothing is applied to a cluster and no engine for containers is needed. Tools come by scripts/bootstrap.sh deploy.
set -euo pipefail

cd "$(dirname "$0")/../.."
python=.tools/deploy/bin/python
[ -x $python ] || { echo 'deploy: run scripts/bootstrap.sh deploy' >&2; exit 2; }

.tools/deploy/bin/yamllint --strict --config-file packaging/tests/yamllint.yaml packaging/container packaging/kubernetes
# Those that are run; the others are parts of them.
grep -lE '^#!/usr/bin/env bash' packaging/container/*.sh packaging/tests/*.sh packaging/*.sh | xargs shellcheck --external-sources
rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT
for overlay in small standard large; do
  kubectl kustomize "packaging/kubernetes/overlays/$overlay" >"$rendered/$overlay.yaml"
done
$python packaging/tests/deploy.py "$rendered"/*.yaml
$python packaging/tests/backups.py "$rendered/small.yaml"
$python packaging/tests/compose.py packaging/container/compose.yaml .tools/deploy/compose/compose/config/compose_spec.json
