#!/usr/bin/env bash
# Builds the collector as it ships, with the console in it, for this machine's architecture.
#
#   packaging/build-collector.sh OUT
#
# Linked against this machine's glibc, so build on the oldest distribution that is to run it: decision 44 has why it is
# not static. The compiler is the one of rust-toolchain.toml.
set -euo pipefail

out=${1:?usage: packaging/build-collector.sh OUT}
cd "$(dirname "$0")/.."

scripts/bootstrap.sh console
scripts/console.sh build
root=$PWD
registry=${CARGO_HOME:-$HOME/.cargo}
folder=${CARGO_TARGET_DIR:-$root/target}
target=$(rustc -vV | sed -n 's/^host: //p')
# Panic messages name source files, and C compilers write down folders: paths of this machine would end up in it.
export RUSTFLAGS="--remap-path-prefix=$root=/muster --remap-path-prefix=$registry=/cargo --remap-path-prefix=$folder=/target"
export CFLAGS="-ffile-prefix-map=$registry=/cargo -ffile-prefix-map=$folder=/target ${CFLAGS:-}" CARGO_INCREMENTAL=0

# With the target named, build scripts and macros are not built with these flags as well.
cargo build --locked --quiet --release --target "$target" --package collector --bin muster-collector
mkdir -p "$(dirname "$out")"
install -m 755 "$folder/$target/release/muster-collector" "$out"
strip --strip-unneeded "$out"
