#!/bin/bash
# Downloads Debian packages into the current folder without installing them: download.sh PACKAGE...
# Old package lists name files that the mirror no longer has: they are renewed once, which needs root.
set -u
get() {
    apt-get -q -o APT::Sandbox::User=root download "$@"
}
get "$@" || { echo "the package lists may be old: apt-get update" && apt-get update -qq && get "$@"; }
