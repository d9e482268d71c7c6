# What the end-to-end tests share; sourced by each of them, which `make check` runs with the
# environment that tests/Makefile.am sets. Each works in an empty folder of its own.
#
#   lamina ARGS...             runs the program; its output is in out and err, $status is its exit
#                              status
#   wants STATUS [WORDS...]    checks the last run: its status, and words that out or err has
#   lacks WORDS...             checks that neither has them
#   fail SENTENCE              counts a failure and shows the last run
#   same A B                   two files must have the same bytes
#   has_plugin NAME            whether the program has a plugin of that name, of any kind
#   finish                     ends the test with the status for its failures

source=${LAMINA_TEST_SOURCE:?run the tests by make check}
build=${LAMINA_TEST_BUILD:?}
program=${LAMINA_TEST_PROGRAM:?}
fixtures=${LAMINA_TEST_FIXTURES:?}
work=$(mktemp -d "${TMPDIR:-/tmp}/lamina-e2e-XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 99
unset LAMINA_LOAD_SECONDS LAMINA_DEBUG LAMINA_UNLOAD LAMINA_PLUGIN_PATH
failures=0
status=0
ran=

lamina() {
  ran="lamina $*"
  "$program" "$@" >out 2>err </dev/null
  status=$?
}

fail() {
  failures=$((failures + 1))
  echo "FAILED: $*" >&2
  echo "  last run: $ran: exit $status" >&2
  if [ -f out ]; then sed -n '1,20s/^/  out: /p' out >&2; fi
  if [ -f err ]; then tail -n 20 err | sed 's/^/  err: /' >&2; fi
}

wants() {
  [ "$status" -eq "$1" ] || fail "expected exit status $1"
  shift
  for words in "$@"; do
    grep -q -F -e "$words" out err || fail "expected the words: $words"
  done
}

lacks() {
  for words in "$@"; do
    ! grep -q -F -e "$words" out err || fail "did not expect the words: $words"
  done
}

same() {
  cmp "$1" "$2" >&2 || fail "$1 and $2 must have the same bytes"
}

# holds CONDITION...: a condition of test(1), computed by awk when it is a comparison of numbers.
holds() {
  awk "BEGIN { exit !($1) }" || fail "expected that $1${2:+: $2}"
}

has_plugin() {
  "$program" list 2>/dev/null | grep -q "/[a-z]*_$1\.so"
}

# last_eval FILE KEY: a number of the last line of metrics.jsonl, of its eval object.
last_eval() {
  tail -n 1 "$1" | sed -n 's/.*"eval": {\([^}]*\)}.*/\1/p' | tr ',' '\n' |
    sed -n "s/^ *\"$2\": //p"
}

# moons FILE KEYS...: a small experiment on made-up data, half a second or less; KEYS are more of
# its train section.
moons() {
  cat >"$1" <<END
data:
  train: {moons: {samples: 400, noise: 0.1}}
  test: {moons: {samples: 200, noise: 0.1}}
model:
  - dense: {units: 16}
  - tanh
  - dropout: {rate: 0.1}
  - dense: {units: 1}
    name: logit
loss: bce
optimizer: {adam: {rate: 1e-2}}
schedule: {cosine: {}}
metrics: [accuracy]
train: {batch: 16, seed: 3, $2}
END
}

finish() {
  [ "$failures" -eq 0 ] || exit 1
  exit 0
}
