#!/bin/sh
# abidiff, a tool that was written by others, finds no difference between the public headers and
# what was frozen of them; and it would find one in any of the structs, which is not a matter of
# course: tables are reached through void *, and it passes over what it cannot reach.
set -u
source=${LAMINA_TEST_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
include=$source/framework/include
command -v abidiff >/dev/null 2>&1 || exit 77
. "$source/tests/abi/abi.sh"
failed=0

# differs MINOR [grown]: whether abidiff finds a difference between golden/MINOR.abi and
# $folder/anchors.so; a struct that has grown at its end is none for a minor version of the past.
differs() {
  suppress=
  [ "$1${2:-}" = "$version" ] || suppress="--suppressions $here/grown.suppr"
  abidiff $suppress "$here/golden/$1.abi" "$folder/anchors.so" >"$folder/log" 2>&1
  status=$?
  case $status in
    0) return 1 ;;
    1 | 2 | 3) cat "$folder/log" >&2 && exit 99 ;;
    *) return 0 ;;
  esac
}

version=$(abi_version)
[ -f "$here/golden/$version.abi" ] || {
  echo "ABI $version is not frozen: run tests/abi/freeze.sh" >&2
  exit 1
}
abi_anchor "$include" || exit 1
for golden in "$here"/golden/*.abi; do
  if differs "$(basename "$golden" .abi)"; then
    echo "the headers are not compatible with $golden:" >&2
    cat "$folder/log" >&2
    failed=1
  fi
done

# changed STRUCT HEADER INDEX: builds the anchors with a field inserted there.
changed() {
  abi_mutant "$1" "$2" "$3" insert
  abi_anchor "$folder/mutant" 2>"$folder/log" || {
    cat "$folder/log" >&2
    exit 99
  }
}

abi_list | awk '$1 == "struct" { order[n++] = $2; how[$2] = $3; header[$2] = $4 }
  $1 == "field" { fields[$2]++ }
  END {
    for (i = 0; i < n; i++) {
      name = order[i]
      print name, header[name], fields[name], how[name]
    }
  }' \
  >"$folder/structs"
while read -r struct header fields how; do
  changed "$struct" "$header" 0
  if ! differs "$version" || ! differs "$version" grown; then
    echo "a field that is inserted into struct $struct is out of abidiff's sight" >&2
    failed=1
  fi
  if [ "$how" = grows ]; then
    changed "$struct" "$header" "$fields"
    if ! differs "$version" || differs "$version" grown; then
      echo "a field behind the last of struct $struct is not taken for growth" >&2
      failed=1
    fi
  fi
done <"$folder/structs"
[ "$(wc -l <"$folder/structs")" -ge 30 ] || failed=1
exit "$failed"
