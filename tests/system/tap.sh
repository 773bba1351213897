# Sourced by system tests. check NAME COMMAND...: one TAP line; what a failing command printed comes as comments.
tap_count=0
tap_said=$(mktemp)
check() {
    tap_count=$((tap_count + 1))
    tap_name=$1
    shift
    if "$@" >"$tap_said" 2>&1; then
        echo "ok $tap_count - $tap_name"
    else
        echo "not ok $tap_count - $tap_name"
        sed 's/^/# /' "$tap_said"
    fi
}

need() {
    for tap_program; do
        command -v "$tap_program" >/dev/null || { echo "Bail out! $tap_program is missing, install it"; exit 1; }
    done
}

tap_end() {
    rm -f "$tap_said"
    echo "1..$tap_count"
}
