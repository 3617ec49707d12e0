#!/usr/bin/env bash
# rpm itself resolves what our rpms require, on what each family of distributions has.
#
#   packaging/tests/families.sh RPM…
#   packaging/tests/families.sh --stand-ins FAMILY FOLDER RPM…      the packages of one family alone, into a folder
#
# A database of rpm a family, of packages made on the spot: their names, and the files and names by which others ask for
# them, as in the families' own specifications. Only names are proven: no program of any family is run.
set -euo pipefail

alone='' into=''
if [ "${1:-}" = --stand-ins ]; then
  alone=${2:?} into=${3:?}
  shift 3
fi
[ $# -gt 0 ] || { echo 'usage: packaging/tests/families.sh [--stand-ins FAMILY FOLDER] RPM…' >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
checks=0
say() { printf 'test-families: %s\n' "$*" >&2; }

# A package with these files, which gives these names besides its own.
stand_in() { # stand_in FAMILY NAME 'FILE…' 'NAME…'
  local files=$3 gives=$4
  {
    printf 'Name: %s\nVersion: 1\nRelease: 1\nSummary: Stands in for %s\nLicense: MIT\nBuildArch: noarch\nAutoReqProv: no\n' "$2" "$2"
    for name in $gives; do printf 'Provides: %s\n' "$name"; done
    printf '%%description\nStands in.\n%%install\n'
    for file in $files; do printf 'mkdir -p %%{buildroot}%s && touch %%{buildroot}%s\n' "${file%/*}" "$file"; done
    printf '%%files\n'
    for file in $files; do printf '%s\n' "$file"; done
  } >"$work/$2.spec"
  rpmbuild -bb --quiet --define "_topdir $work/build" --define "_rpmdir $work/$1" --define '_rpmfilename %{NAME}.rpm' \
    "$work/$2.spec" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
}

# The libraries that a program names, which are the C library's in every family.
libraries() { rpm -qp --requires "$@" | grep -E '^(lib[a-z0-9_+-]+|ld-linux[a-z0-9_-]*)\.so\.|^rtld\(' | sort -u || true; }
mapfile -t named < <(libraries "$@")
# shadow-utils.spec of RHEL and of Fedora to 41; of Fedora from 42 on, whose /usr/sbin is /usr/bin; shadow.spec of openSUSE;
# and a system that has no way to make a user: whoever is taken there was never asked.
make_family() { # make_family NAME
  stand_in "$1" bash '/bin/sh /bin/bash' ''
  stand_in "$1" coreutils '/usr/bin/install' ''
  stand_in "$1" util-linux '/usr/sbin/runuser' ''
  stand_in "$1" systemd '/usr/bin/systemctl' ''
  stand_in "$1" glibc '/usr/bin/getent' "${named[*]}"
  case $1 in
    redhat) stand_in redhat shadow-utils '/usr/sbin/useradd /usr/sbin/groupadd' '' ;;
    fedora) stand_in fedora shadow-utils '/usr/bin/useradd /usr/bin/groupadd' '/usr/sbin/useradd /usr/sbin/groupadd' ;;
    suse) stand_in suse shadow '/usr/sbin/useradd /usr/sbin/groupadd' 'pwdutils useradd_or_adduser_dep' ;;
    bare) ;;
  esac
}
if [ -n "$alone" ]; then
  make_family "$alone"
  mkdir -p "$into"
  cp "$work/$alone"/*.rpm "$into/"
fi

on() { rpm --root "$work/root-$1" --dbpath /var/lib/rpm --define '_pkgverify_level none' "${@:2}"; }
for family in ${alone:-redhat fedora suse bare}; do
  [ -z "$alone" ] || break
  make_family "$family"
  mkdir -p "$work/root-$family/var/lib/rpm"
  on "$family" --initdb
  # Debian's rpm says every time that its system has another package manager.
  on "$family" --install --justdb --noscripts "$work/$family"/*.rpm >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  for package in "$@"; do
    # Of another processor as well: what a package requires is the same there.
    code=0
    on "$family" --install --test --ignorearch "$package" >"$work/log" 2>&1 || code=$?
    expected=0
    [ "$family" != bare ] || expected=1
    if [ $((code != 0)) -ne $expected ]; then
      say "FAILED  $(basename "$package") on $family ends with $code"
      cat "$work/log" >&2
      exit 1
    fi
    checks=$((checks + 1))
  done
  if [ "$family" = bare ]; then say 'ok      nothing installs where no user can be made'; else say "ok      what is required is there on $family"; fi
done
[ -n "$alone" ] || say "$checks checks passed"
