#!/bin/sh
# Every public header compiles alone, as C11, C17 and C++17, with gcc and with clang, without a
# warning; -Wpadded proves that no struct has bytes that nobody named.
set -u
source=${LAMINA_TEST_SOURCE:-$(cd "$(dirname "$0")/../.." && pwd)}
include=$source/framework/include
folder=$(mktemp -d) || exit 99
trap 'rm -rf "$folder"' EXIT
flags="-Wall -Wextra -Wpedantic -Wpadded -Werror -fsyntax-only -I$include"
compiled=0
failed=0

# check COMPILER LANGUAGE STANDARD
check()
{
  command -v "$1" > /dev/null 2>&1 || return 0
  for header in "$include"/lamina/*.h; do
    name=lamina/$(basename "$header")
    printf '#include <%s>\n' "$name" > "$folder/alone.$2"
    # Twice the same file: the guard must hold.
    printf '#include <%s>\n' "$name" >> "$folder/alone.$2"
    if ! "$1" "-std=$3" $flags "$folder/alone.$2" 2> "$folder/log"; then
      echo "$name does not compile alone with $1 -std=$3:" >&2
      head -n 20 "$folder/log" >&2
      failed=1
    fi
    compiled=$((compiled + 1))
  done
}

for standard in c11 c17; do
  check gcc c "$standard"
  check clang c "$standard"
done
check g++ cc c++17
check clang++ cc c++17

if [ "$compiled" -eq 0 ]; then
  echo "neither gcc nor clang was found" >&2
  exit 77
fi
exit "$failed"
