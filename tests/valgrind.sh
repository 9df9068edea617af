#!/usr/bin/env bash
# Runs the unit tests that need no oneDNN under valgrind: BUILD=build valgrind.sh [WORD]. Every error
# and every block that is definitely lost counts.
set -u
cd "$(dirname "$0")/.."
failed=0 count=0
for test in "$BUILD"/tests/unit/*"${1:-}"*_test; do
  case $(basename "$test") in engine_* | live_*) continue ;; esac
  count=$((count + 1))
  log=$BUILD/valgrind-$(basename "$test").log
  if valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
    --suppressions=tests/valgrind.supp --log-file="$log" "$test" >"$log.out" 2>&1; then
    echo "clean  $test"
  else
    echo "FAILED $test"
    tail -20 "$log.out"
    head -60 "$log"
    failed=$((failed + 1))
  fi
done
echo "$((count - failed)) unit tests clean under valgrind, $failed not"
[ "$failed" = 0 ]
