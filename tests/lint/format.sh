#!/bin/sh
# Checks that every source file is laid out as clang-format would do it; --fix lays them out.
# Versions of clang-format differ in detail, so only the one that .clang-format was written
# for counts; without it the check is skipped.
# format.sh [--fix] [SOURCE]
version=14
fix=no
if [ "$1" = --fix ]; then
  fix=yes
  shift
fi
cd "${1:-$LAMINA_TEST_SOURCE}" || exit 99

formatter=
for name in "clang-format-$version" clang-format; do
  if "$name" --version 2>/dev/null | grep -q "version $version\\."; then
    formatter=$name
    break
  fi
done
if [ -z "$formatter" ]; then
  echo "format.sh: clang-format $version is not installed" >&2
  exit 77
fi

sources() {
  find framework plugins tests -name '*.[ch]' ! -path 'tests/abi/museum/*' -print0
}

check() {
  sources | xargs -0 "$formatter" --style=file --fallback-style=none --dry-run -Werror \
    --ferror-limit=1
}

# A layout that clang-format made may not be one that it would leave alone: a few times, then.
if [ "$fix" = yes ]; then
  turns=5
  while [ "$turns" -gt 0 ]; do
    turns=$((turns - 1))
    sources | xargs -0 "$formatter" --style=file --fallback-style=none -i || exit 1
    check 2>/dev/null && exit 0
  done
fi
check
