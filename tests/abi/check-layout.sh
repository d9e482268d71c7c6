#!/bin/sh
# The public headers have the layout of every minor version that was frozen, and the layout of
# their own minor version is all that they have: what was added needs a new minor version.
set -u
source=${LAMINA_TEST_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
include=$source/framework/include
. "$source/tests/abi/abi.sh"

printf 'int pointers[sizeof(void *) == 8 ? 1 : -1];\n' >"$folder/pointers.c"
$cc -fsyntax-only "$folder/pointers.c" 2>/dev/null || exit 77

abi_asserts >"$folder/asserts.c"
if ! abi_holds "$include"; then
  grep -e error "$folder/log" >&2
  echo "plugins that exist would read the wrong bytes" >&2
  exit 1
fi
golden=$here/golden/$(abi_version).def
abi_layout "$folder/now.def" || exit 1
if ! cmp -s "$golden" "$folder/now.def"; then
  diff "$golden" "$folder/now.def" >&2
  echo "the headers are not what was frozen as ABI $(abi_version): raise LAMINA_ABI_MINOR, then" \
    "run tests/abi/freeze.sh" >&2
  exit 1
fi
exit 0
