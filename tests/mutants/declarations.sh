#!/bin/sh
# No declaration is dead, and no false one goes unnoticed: a layer or loss that leaves out one of
# the calls by which infer() declares, or declares what is not true, must fail its own test.
#
# Each plugin is compiled once more with mutant.h in front, by which an environment variable
# chooses the call; it lies in a folder that the test's registry searches first. Which calls there
# are, a first run tells, in which the test only opens what it would check.
#
#   declarations.sh          all mutants
#   declarations.sh NAME...  those whose plugins begin so: layer_relu, loss_mse, ...
set -u
source=${LAMINA_TEST_SOURCE:?run the tests by make check}
build=${LAMINA_TEST_BUILD:?}
[ -x "$build/plugins/layers/relu/test_relu" ] || exit 77 # built without Criterion
work=$(mktemp -d "${TMPDIR:-/tmp}/lamina-mutants-XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
mkdir "$work/plugins" "$work/objects" || exit 99
tested=0
failures=0

# A mutant leaves memory behind when its test is cut short, and that is no news.
ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
export ASAN_OPTIONS

# Functions that declare; what the checklist says when a call is missing, and whether the list
# that a test has of its plugin's declarations is compared: where any is good, the mutant must be
# noticed by what it does. Last, what it says when a call that is not true is added.
declarations() {
  cat <<END
lamina_bwd_reads|any|which infer() did not declare|
lamina_may_share|compared|infer() declares|in place, element
lamina_may_share|||tensors of different sizes may not share memory
lamina_may_share|||may be overwritten and that backward reads it
lamina_may_fuse|compared|infer() declares|elements to the layers fused into it
END
}

fail() {
  failures=$((failures + 1))
  echo "FAILED: ${kind}_$name: $1" >&2
  tail -n 12 "$work/log" | sed 's/^/  /' >&2
}

wanted() {
  [ -z "$chosen" ] && return 0
  for prefix in $chosen; do
    case $1 in "$prefix"*) return 0 ;; esac
  done
  return 1
}

# objects_of PLUGIN: what the build makes it of, from the build's own Makefile.
objects_of() {
  printf 'mutants:\n\t@echo $(plugins_%s_la_OBJECTS)\n' "$1" |
    MAKEFLAGS='' "${MAKE:-make}" -s -C "$build" -f Makefile -f - mutants
}

# compile SCRIPT: the plugin with mutant.h in front of what declares, and with the main source
# edited by sed. The other objects are the build's. Nothing is measured, so nothing is optimised.
compile() {
  rm -f "$work"/plugins/* "$work"/objects/*
  linked=
  for object in $(objects_of "${kind}_$name"); do
    file=$source/${object%.lo}.c
    if grep -q 'lamina_bwd_reads\|lamina_may_\|lamina_out\|lamina/pointwise.h\|lamina/span.h' "$file"; then
      mine=$work/objects/${file##*/}
      sed "$1" "$file" >"$mine"
      # shellcheck disable=SC2086 # flags are words
      $LAMINA_TEST_CC $LAMINA_TEST_CFLAGS -O1 -w -fPIC -c -include "$source/tests/mutants/mutant.h" \
        -I"$source/framework/include" -I"${file%/*}" -I"${folder%/*}" -o "$mine.o" "$mine" || return 1
      linked="$linked $mine.o"
    else
      linked="$linked $build/${object%/*}/.libs/$(basename "$object" .lo).o"
    fi
  done
  # shellcheck disable=SC2086
  $LAMINA_TEST_CC $LAMINA_TEST_CFLAGS -shared -o "$work/plugins/${kind}_$name.so" $linked -lm
}

# run DECLARATIONS VARIABLE=VALUE: the plugin's own checklist, with the mutant in the place of the
# plugin; what is done with the list of declarations: compared, any (is good), list (and no more).
run() {
  env LAMINA_TEST_DECLARATIONS="$1" "$2" LAMINA_TEST_PLUGINS="$work/plugins:$LAMINA_TEST_PLUGINS" \
    "$build/${folder#"$source/"}/test_$name" --filter '*/passes_the_checklist*' \
    >"$work/log" 2>&1
}

# mutant LABEL DECLARATIONS MESSAGES VARIABLE=VALUE: the run must fail with one of these messages, a
# line each.
mutant() {
  tested=$((tested + 1))
  if run "$2" "$4"; then
    fail "$1: nobody notices"
  elif ! grep -q -F -e "$3" "$work/log"; then
    fail "$1: it is not told by '$3'"
  fi
}

# Each call that was reached is left out in turn.
without_calls() {
  while read -r place call; do
    row=$(declarations | grep "^${call%:*}|[a-z]" | cut -d '|' -f 2,3)
    mutant "without ${call%:*}() at $place" "${row%%|*}" "${row#*|}" LAMINA_MUTANT="$place"
  done <"$work/calls"
}

# What is not declared for a pass is declared falsely.
with_false_calls() {
  for call in lamina_may_share:0 lamina_may_share:1 lamina_may_fuse:0 lamina_may_fuse:1; do
    if ! grep -q " $call\$" "$work/calls"; then
      mutant "with a false $call" any "$(declarations | grep "^${call%:*}|" | cut -d '|' -f 4)" \
        LAMINA_MUTANT="$call"
    fi
  done
}

# The last argument of LAMINA_POINTWISE says what the derivative reads.
with_other_reads() {
  for reads in LAMINA_READS_NOTHING LAMINA_IN; do
    if ! compile "s/LAMINA_OUT);\$/$reads);/" 2>"$work/log"; then
      fail "it does not compile with $reads"
    elif [ "$reads" = LAMINA_IN ]; then
      mutant "with $reads" compared 'infer() declares' LAMINA_MUTANT=
    else
      mutant "with $reads" any 'differences say' LAMINA_MUTANT=
    fi
  done
}

chosen=$*
for kind in layer loss; do
  for folder in "$source/plugins/$kind"s/* "$source/plugins/$kind"es/*; do
    name=${folder##*/}
    # Folders of which no plugin of their name is made hold what several share.
    [ -d "$folder" ] && [ -n "$(objects_of "${kind}_$name")" ] && wanted "${kind}_$name" || continue
    : >"$work/reached"
    if ! compile '' 2>"$work/log" || ! run list LAMINA_MUTANT_LOG="$work/reached"; then
      fail "it does not compile, or cannot be opened"
      continue
    fi
    sort -u "$work/reached" >"$work/calls"
    cat "$work/calls" >>"$work/all"
    without_calls
    with_false_calls
    ! grep -q '^LAMINA_POINTWISE(' "$folder/$name.c" || with_other_reads
  done
done

# Every call in the sources was reached by somebody's test.
name=all kind=declarations
if [ -z "$chosen" ]; then
  grep -n 'lamina_bwd_reads(plan\|lamina_may_[a-z]*(plan' \
    "$source"/plugins/layers/*/[!t]*.[ch] "$source"/plugins/layers/t[!e]*/*.[ch] \
    "$source"/plugins/losses/*/[!t]*.[ch] "$source"/framework/include/lamina/span.h |
    sed 's/^.*\/\([^/]*:[0-9]*\):.*/\1/' | sort -u >"$work/written"
  cut -d ' ' -f 1 "$work/all" | sort -u | comm -13 - "$work/written" >"$work/log"
  [ ! -s "$work/log" ] || fail "no test reaches these calls:"
fi
echo "$tested mutants, $failures failures" >&2
[ "$tested" -gt 0 ] && [ "$failures" -eq 0 ]
