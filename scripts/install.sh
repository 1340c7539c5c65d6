#!/usr/bin/env bash
# Installs the command and its completions under a prefix, or removes exactly those files again.
#
# usage: scripts/install.sh install BINARY COMPLETIONS PREFIX
#        scripts/install.sh uninstall PREFIX
set -euo pipefail
usage() { sed -n '4,5s/^# *//p' "$0" >&2; exit 64; }

paths() { # PREFIX: every file that is installed
  echo "$1/bin/cortex"
  echo "$1/share/bash-completion/completions/cortex"
  echo "$1/share/zsh/site-functions/_cortex"
  echo "$1/share/fish/vendor_completions.d/cortex.fish"
}

case "${1:-}" in
  install)
    [ $# -eq 4 ] || usage
    mapfile -t files < <(paths "$4")
    install -D -m 0755 "$2" "${files[0]}"
    install -D -m 0644 "$3/bash/cortex" "${files[1]}"
    install -D -m 0644 "$3/zsh/_cortex" "${files[2]}"
    install -D -m 0644 "$3/fish/cortex.fish" "${files[3]}"
    echo "install: ${files[0]} (from $2) and completions for bash, zsh and fish" ;;
  uninstall)
    [ $# -eq 2 ] || usage
    mapfile -t files < <(paths "$2")
    rm -f "${files[@]}"
    echo "uninstall: removed from $2" ;;
  *) usage ;;
esac
