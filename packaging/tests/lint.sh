#!/usr/bin/env bash
# lintian and rpmlint have nothing to say that is not defended in packaging/debian and packaging/rpm; the unit is well formed.
#
#   packaging/tests/lint.sh PACKAGES
set -euo pipefail

packages=${1:?usage: packaging/tests/lint.sh PACKAGES}
cd "$(dirname "$0")/../.."
for package in "$packages"/*.deb; do
  lintian --fail-on error,warning,info --info --tag-display-limit 0 "$package"
done
said=$(rpmlint --config packaging/rpm/rpmlintrc.toml "$packages"/*.rpm)
echo "$said"
grep -q ' 0 errors, 0 warnings' <<<"$said"
# Its program is not on this machine; whatever else is wrong would be said.
unit=$(mktemp -d)
trap 'rm -rf "$unit"' EXIT
sed "s#^ExecStart=.*#ExecStart=/bin/true#" packaging/systemd/muster-agent.service >"$unit/muster-agent.service"
systemd-analyze verify --man=no "$unit/muster-agent.service"
systemd-analyze security --offline=true --threshold=25 "$unit/muster-agent.service" --no-pager | tail -n 1
