#!/bin/sh
# The net itself: what run-criterion.sh answers to tests that pass, fail, crash, skip, leak,
# overflow, hang, or are not there.

wrapper=$LAMINA_TEST_SOURCE/tests/support/run-criterion.sh
programs=$LAMINA_TEST_BUILD/tests/harness
failures=0

# expect WHAT STATUS PATTERN [VARIABLE=VALUE...] ARGS...: runs the wrapper on ARGS; its status
# and one line of its standard output must be as said. Status "any" is any; an empty pattern
# means no output at all.
expect() {
  what=$1 status=$2 pattern=$3
  shift 3
  if env "$@" >"$TMPDIR/out" 2>"$TMPDIR/err"; then found=0; else found=$?; fi
  if [ -n "$pattern" ]; then
    grep -q -e "$pattern" "$TMPDIR/out"
  else
    [ ! -s "$TMPDIR/out" ]
  fi
  if [ $? -ne 0 ] || { [ "$status" != any ] && [ "$found" -ne "$status" ]; }; then
    echo "$what: expected status $status and a line '$pattern', found status $found and:"
    cat "$TMPDIR/out" "$TMPDIR/err"
    failures=$((failures + 1))
  fi
}

# criterion WHAT STATUS PATTERN SUITE: one suite of the misbehaving program.
criterion() {
  expect "$1" "$2" "$3" LAMINA_TEST_TIMEOUT="${5:-60}" sh "$wrapper" \
    "$programs/test_misbehaves" --filter "$4/*"
}

# plain WHAT STATUS PATTERN ARGS...: the plain program.
plain() {
  what=$1 status=$2 pattern=$3
  shift 3
  expect "$what" "$status" "$pattern" sh "$wrapper" "$programs/exits" "$@"
}

# script WHAT STATUS COMMAND: a shell command as a script test.
script() {
  expect "$1" "$2" '' sh "$wrapper" --script sh -c "$3"
}

script 'a script that passes' 0 'exit 0'
script 'a script that fails' 1 'exit 1'
script 'a script that skips' 77 'exit 77'
script 'a script that prints' 0 'echo hello'
script 'a script with a folder for its files' 0 'test -d "$TMPDIR" && echo x >"$TMPDIR/file"'
if [ ! -x "$programs/test_misbehaves" ]; then
  echo "built without Criterion: only scripts were checked"
  exit $((failures > 0))
fi

criterion 'a test that passes' 0 '^ok - passes::' passes
criterion 'a test that crashes' 0 '^not ok - crashes::' crashes
criterion 'a test that fails' 0 '^not ok - fails::' fails
criterion 'a test that skips' 0 '^ok - skips::.*# SKIP on purpose' skips
criterion 'a crash in the cleanup' 1 '^ok - crashes_late::' crashes_late
criterion 'a test that hangs' 99 '' hangs 2
expect 'a program without tests' 99 '' sh "$wrapper" "$programs/test_empty"
expect 'a program that is missing' 99 '' sh "$wrapper" "$programs/test_missing"
cp "$programs/exits" "$TMPDIR/test_exits" || exit 99
expect 'a plain program named like one of Criterion' 99 '' sh "$wrapper" "$TMPDIR/test_exits"
plain 'a program that passes' 0 '^ok 1 - exits$' 0
plain 'a program that fails' 0 '^not ok 1 - exits (exit status 3)$' 3
plain 'a program that skips' 0 '^ok 1 - exits # SKIP' 77
plain 'a program with a hard error' 0 '^Bail out!' 99

if [ "$LAMINA_TEST_SANITIZED" = yes ]; then
  criterion 'a test that leaks' 1 '^ok - leaks::' leaks
  criterion 'a test that overflows' any '^not ok - overflows::' overflows
  plain 'a program that leaks' 0 '^not ok 1 - exits' 0 64
  script 'a script whose program leaks' 1 "'$programs/exits' 0 64; exit 0"
fi
exit $((failures > 0))
