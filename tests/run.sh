#!/usr/bin/env bash
# Runs every test of a built project: core_tests under ASan and UBSan (dev preset), model_tests (LibTorch), then pytest
# (analysis, parity with the Python peers, whole runs). Called by ./cliplab test; ends with "N passed, N failed".
# Words given are passed to pytest; `./cliplab test fast` leaves the whole runs out.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
logs=$root/build/tests
mkdir -p "$logs"
rm -f "$logs"/*.xml
export CLIPLAB_ROOT=$root CLIPLAB_BIN=${CLIPLAB_BIN:-$root/build/release/cliplab}
export CLIPLAB_SHARED=${CLIPLAB_SHARED:-$root/../shared}
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
export ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1

step() { echo "== $*" >&2; }
step "the corpora that tests read"
for corpus in fashion_mnist openmoji gemojione tuxpaint drawings emoji_people emoji_flags; do "$CLIPLAB_BIN" data fetch "$corpus" || true; done
step "core_tests (ASan, UBSan)"
for shard in 0 1; do
  GTEST_TOTAL_SHARDS=2 GTEST_SHARD_INDEX=$shard "$root/build/dev/tests/core_tests" --gtest_brief=1 --gtest_color=no \
    --gtest_output="xml:$logs/core$shard.xml" >"$logs/core$shard.log" 2>&1 &
done
wait
cat "$logs"/core?.log
step "model_tests (LibTorch)"
"$root/build/release/tests/model_tests" --gtest_brief=1 --gtest_color=no --gtest_output="xml:$logs/model.xml" 2>&1 | tee "$logs/model.log"
for isa in avx2 best; do  # best: what the processor has
  step "isa_tests ($isa)"
  env $([[ $isa == best || $(uname -m) != x86_64 ]] || echo CLIPLAB_ISA="$isa") "$root/build/release/tests/isa_tests" \
    --gtest_brief=1 --gtest_color=no --gtest_output="xml:$logs/isa_$isa.xml" 2>&1 | tee "$logs/isa_$isa.log"
done
step "pytest: analysis, parity, whole runs"
selection=()
[[ ${1:-} == fast ]] && { shift; selection=(--ignore "$root/tests/e2e"); }
"$root/.venv/bin/python" -m pytest -q -p no:cacheprovider --junitxml "$logs/pytest.xml" "${selection[@]}" "$root/tests" "$@"
exec "$root/.venv/bin/python" "$root/tests/summary.py" "$logs" core0 core1 model isa_avx2 isa_best pytest
