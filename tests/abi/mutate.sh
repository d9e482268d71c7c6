#!/bin/sh
# Is every change of the public structs noticed? Each field of each struct in turn is dropped,
# swapped with the next, given another type, and gets a new one before it and behind the last; each
# time an assertion of the golden layout must fail.
#
#   mutate.sh          one change of every seven, each another one of the next struct
#   mutate.sh --all    every one (make check-abi)
set -u
source=${LAMINA_TEST_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
include=$source/framework/include
step=7
[ "${1:-}" != --all ] || step=1
. "$source/tests/abi/abi.sh"

abi_list >"$folder/list"
abi_asserts >"$folder/asserts.c"
mkdir -p "$folder/mutant/lamina"
if ! abi_holds "$folder/mutant"; then
  echo "the headers as they are do not hold: see check-layout.sh" >&2
  exit 1
fi

# All of them: STRUCT HEADER INDEX HOW.
awk '$1 == "struct" { count[$2] = 0; header[$2] = $4; order[n++] = $2 }
  $1 == "field" { count[$2]++ }
  END {
    for (i = 0; i < n; i++) {
      name = order[i]
      for (k = 0; k < count[name]; k++) {
        print name, header[name], k, "drop"
        print name, header[name], k, "retype"
        print name, header[name], k, "insert"
        if (k + 1 < count[name]) {
          print name, header[name], k, "swap"
        }
      }
      print name, header[name], k, "insert"
    }
  }' "$folder/list" >"$folder/mutations"

tried=0
missed=0
awk -v step="$step" 'NR % step == 0' "$folder/mutations" >"$folder/chosen"
while read -r struct header index how; do
  abi_mutant "$struct" "$header" "$index" "$how"
  tried=$((tried + 1))
  if abi_holds "$folder/mutant"; then
    echo "not noticed: $how of field $index of struct $struct" >&2
    missed=$((missed + 1))
  elif [ "$how" != drop ] && ! grep -q 'static.*assert.*\(was\|size\)' "$folder/log"; then
    echo "$how of field $index of struct $struct is no C:" >&2
    grep error "$folder/log" >&2
    missed=$((missed + 1))
  fi
done <"$folder/chosen"
if [ "$tried" -lt 100 ]; then
  echo "only $tried changes were tried" >&2
  exit 99
fi
echo "$tried changes of $(wc -l <"$folder/mutations") tried, $missed not noticed"
[ "$missed" -eq 0 ]
