#!/usr/bin/env bash
# Runs every libFuzzer target for so many seconds each: run.sh SECONDS on its seeds and what earlier runs learnt.
set -eu
limit=$1
cd "$(dirname "$0")/../.."
for program in "$BUILD"/tests/fuzz/*_fuzz; do
  name=$(basename "$program" _fuzz)
  corpus=$BUILD/corpus/$name
  mkdir -p "$corpus" "$BUILD/found"
  echo "== $name"
  # protobuf's and libonnx's own tables are never freed: leaks are looked for by the mutations.
  ASAN_OPTIONS=detect_leaks=0 "$program" -max_total_time="$limit" -max_len=65536 -rss_limit_mb=4096 -timeout=30 \
    -print_final_stats=1 -verbosity=1 -artifact_prefix="$BUILD/found/$name-" "$corpus" "tests/fuzz/seeds/$name" \
    >"$BUILD/$name.log" 2>&1 || { tail -40 "$BUILD/$name.log"; exit 1; }
  grep -E "number_of_executed_units|average_exec_per_sec|new_units_added" "$BUILD/$name.log"
done
