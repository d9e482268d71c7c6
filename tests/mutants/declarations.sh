#!/bin/sh
# No declaration is dead, and no false one goes unnoticed: a copy of a layer or loss in which one
# line of what infer() declares is missing, or one that is not true is added, must fail the
# plugin's own test. Each such mutant is compiled into a folder of its own, which the test's
# registry searches first.
#
#   declarations.sh          all mutants
#   declarations.sh NAME...  those whose names begin so: layer_relu, loss_mse, ...
set -u
source=${LAMINA_TEST_SOURCE:?run the tests by make check}
build=${LAMINA_TEST_BUILD:?}
[ -x "$build/plugins/layers/relu/test_relu" ] || exit 77 # built without Criterion
work=$(mktemp -d "${TMPDIR:-/tmp}/lamina-mutants-XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
tested=0
failures=0

# A mutant leaves memory behind when its test is cut short, and that is no news.
ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
export ASAN_OPTIONS

# Functions that declare, and what the checklist says when a call is missing. Whether the list
# that a test has of its plugin's declarations is compared: where it is not, the mutant must be
# noticed by what it does.
declarations() {
  cat <<END
lamina_bwd_reads  uncompared  which infer() did not declare
lamina_may_share  compared    infer() declares
lamina_may_fuse   compared    infer() declares
END
}

fail() {
  failures=$((failures + 1))
  echo "FAILED: $1: $2" >&2
  tail -n 12 "$work/log" | sed 's/^/  /' >&2
}

wanted() {
  [ "$chosen" = '' ] && return 0
  for prefix in $chosen; do
    case $1 in "$prefix"*) return 0 ;; esac
  done
  return 1
}

# compile PLUGIN FILE: FILE, with the headers of $work/include first, as that plugin. The mutants
# are tested and not measured, so they need no optimiser.
compile() {
  mkdir -p "$work/plugins"
  rm -f "$work"/plugins/*
  # shellcheck disable=SC2086 # flags are words
  $LAMINA_TEST_CC $LAMINA_TEST_CFLAGS -O1 -w -fPIC -shared -I"$work/include" \
    -I"$source/framework/include" -I"$folder" -o "$work/plugins/$1.so" "$2" -lm >"$work/log" 2>&1
}

# run COMPARED: the plugin's own checklist, with the mutant in the place of the plugin.
run() {
  variable=
  [ "$1" = compared ] || variable=LAMINA_TEST_DECLARATIONS=any
  env $variable LAMINA_TEST_PLUGINS="$work/plugins:$LAMINA_TEST_PLUGINS" \
    "$build/${folder#"$source/"}/test_$name" --filter '*/passes_the_checklist*' \
    >"$work/log" 2>&1
}

# mutant LABEL COMPARED MESSAGES: $work/mutant.c, or the plugin with a header in $work/include,
# must fail with one of those messages, a line each.
mutant() {
  tested=$((tested + 1))
  file=$work/mutant.c
  [ -f "$file" ] || file=$folder/$name.c
  if ! compile "${kind}_$name" "$file"; then
    fail "$1" "the mutant does not compile"
  elif run "$2"; then
    fail "$1" "nobody notices"
  elif ! grep -q -F -e "$3" "$work/log"; then
    fail "$1" "it is not told by '$3'"
  fi
  rm -rf "$work/mutant.c" "$work/include"
}

# edit FILE LINE SCRIPT TO: copies the file with one line changed; false when nothing changes.
edit() {
  mkdir -p "$(dirname "$4")"
  sed "$2$3" "$1" >"$4"
  ! cmp -s "$1" "$4"
}

# without_calls FILE TO [FUNCTION]: each call of FILE that declares something is left out in turn,
# but for those of FUNCTION.
without_calls() {
  declarations | grep -v "^${3:-none} " | while read -r function compared message; do
    grep -n "$function(plan" "$1" | cut -d: -f1 | while read -r line; do
      echo "$line $function $compared $message"
    done
  done >"$work/calls"
  while read -r line function compared message; do
    label="${kind}_$name without ${1#"$source/"}:$line"
    if edit "$1" "$line" "s/$function([^()]*)/LAMINA_OK/" "$2"; then
      mutant "$label" "$compared" "$message"
    else
      fail "$label" "the call is not on one line"
    fi
  done <"$work/calls"
}

# The last argument of LAMINA_POINTWISE says what the derivative reads.
other_reads() {
  line=$(grep -n 'LAMINA_OUT);$' "$folder/$name.c" | cut -d: -f1)
  while read -r reads compared message; do
    if edit "$folder/$name.c" "${line:-1}" "s/LAMINA_OUT);\$/$reads);/" "$work/mutant.c"; then
      mutant "${kind}_$name with $reads" "$compared" "$message"
    else
      fail "${kind}_$name" "what it reads is not the last argument"
    fi
  done <<END
LAMINA_READS_NOTHING  uncompared  differences say
LAMINA_IN             compared    infer() declares
END
}

# A header declares for elementwise plugins; for those whose derivative is constant, no reads.
without_header_calls() {
  constant=
  ! grep -q LAMINA_READS_NOTHING "$folder/$name.c" || constant=lamina_bwd_reads
  without_calls "$source/framework/include/lamina/pointwise.h" \
    "$work/include/lamina/pointwise.h" $constant
}

noticed='in place, element
tensors of different sizes may not share memory
may be overwritten and that backward reads it'
unfused='elements to the layers fused into it'

# with_more CALL MESSAGES: the plugin declares something that is not true.
with_more() {
  {
    sed '/^LAMINA_\(LAYER\|LOSS\)(/,$d' "$folder/$name.c"
    echo 'static int32_t infer_more(void *self, struct lamina_plan *plan)'
    echo '{'
    echo '  LAMINA_TRY(infer(self, plan));'
    echo "  return $1;"
    echo '}'
    sed -n '/^LAMINA_\(LAYER\|LOSS\)(/,$p' "$folder/$name.c" |
      sed 's/\.infer = infer,/.infer = infer_more,/'
  } >"$work/mutant.c"
  mutant "${kind}_$name with a false $1" uncompared "$2"
}

# What is not in place already must not be, and what is not handed over in pieces is not.
with_false_declarations() {
  if ! grep -q 'lamina_may_share\|lamina_pointwise_infer' "$folder/$name.c"; then
    with_more 'lamina_may_share(plan, LAMINA_FORWARD, 0, 0)' "$noticed"
    with_more 'lamina_may_share(plan, LAMINA_BACKWARD, 0, 0)' "$noticed"
  fi
  if ! grep -q 'lamina_may_fuse' "$folder/$name.c"; then
    with_more 'lamina_may_fuse(plan, LAMINA_FORWARD, 0)' "$unfused"
    with_more 'lamina_may_fuse(plan, LAMINA_BACKWARD, 0)' "$unfused"
  fi
}

chosen=$*
for kind in layer loss; do
  for folder in "$source/plugins/$kind"s/* "$source/plugins/$kind"es/*; do
    name=${folder##*/}
    [ -d "$folder" ] && wanted "${kind}_$name" || continue
    before=$tested
    without_calls "$folder/$name.c" "$work/mutant.c"
    ! grep -q 'lamina/pointwise.h' "$folder/$name.c" || without_header_calls
    if grep -q '^LAMINA_POINTWISE(' "$folder/$name.c"; then
      other_reads
    else
      with_false_declarations
    fi
    [ "$tested" -gt "$before" ] || fail "${kind}_$name" "no mutant could be made"
  done
done
echo "$tested mutants, $failures failures" >&2
[ "$tested" -gt 0 ] && [ "$failures" -eq 0 ]
