#!/bin/sh
# Checks who includes and calls what (see floors.txt); exceptions.txt lists what may differ.
# floors.sh [SOURCE]
cd "${1:-$LAMINA_TEST_SOURCE}" || exit 99
plugins=$(find plugins -mindepth 2 -maxdepth 2 -type d | LC_ALL=C sort | tr '\n' ' ')
find framework plugins tests -name '*.[ch]' ! -path 'tests/abi/museum/*' | LC_ALL=C sort |
  xargs awk -v exceptions=tests/lint/exceptions.txt -v table=tests/lint/floors.txt \
    -v plugins="$plugins" -f tests/lint/code.awk -f tests/lint/floors.awk
