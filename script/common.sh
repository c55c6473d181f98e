# Sourced by the scripts beside it: strict mode, the repository as working directory, and how to speak.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n==> %s\n' "$*"; }

fail() {
  printf '\n%s: %s\n' "script/$(basename "$0")" "$*" >&2
  exit 1
}

usage() {
  printf '%s\n' "$*"
  exit 0
}

# Configures and builds a preset; further arguments go to the build.
build() {
  local preset=$1
  shift
  mkdir -p build
  cmake --preset "$preset" >"build/$preset.configure.log" 2>&1 || {
    cat "build/$preset.configure.log" >&2
    fail "cannot configure the preset $preset"
  }
  cmake --build --preset "$preset" -j "$(nproc)" "$@" || fail "the preset $preset does not build"
}
