#!/bin/sh
# Runs one test for automake's harness, inside a net that Criterion does not have: a leak, an
# undefined operation or a valgrind error in a worker process does not fail Criterion's test,
# so every process writes its report to a file, and any report fails the run.
#
#   run-criterion.sh PROGRAM [ARGS...]     a program test_* is Criterion's; its TAP goes to
#                                          standard output, everything else to standard error.
#                                          Any other program is one test, by its exit status.
#   run-criterion.sh --script COMMAND...   one test, by its exit status (automake's plain
#                                          protocol: 0 passes, 77 skips, 99 is a hard error)
#
# Environment: LAMINA_TEST_VALGRIND=yes runs programs under valgrind, LAMINA_TEST_TIMEOUT sets
# the limit in seconds, TMPDIR says where the temporary folder goes.

here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd) || exit 99
mode=tap
if [ "$1" = --script ]; then
  mode=script
  shift
fi
if [ $# -eq 0 ]; then
  echo "usage: run-criterion.sh [--script] PROGRAM [ARGS...]" >&2
  exit 99
fi
name=${1##*/}
case $mode:$name in
  tap:test_*) mode=criterion ;;
esac

folder=$(mktemp -d "${TMPDIR:-/tmp}/lamina-harness-XXXXXX") || exit 99
child=
clean_up() {
  if [ -n "$child" ]; then
    kill -TERM "$child" 2>/dev/null && wait "$child"
  fi
  chmod -R u+rwx "$folder" 2>/dev/null
  rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir "$folder/tmp" "$folder/reports" || exit 99
export TMPDIR="$folder/tmp"

# The suppressions are copied because a sanitizer's option cannot hold a path with spaces.
# Options that the caller set come last and win, but for the places where reports go.
cp "$here/lsan.supp" "$folder/lsan.supp" || exit 99
log="log_path='$folder/reports/san'"
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}$log"
export UBSAN_OPTIONS="print_stacktrace=1:${UBSAN_OPTIONS:+$UBSAN_OPTIONS:}$log"
export LSAN_OPTIONS="${LSAN_OPTIONS:+$LSAN_OPTIONS:}$log"
LSAN_OPTIONS="print_suppressions=0:suppressions='$folder/lsan.supp':$LSAN_OPTIONS"

limit=${LAMINA_TEST_TIMEOUT:-600}
if [ "$LAMINA_TEST_VALGRIND" = yes ] && [ "$mode" != script ]; then
  limit=${LAMINA_TEST_TIMEOUT:-3600}
  set -- valgrind -q --trace-children=yes '--trace-children-skip=/bin/*,/usr/bin/*' \
    --leak-check=full --errors-for-leak-kinds=definite --show-leak-kinds=definite \
    "--suppressions=$here/valgrind.supp" "--log-file=$folder/reports/vg.%p" "$@"
fi

# In the background, so that an interrupt ends the test at once; timeout gives it a process
# group, so that workers end with it; env takes back that the shell ignores interrupts for it.
run() {
  env --default-signal=INT,QUIT timeout -k 5 "$limit" "$@" </dev/null >&2 &
  child=$!
  wait "$child"
  status=$?
  child=
}
if [ "$mode" = criterion ]; then
  export CRITERION_OUTPUTS="tap:$folder/tap"
else
  unset CRITERION_OUTPUTS
fi
run "$@"

reports=0
for report in "$folder"/reports/*; do
  if [ -s "$report" ]; then
    reports=$((reports + 1))
    cat "$report" >&2
  fi
done
if [ "$reports" -gt 0 ]; then
  echo "run-criterion.sh: $reports report(s) of a sanitizer or of valgrind, above" >&2
fi
case $status in
  124 | 137) echo "run-criterion.sh: stopped after $limit s, or killed" >&2 ;;
esac

# A Criterion program: its TAP, and trouble that TAP does not show as our exit status. Its own
# status 1 says no more than a "not ok" line does.
finish_criterion() {
  plan=$(sed -n 's/^1\.\.\([0-9][0-9]*\).*/\1/p' "$folder/tap" 2>/dev/null)
  if [ -z "$plan" ]; then
    echo "run-criterion.sh: no TAP came (exit status $status); is it a Criterion program?" >&2
    exit 99
  fi
  if [ "$plan" -eq 0 ]; then
    echo "run-criterion.sh: the program has no tests" >&2
    exit 99
  fi
  cat "$folder/tap"
  [ "$reports" -eq 0 ] || exit 1
  if [ "$status" -eq 1 ] && grep -q '^not ok' "$folder/tap"; then
    exit 0
  fi
  exit "$status"
}

# A plain program under the TAP driver: one line of TAP from its exit status.
finish_program() {
  [ "$reports" -eq 0 ] || [ "$status" -ne 0 ] || status=1
  echo "1..1"
  case $status in
    0) echo "ok 1 - $name" ;;
    77) echo "ok 1 - $name # SKIP" ;;
    99) echo "Bail out! $name: hard error" ;;
    *) echo "not ok 1 - $name (exit status $status)" ;;
  esac
  exit 0
}

case $mode in
  criterion) finish_criterion ;;
  tap) finish_program ;;
esac
[ "$reports" -eq 0 ] || exit 1
exit "$status"
