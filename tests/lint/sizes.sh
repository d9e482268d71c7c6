#!/bin/sh
# Checks the sizes of the style guide (see sizes.awk); exceptions.txt lists what may differ.
# sizes.sh [SOURCE]
cd "${1:-$LAMINA_TEST_SOURCE}" || exit 99
find framework plugins tests -name '*.[ch]' ! -path 'tests/abi/museum/*' | LC_ALL=C sort |
  xargs awk -v exceptions=tests/lint/exceptions.txt -f tests/lint/code.awk -f tests/lint/sizes.awk
