#!/usr/bin/env bash
# Builds the agent as it ships for one target, the same bytes wherever and whenever it is done.
#
#   packaging/build-agent.sh TARGET OUT
#
# TARGET is x86_64-unknown-linux-musl, aarch64-unknown-linux-musl or x86_64-pc-windows-gnu; OUT the file that is
# written. The compiler is the one of rust-toolchain.toml, so the sources and Cargo.lock decide what comes out.
set -euo pipefail

target=${1:?usage: packaging/build-agent.sh TARGET OUT}
out=${2:?usage: packaging/build-agent.sh TARGET OUT}
cd "$(dirname "$0")/.."

program=muster-agent fortify=
case "$target" in
  x86_64-unknown-linux-musl)
    # The C of the cryptography is compiled against musl's headers; Rust brings start files, libc and linker flags.
    export CC_x86_64_unknown_linux_musl=musl-gcc
    ;;
  aarch64-unknown-linux-musl)
    # glibc's headers do for ring, whose C asks for nothing but fixed-size types and memcpy. No fortified calls:
    # musl has none.
    export CC_aarch64_unknown_linux_musl=aarch64-linux-gnu-gcc AR_aarch64_unknown_linux_musl=aarch64-linux-gnu-ar
    fortify=-U_FORTIFY_SOURCE
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER=rust-lld
    ;;
  x86_64-pc-windows-gnu) program=muster-agent.exe ;;
  *)
    echo "build-agent: no way to build for $target here" >&2
    exit 2
    ;;
esac

root=$PWD
registry=${CARGO_HOME:-$HOME/.cargo}
folder=${CARGO_TARGET_DIR:-$root/target}
# Panic messages name source files: paths of this machine would end up in the program.
maps="--remap-path-prefix=$root=/muster --remap-path-prefix=$registry=/cargo --remap-path-prefix=$folder=/target"
# The same for what C compilers write down.
export CFLAGS="-ffile-prefix-map=$registry=/cargo -ffile-prefix-map=$folder=/target $fortify ${CFLAGS:-}"
# A PE file has a time in its header unless the linker is told not to.
case "$target" in *windows*) maps="$maps -Clink-arg=-Wl,--no-insert-timestamp" ;; esac
# Relocations as a bitmap, which start files of musl 1.2.4 and newer read: a thirtieth of the program less. The one for
# aarch64 is no position-independent program, and has none.
case "$target" in
  x86_64*linux*) maps="$maps -Clink-arg=-Wl,-z,pack-relative-relocs -Clink-arg=-Wl,-T,$root/packaging/no-unwind.ld" ;;
esac
export RUSTFLAGS="$maps" CARGO_INCREMENTAL=0

cargo build --locked --quiet --profile agent --target "$target" --package agent --bin muster-agent
mkdir -p "$(dirname "$out")"
install -m 755 "$folder/$target/agent/$program" "$out"
