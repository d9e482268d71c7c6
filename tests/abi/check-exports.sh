#!/bin/sh
# A plugin exports exactly one name, <kind>_<name>_LTX_lamina_plugin_v1, and links to nothing of
# Lamina. The library exports the functions of lamina/lamina.h. Names that sanitizers add are theirs.
set -u
command -v nm > /dev/null 2>&1 && command -v readelf > /dev/null 2>&1 || exit 77
source=${LAMINA_TEST_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
build=${LAMINA_TEST_BUILD:-$(pwd)}
plugins=${LAMINA_TEST_PLUGINS:-$build/plugins/.libs}
fixtures=${LAMINA_TEST_FIXTURES:-$build/tests/plugins/.libs}
checked=0
failed=0

# exported FILE: the names that it defines for others, in one line.
exported() {
  nm -D --defined-only "$1" | awk '{print $NF}' |
    grep -v -E '^(__asan|__odr_asan|__ubsan|__sanitizer|__start_|__stop_|_init$|_fini$)' |
    LC_ALL=C sort | paste -s -d ' '
}

for file in "$plugins"/*.so "$fixtures/layer_sin.so" "$fixtures/layer_square.so"; do
  [ -f "$file" ] || continue
  name=$(basename "$file" .so)
  names=$(exported "$file")
  if [ "$names" != "${name}_LTX_lamina_plugin_v1" ]; then
    echo "$file exports: $names" >&2
    failed=1
  fi
  if readelf -d "$file" | grep -q -i 'NEEDED.*lamina'; then
    echo "$file needs a library of Lamina" >&2
    failed=1
  fi
  checked=$((checked + 1))
done

if [ -f "$build/.libs/liblamina.so" ]; then
  names=$(exported "$build/.libs/liblamina.so")
  declared=$(sed -n 's/^LAMINA_API .*\(lamina_[a-z_]*\)(.*/\1/p' \
    "$source/framework/include/lamina/lamina.h" | LC_ALL=C sort | paste -s -d ' ')
  if [ "$names" != "$declared" ] || [ -z "$names" ]; then
    echo "liblamina exports: $names" >&2
    echo "lamina.h declares: $declared" >&2
    failed=1
  fi
fi

if [ "$checked" -lt 2 ]; then
  echo "no plugins were found in $plugins and $fixtures" >&2
  exit 99
fi
exit "$failed"
