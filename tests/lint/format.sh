#!/bin/sh
# Every C file is as clang-format leaves it.
cd "$1" || exit 1
command -v clang-format >/dev/null || { echo "clang-format is missing: apt-get install clang-format"; exit 1; }
find src tests \( -name '*.c' -o -name '*.h' \) -exec clang-format --dry-run -Werror {} +
