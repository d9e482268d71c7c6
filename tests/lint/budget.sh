#!/bin/sh
# Prints how many lines each part of the project has, and fails when one is over its budget.
# A plugin's own test counts as a test.
# budget.sh [SOURCE]
cd "${1:-$LAMINA_TEST_SOURCE}" || exit 99
{
  sed 's/^#.*//' tests/lint/budget.txt
  find framework plugins tests -name '*.[ch]' ! -path 'tests/abi/museum/*' -exec wc -l {} +
} | awk '
  $1 ~ /^[a-z]/ {
    budget[$1] = $2
    order[++parts] = $1
    next
  }
  $2 ~ /\// {
    split($2, step, "/")
    part = $2 ~ /\/test_[^\/]*$/ ? "tests" : step[1]
    lines[part] += $1
  }
  END {
    for (i = 1; i <= parts; i++) {
      part = order[i]
      printf "%s%s %d of %d", i == 1 ? "lines: " : ", ", part, lines[part], budget[part]
      over += lines[part] > budget[part]
    }
    print over ? ": over the budget of tests/lint/budget.txt" : ""
    exit over > 0
  }'
