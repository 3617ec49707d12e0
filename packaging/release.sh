# What every packaging script agrees on; to be sourced from the top of the tree.
#
# `version` and `revision` name what is built, SOURCE_DATE_EPOCH is the only time that gets into a package: that of
# the newest commit, so that the same sources give the same packages.
version=${MUSTER_VERSION:-$(sed -nE '/^\[workspace.package\]/,/^\[/s/^version = "([^"]+)"$/\1/p' Cargo.toml)}
# shellcheck disable=SC2034 # by those who source this
revision=${MUSTER_REVISION:-1}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC
umask 022
if [ -z "$version" ]; then echo 'packaging: Cargo.toml names no version' >&2; exit 1; fi

# Puts a part of a maintainer script in the place of its mark, without the comment above it.
with_parts() { # with_parts FILE
  sed -e '/^#TAKE_TOKEN#$/{' -e 'r installers/linux/take-token.sh' -e 'd' -e '}' \
    -e '/^#OLD_SYSTEMD#$/{' -e 'r installers/linux/old-systemd.sh' -e 'd' -e '}' \
    -e '/^#GIVE_UP#$/{' -e 'r installers/linux/give-up.sh' -e 'd' -e '}' "$1"
}

# The manual page of this version, without a time of its own.
manual() { # manual NAME OUT
  sed -e "s/@VERSION@/$version/" -e "s/@DATE@/$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)/" \
    "packaging/man/$1.8" >"$2"
}

# The configuration file that a package brings: every setting with its default.
configuration() { # configuration PRODUCT PROGRAM
  case $1 in
    agent) cat agent/agent.toml ;;
    # Whoever knows all settings is the program itself, so it is one for this machine.
    collector) env -i "$2" config default ;;
  esac
}
