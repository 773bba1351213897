# shellcheck shell=bash
# Test Anything Protocol, for tests in bash: plan N, then ok/not_ok, or check LABEL COMMAND..., then tap_end.

tap_count=0
tap_failed=0
tap_planned=
# What a checked command prints, in a file without a name, so that none stays behind however the test ends.
tap_said=$(mktemp)
exec 7<>"$tap_said"
rm "$tap_said"
tap_said=/proc/$$/fd/7

# need PROGRAM...: a test that cannot run fails.
need() {
    local program
    for program; do
        command -v "$program" >/dev/null || { echo "Bail out! $program is missing: install it" && exit 1; }
    done
}

plan() {
    tap_planned=$1
    echo "1..$1"
}

ok() {
    tap_count=$((tap_count + 1))
    echo "ok $tap_count - $*"
}

not_ok() {
    tap_count=$((tap_count + 1))
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_count - $*"
}

# What the last checked command printed.
tap_tell() {
    sed 's/^/# /' "$tap_said"
}

# check LABEL COMMAND...: passes when the command does; if not, what it printed comes as comments.
check() {
    local label=$1
    shift
    if "$@" >"$tap_said" 2>&1; then ok "$label"; else not_ok "$label" && tap_tell; fi
}

# check_fails LABEL COMMAND...: passes when the command does not.
check_fails() {
    local label=$1
    shift
    if "$@" >"$tap_said" 2>&1; then not_ok "$label" && tap_tell; else ok "$label"; fi
}

# is LABEL GOT WANTED
is() {
    if [ "$2" = "$3" ]; then
        ok "$1"
    else
        not_ok "$1"
        diag "got:    $2"
        diag "wanted: $3"
    fi
}

diag() {
    echo "# ${*//$'\n'/$'\n'# }"
}

# For the end of a test: the plan if it was not given before, and the exit status.
tap_end() {
    [ -n "$tap_planned" ] || plan "$tap_count"
    [ "$tap_failed" -eq 0 ] && [ "$tap_count" -eq "${tap_planned:-$tap_count}" ]
}
