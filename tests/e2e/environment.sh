#!/bin/sh
# The same results in any surroundings: closed and full streams, folders that cannot be written,
# limits, locales, and a current folder or linker variables that somebody has prepared.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

moons small.yaml "epochs: 2"
lamina train small.yaml --run-dir good --quiet
wants 0

# trained NAME STATUS: a run that was to come out like the first.
trained() {
  status=$2 ran="lamina train, $1"
  wants 0
  same good/model.safetensors "$1/model.safetensors"
}

# Streams.
if [ -w /dev/full ]; then
  for command in "list" "summary small.yaml" "plan small.yaml" "check small.yaml" "--help" \
    "eval good/model.safetensors" "inspect layer dense --json"; do
    "$program" $command >/dev/full 2>err </dev/null
    status=$? ran="lamina $command >/dev/full"
    : >out
    wants 74 "standard output cannot be written"
  done
  "$program" train small.yaml --run-dir full --quiet >/dev/full 2>err </dev/null
  status=$? ran="lamina train >/dev/full"
  wants 74 "standard output cannot be written"
  same good/model.safetensors full/model.safetensors
  "$program" train small.yaml --run-dir full2 >out 2>/dev/full </dev/null
  trained full2 $?
fi
"$program" train small.yaml --run-dir no-in --quiet <&- >out 2>err
trained no-in $?
"$program" train small.yaml --run-dir no-out --quiet </dev/null >&- 2>err
trained no-out $?
"$program" train small.yaml --run-dir no-err </dev/null >out 2>&-
trained no-err $?
"$program" train small.yaml --run-dir no-all <&- >&- 2>&-
trained no-all $?
for run in no-in no-err no-all; do
  same good/experiment.yaml "$run/experiment.yaml"
  [ "$(wc -l <"$run/metrics.jsonl")" -eq 2 ] || fail "messages went into a file of the run"
done
"$program" list 2>err </dev/null | head -n 1 >out
status=0 ran="lamina list | head"
wants 0 KIND

# Folders and files that cannot be written.
: >file
lamina train small.yaml --run-dir file
wants 74 "file: a file is in the way of a folder"
lamina train small.yaml --run-dir file/below
wants 74 "file: a file is in the way of a folder"
lamina train small.yaml --run-dir /proc/nowhere/run
wants 74 "/proc/nowhere"
if [ "$(id -u)" -ne 0 ]; then
  mkdir locked
  chmod 500 locked
  lamina train small.yaml --run-dir locked/run
  wants 74 "locked/run"
  lamina train small.yaml --run-dir locked
  wants 74 "locked: cannot be written to"
  chmod 700 locked
fi
(
  ulimit -f 8 2>/dev/null || exit 0
  lamina train small.yaml --run-dir limited --set 'model[0].dense.units=4000' --quiet
  wants 74 "limited/checkpoint.safetensors"
  [ ! -e limited/checkpoint.safetensors ] || fail "half a checkpoint is none"
  exit "$failures"
) || failures=$((failures + 1))

# More memory than any machine has: refused with the size asked for. AddressSanitizer would
# report it.
if [ "${LAMINA_TEST_SANITIZED:-no}" = no ]; then
  lamina check small.yaml --set 'model[0].dense.units=2147483647' \
    --set 'model[2]={dense: {units: 999}}'
  wants 71 "not enough memory for 17" "bytes"
fi

# Variables.
for locale in de_DE.UTF-8 fr_FR.UTF-8 C.UTF-8; do
  name=locale-$locale
  LC_ALL=$locale LANG=$locale "$program" train small.yaml --run-dir "$name" --quiet >out 2>err \
    </dev/null
  trained "$name" $?
  sed 's/, "seconds".*//' "$name/metrics.jsonl" >a
  sed 's/, "seconds".*//' good/metrics.jsonl >b
  same a b
done
(unset HOME LANG LC_ALL TERM PATH
  TZ=Nowhere/Land "$program" train small.yaml --run-dir bare --quiet >out 2>err </dev/null)
trained bare $?
(umask 077 && "$program" train small.yaml --run-dir masked --quiet >out 2>err </dev/null)
trained masked $?
[ -z "$(find masked -perm /077)" ] || fail "the umask holds for files of a run"

# A layer of our own name in the current folder, in the linker's path and in libltdl's: its
# constructor would leave a file behind.
mkdir hostile
for name in layer_dense layer_tanh loss_bce liblamina libltdl; do
  cp "$fixtures/layer_trap.so" "hostile/$name.so"
  printf "dlname='%s.so'\nlibrary_names='%s.so'\ninstalled=yes\nlibdir='%s'\n" "$name" "$name" \
    "$work/hostile" >"hostile/$name.la"
done
(
  cd hostile || exit 99
  LAMINA_TEST_TRAP=$work/sprung
  LD_LIBRARY_PATH=$work/hostile::
  LTDL_LIBRARY_PATH=$work/hostile
  export LAMINA_TEST_TRAP LD_LIBRARY_PATH LTDL_LIBRARY_PATH
  "$program" train ../small.yaml --run-dir ../surrounded --quiet >../out 2>../err </dev/null
)
trained surrounded $?
[ ! -e sprung ] || fail "code from a hostile folder has run"

finish
