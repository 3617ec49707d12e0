#!/usr/bin/env bash
# Feeds every parser made-up bytes for a while, and prints one JSON object a target: how many inputs, how many
# lines of code they reached, and what broke.
#
#   scripts/fuzz.sh [SECONDS [TARGET…]]
#
# Begins with each target's corpus and leaves it as it is: what is found anew lies in target/fuzz/corpus and is
# where the next run goes on. An input that breaks a parser is named and kept; it belongs into the corpus, with
# the fix. Needs a nightly compiler and cargo-fuzz, and says how to get them.
set -euo pipefail

seconds=${1:-60}
shift || true
cd "$(dirname "$0")/.."
root=$PWD

say() { printf 'fuzz: %s\n' "$*" >&2; }
if ! cargo +nightly --version >/dev/null 2>&1; then say 'no nightly compiler: rustup toolchain install nightly'; exit 2; fi
if ! cargo fuzz --version >/dev/null 2>&1; then say 'no cargo-fuzz: cargo install cargo-fuzz'; exit 2; fi

# fuzz CRATE TARGET
fuzz() {
  local crate=$1 target=$2 found="$root/target/fuzz/corpus/$1-$2" log="$root/target/fuzz/$1-$2.log" code=0 inputs reached
  mkdir -p "$found"
  # The first folder is the one that is written to.
  (cd "$crate" && cargo +nightly fuzz run "$target" "$found" "fuzz/corpus/$target" -- \
    -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=10 -print_final_stats=1) >"$log" 2>&1 || code=$?
  inputs=$(sed -nE 's/^stat::number_of_executed_units: +([0-9]+).*/\1/p' "$log")
  reached=$(sed -nE 's/.* cov: ([0-9]+) .*/\1/p' "$log" | tail -n 1)
  printf '{"name":"fuzz %s %s","value":%s,"unit":"inputs","reached":%s,"broken":%s}\n' \
    "$crate" "$target" "${inputs:-0}" "${reached:-0}" "$([ $code -eq 0 ] && echo false || echo true)"
  if [ $code -ne 0 ]; then say "$crate $target: see $log"; tail -n 15 "$log" >&2; fi
  return $code
}

# All of them before the first: what cannot be listed, or is called otherwise, must not pass for parsers that hold.
targets=() names=' '
for folder in */fuzz; do
  crate=${folder%/fuzz}
  listed=$(cd "$crate" && cargo +nightly fuzz list) || { say "the targets of $crate cannot be listed"; exit 1; }
  for target in $listed; do
    targets+=("$crate $target")
    names+="$target "
  done
done
if [ ${#targets[@]} -eq 0 ]; then say 'there is no target'; exit 1; fi
for wanted in "$@"; do
  if [[ "$names" != *" $wanted "* ]]; then say "no target is called $wanted; there are:$names"; exit 2; fi
done

code=0
for one in "${targets[@]}"; do
  read -r crate target <<<"$one"
  if [ $# -gt 0 ] && [[ " $* " != *" $target "* ]]; then continue; fi
  fuzz "$crate" "$target" || code=1
done
exit $code
