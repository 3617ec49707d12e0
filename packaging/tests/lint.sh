#!/usr/bin/env bash
# lintian and rpmlint have nothing to say that is not defended in packaging/debian and packaging/rpm; the units are well formed.
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
# Their programs are not on this machine; whatever else is wrong would be said.
unit=$(mktemp -d)
trap 'rm -rf "$unit"' EXIT
for service in muster-agent muster-collector; do
  sed "s#^ExecStart=.*#ExecStart=/bin/true#" "packaging/systemd/$service.service" >"$unit/$service.service"
  systemd-analyze verify --man=no "$unit/$service.service"
  systemd-analyze security --offline=true --threshold=25 "$unit/$service.service" --no-pager | tail -n 1
done
