#!/bin/sh
# With LAMINA_UNLOAD=1 all plugins are loaded, listed and closed again under valgrind: nothing is
# leaked and nothing is touched that is gone. A build with sanitizers sees that by itself.
set -u
build=${LAMINA_TEST_BUILD:-$(pwd)}
program=$build/tests/framework/registry/unload
[ -x "$program" ] || exit 77
if [ "${LAMINA_TEST_SANITIZED:-no}" = yes ]; then
  exec "$program" 2
fi
command -v valgrind > /dev/null 2>&1 || exit 77
log=$(mktemp) || exit 99
trap 'rm -f "$log"' EXIT
if ! valgrind -q --leak-check=full --show-leak-kinds=definite,indirect,possible \
    --errors-for-leak-kinds=definite,indirect,possible --error-exitcode=9 --log-file="$log" \
    "$program" 2; then
  cat "$log" >&2
  exit 1
fi
exit 0
