# What the scripts of this folder share; sourced with `source` and `include` set.
#
#   abi_version        prints "1.0", the version of the headers in $include
#   abi_list           prints every public struct, field and enumerator (structs.awk)
#   abi_layout FILE    writes the layout of $include to a file, as golden/ has it
#   abi_describe FILE  writes what abidw says of every public struct; 77 where there is no abidw
#   abi_asserts        prints a program that compiles when the headers have every golden layout
#   abi_mutant ...     writes a header with one field changed
#   abi_later FOLDER N writes the headers as they could be N minor versions later
#   abi_runtime FILE FOLDER FLAGS...   builds the program with the headers of a folder
#   abi_holds FOLDER   compiles it ($folder/asserts.c) with the headers of that folder first
#
# Environment: LAMINA_TEST_CC is the compiler (default: cc).

# A header that appears before another one of its name is out of ccache's sight.
CCACHE_DISABLE=1
export CCACHE_DISABLE
cc=${LAMINA_TEST_CC:-cc}
here=$source/tests/abi
folder=$(mktemp -d "${TMPDIR:-/tmp}/lamina-abi-XXXXXX") || exit 99
trap 'rm -rf "$folder"' EXIT

abi_version() {
  sed -n 's/^#define LAMINA_ABI_M[AI][JN]OR  *//p' "$include/lamina/plugin.h" | paste -s -d .
}

abi_list() {
  # lamina.h is for programs that embed the library, and no part of the ABI of plugins.
  ls "$include"/lamina/*.h | grep -v '/lamina\.h$' | xargs awk -f "$here/structs.awk" -v mode=list
}

abi_layout() {
  abi_list | awk -f "$here/layout.awk" >"$folder/layout.c" &&
    $cc -std=gnu11 -I"$include" -o "$folder/layout" "$folder/layout.c" -lm &&
    {
      echo "/* The layout of ABI $(abi_version), written by tests/abi/freeze.sh. Never edited. */"
      "$folder/layout"
    } >"$1"
}

# abi_anchor FOLDER: builds $folder/anchors.so, with a pointer to every public struct, with the
# headers of a folder before the usual ones.
abi_anchor() {
  abi_list | awk -f "$here/anchors.awk" >"$folder/anchors.c" &&
    $cc -std=gnu11 -w -g -gdwarf-4 -O0 -fPIC -shared -nostdlib -I"$1" -I"$include" \
      -o "$folder/anchors.so" "$folder/anchors.c"
}

# Without paths, which differ from machine to machine.
abi_describe() {
  command -v abidw >/dev/null 2>&1 || return 77
  abi_anchor "$include" &&
    abidw --no-corpus-path --no-comp-dir-path --no-show-locs --no-elf-needed \
      --out-file "$1" "$folder/anchors.so" &&
    sed -i "s|path='[^']*/anchors.c'|path='anchors.c'|" "$1"
}

# abi_asserts: prints a program that compiles when the headers have every layout of golden/.
abi_asserts() {
  abi_list | awk '$1 == "struct" { print "#include <" $4 ">" }' | sort -u
  echo '#include <lamina/expect.h>'
  echo '#include <lamina/random.h>'
  echo "#include \"$here/layout.h\""
  for golden in "$here"/golden/*.def; do
    minor=$(basename "$golden" .def)
    printf '#define LAYOUT_MINOR %s\n#include "%s"\n#undef LAYOUT_MINOR\n' "${minor#*.}" "$golden"
  done
}

# abi_holds FOLDER: compiles $folder/asserts.c with the headers of a folder before the usual ones.
abi_holds() {
  $cc -std=gnu11 -fsyntax-only -I"$1" -I"$include" "$folder/asserts.c" 2>"$folder/log"
}

# abi_mutant STRUCT HEADER INDEX HOW: writes that header, changed, to $folder/mutant.
abi_mutant() {
  mkdir -p "$folder/mutant/lamina"
  rm -f "$folder"/mutant/lamina/*
  awk -f "$here/structs.awk" -v mode=mutate -v struct="$1" -v field="$3" -v how="$4" \
    "$include/$2" >"$folder/mutant/$2"
  if cmp -s "$folder/mutant/$2" "$include/$2"; then
    echo "$4 of field $3 of struct $1 changes nothing: structs.awk is wrong" >&2
    exit 99
  fi
}

# Every struct that can grow has grown, by one field.
abi_later() {
  cp -R "$include" "$1" && chmod -R u+w "$1" || return 1
  minor=$(($(abi_version | sed 's/.*\.//') + $2))
  sed "s/^\(#define LAMINA_ABI_MINOR\) .*/\1 $minor/" "$include/lamina/plugin.h" \
    >"$1/lamina/plugin.h" || return 1
  abi_list | awk '$1 == "struct" { order[n++] = $2; how[$2] = $3; header[$2] = $4 }
    $1 == "field" { fields[$2]++ }
    END {
      how["lamina_setting"] = "grows" # rows say their stride
      for (i = 0; i < n; i++) {
        if (how[order[i]] == "grows") print order[i], header[order[i]], fields[order[i]]
      }
    }' >"$folder/growing"
  while read -r struct header fields; do
    awk -f "$here/structs.awk" -v mode=mutate -v struct="$struct" -v field="$fields" \
      -v how=insert "$1/$header" >"$folder/grown.h" && mv "$folder/grown.h" "$1/$header" || return 1
  done <"$folder/growing"
}

# words KEY: the lines of the build's runtime.txt that begin with that key, without it.
words() {
  sed -n "s/^$1 //p" "$build/tests/abi/runtime.txt"
}

abi_runtime() {
  program_of=$1 headers_of=$2
  shift 2
  (cd "$source" && $cc -std=gnu11 -O1 -w $(words cflags) $(words sanitizers) "$@" \
    -I"$headers_of" -Iframework -DLM_PLUGIN_DIR='"/nowhere/lamina/1"' -DLM_VERSION='"0.0.0"' \
    -o "$program_of" $(words source) $(words libs))
}
