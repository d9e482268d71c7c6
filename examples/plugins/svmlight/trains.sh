#!/bin/sh
# The example trains with the plugin of this build: it ends well, and its loss falls.
if [ "${LAMINA_SANITIZED:-no}" = yes ]; then
  echo "the installed program cannot load a plugin that is built with sanitizers"
  exit 77
fi
run=$(mktemp -d "${TMPDIR:-/tmp}/svmlight-XXXXXX") || exit 99
trap 'rm -rf "$run"' EXIT
"${LAMINA:-lamina}" train "${srcdir:-.}/svmlight.yaml" --run-dir "$run/run" --quiet || exit 1
awk -F '"train": {"loss": ' '
  { split($2, rest, /[,}]/); last = rest[1] }
  NR == 1 { first = last }
  END {
    printf "loss %s in the first epoch, %s in the last\n", first, last
    exit !(NR > 1 && last + 0 < first + 0)
  }' "$run/run/metrics.jsonl"
