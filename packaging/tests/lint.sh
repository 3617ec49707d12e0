#!/usr/bin/env bash
# lintian and rpmlint have nothing to say that is not defended in packaging/debian and packaging/rpm; what the rpms require
# is there in every family of distributions; the units are well formed, for the oldest systemd that they name as well.
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
packaging/tests/families.sh "$packages"/*.rpm
# Their programs are not on this machine; whatever else is wrong would be said.
unit=$(mktemp -d)
trap 'rm -rf "$unit"' EXIT
for service in muster-agent muster-collector; do
  sed "s#^ExecStart=.*#ExecStart=/bin/true#" "packaging/systemd/$service.service" >"$unit/$service.service"
  said=$(systemd-analyze verify --man=no "$unit/$service.service" 2>&1)
  # Not every warning is an exit code: a line that this systemd would rather not see is one.
  [ -z "$said" ] || { echo "$said" >&2; exit 1; }
  systemd-analyze security --offline=true --threshold=25 "$unit/$service.service" --no-pager | tail -n 1
done
packaging/tests/units.py packaging/systemd/*.service packaging/debian/agent/muster-agent.sysusers
# And it finds what it is for: the list that ended the agent on every systemd before 239.
sed -e '/^SystemCallFilter=/d' -e 's/^SystemCallErrorNumber=.*/SystemCallFilter=@system-service/' \
  packaging/systemd/muster-agent.service >"$unit/old.service"
said=$(packaging/tests/units.py "$unit/old.service" || true)
grep -q '219 does not know @system-service' <<<"$said"
