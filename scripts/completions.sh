#!/usr/bin/env bash
# Writes the shell completions that the command prints of itself.
#
# usage: scripts/completions.sh BINARY FOLDER      FOLDER/{bash/cortex,zsh/_cortex,fish/cortex.fish}
set -euo pipefail
binary=${1:?usage: scripts/completions.sh BINARY FOLDER}
folder=${2:?usage: scripts/completions.sh BINARY FOLDER}
mkdir -p "$folder/bash" "$folder/zsh" "$folder/fish"
"$binary" --generate-completion-script bash >"$folder/bash/cortex"
"$binary" --generate-completion-script zsh >"$folder/zsh/_cortex"
"$binary" --generate-completion-script fish >"$folder/fish/cortex.fish"
echo "completions: bash, zsh and fish in $folder"
