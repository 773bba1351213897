#!/bin/bash
# Runs everything and prints "N passed, N failed" last:
#   1. unit, fuzz-seed and lint tests with gcc, AddressSanitizer and UndefinedBehaviorSanitizer
#   2. the same sources built by clang without a warning, its unit tests
#   3. system tests (network namespaces, foreign clients) against the sanitized binaries
#   4. boot tests (QEMU) against the plain build, as many at once as memory allows
#   5. the benchmarks in their short form, which shows that they work and measures nothing
set -u
cd "$(dirname "$(readlink -f "$0")")/.." || exit 1
logs=()
say() { printf '\n== %s\n' "$1"; }

# build DIR COMPILER OPTIONS...
build() {
    local dir=$1 compiler=$2
    shift 2
    if [ ! -f "$dir/build.ninja" ]; then
        CC=$compiler meson setup "$dir" "$@" >"$dir.log" 2>&1 || { tail -30 "$dir.log"; return 1; }
    fi
    ninja -C "$dir" >"$dir.log" 2>&1 || { grep -A8 -E 'error|FAILED' "$dir.log" | head -60; return 1; }
}

# run DIR SUITE PARALLEL
run() {
    local dir=$1 suite=$2 parallel=$3 name
    name=$(basename "$dir")-$suite
    rm -f "$dir/meson-logs/$name.json"
    meson test -C "$dir" --no-rebuild --suite "$suite" --num-processes "$parallel" --print-errorlogs --logbase "$name"
    logs+=("$dir/meson-logs/$name.json")
}

broken=0
start=$SECONDS
say "1. gcc with sanitizers: unit tests, fuzz seeds, house rules"
if build build-asan gcc -Db_sanitize=address,undefined -Db_lundef=false; then run build-asan unit 2; else broken=$((broken + 1)); fi
say "2. clang: warnings are errors, unit tests"
if build build-clang clang; then run build-clang unit 2; else broken=$((broken + 1)); fi
say "3. system tests: namespaces and foreign clients"
[ -f build-asan/build.ninja ] && run build-asan system 2
say "4. boot tests: QEMU without KVM"
if build build gcc; then run build boot 2; else broken=$((broken + 1)); fi
say "5. benchmarks, the short form: bootherd beside the peers"
run build bench 1
echo
echo "all of it took $((SECONDS - start)) s"
python3 tests/count.py "$broken" "${logs[@]}"
