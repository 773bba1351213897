#!/bin/sh
# Every shell script is clean for shellcheck, and what runs on people's hosts without a remark. (SC1091: sourced files are checked
# themselves.)
cd "$1" || exit 1
git ls-files '*.sh' .ci/run 2>/dev/null | grep . >/dev/null || { echo "no scripts found: is this a git checkout?"; exit 1; }
shellcheck -x agents/*.sh || exit 1
git ls-files '*.sh' .ci/run | xargs shellcheck -x -e SC1091 -S warning
