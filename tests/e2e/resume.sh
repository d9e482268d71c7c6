#!/bin/sh
# A run that is stopped, politely or not, and resumed ends with the bytes of one that was not.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

moons whole.yaml "epochs: 60, checkpoint: {every_steps: 7}"
lamina train whole.yaml --run-dir whole --quiet
wants 0
lines=$(wc -l <whole/metrics.jsonl)
[ "$lines" -eq 60 ] || fail "a line for each epoch was expected"

# await FILE: until it is there, 20 s at most.
await() {
  tries=0
  while [ ! -e "$1" ] && [ "$tries" -lt 400 ]; do
    sleep 0.05
    tries=$((tries + 1))
  done
}

# numbers RUN: what metrics.jsonl says without the times.
numbers() {
  sed 's/, "seconds".*//' "$1/metrics.jsonl"
}

# Signals. A run that takes long enough to be stopped in the middle: a second or two.
epochs=25
[ "${LAMINA_TEST_SANITIZED:-no}" = no ] || epochs=6
cat >slow.yaml <<END
include: whole.yaml
data:
  train: {moons: {samples: 4000, noise: 0.1}}
  test: {moons: {samples: 200, noise: 0.1}}
model: [dense: {units: 256}, tanh, dropout: {rate: 0.1}, dense: {units: 256}, tanh, dense: {units: 1}]
train: {batch: 32, seed: 3, epochs: $epochs, checkpoint: {every_steps: 40}}
END
lamina train slow.yaml --run-dir slow --quiet
wants 0
for name in INT TERM; do
  "$program" train slow.yaml --run-dir "stop-$name" --quiet >out 2>err </dev/null &
  child=$!
  ran="lamina train slow.yaml, with SIG$name"
  await "stop-$name/checkpoint.safetensors"
  kill -s "$name" "$child"
  wait "$child"
  status=$?
  wants 75 "stopped after step " "--resume --run-dir stop-$name"
  [ ! -e "stop-$name/model.safetensors" ] || fail "SIG$name came too late to test anything"
  lamina train slow.yaml --resume --run-dir "stop-$name" --quiet
  wants 0
  same slow/model.safetensors "stop-$name/model.safetensors"
  numbers slow >a
  numbers "stop-$name" >b
  same a b
done

# A second signal does not wait for the step. The program is halted until both are there.
"$program" train slow.yaml --run-dir second --quiet >out 2>err </dev/null &
child=$!
ran="lamina train slow.yaml, with two signals"
await second/checkpoint.safetensors
kill -s STOP "$child"
kill -s INT "$child"
kill -s TERM "$child"
kill -s CONT "$child"
wait "$child"
status=$?
case $status in
  130 | 143) ;;
  *) fail "a second signal ends the program at once, with 130 or 143" ;;
esac
lamina train slow.yaml --resume --run-dir second --quiet
wants 0
same slow/model.safetensors second/model.safetensors

# SIGKILL at any moment, over and over, until the run comes to its end.
rounds=0
killed=0
rm -rf killed
while [ ! -e killed/model.safetensors ] && [ "$rounds" -lt 60 ]; do
  rounds=$((rounds + 1))
  resume=
  [ ! -e killed/checkpoint.safetensors ] || resume=--resume
  # A kill before the first checkpoint leaves a folder that may hold lines of metrics.
  [ -n "$resume" ] || rm -rf killed
  "$program" train slow.yaml --run-dir killed $resume --quiet >out 2>err </dev/null &
  child=$!
  ran="lamina train slow.yaml $resume, killed in round $rounds"
  if [ "$rounds" -le 20 ]; then
    sleep "0.0$((rounds * 37 % 90 + 10))"
    kill -s KILL "$child" 2>/dev/null
  fi
  wait "$child" 2>/dev/null
  status=$?
  case $status in
    0) ;;
    137) killed=$((killed + 1)) ;;
    *) fail "a resumed run was refused" ;;
  esac
done
[ -e killed/model.safetensors ] || fail "the run did not come to an end"
[ "$killed" -ge 5 ] || [ "${LAMINA_TEST_SANITIZED:-no}" != no ] ||
  fail "only $killed rounds were killed"
echo "$killed of $rounds rounds were killed" >&2
same slow/model.safetensors killed/model.safetensors
numbers slow >a
numbers killed >b
same a b
for file in killed/.* killed/*; do
  case ${file#killed/} in
    . | .. | .lock | experiment.yaml | run.json | metrics.jsonl | model.safetensors | \
      checkpoint.safetensors | checkpoint.1.safetensors) ;;
    *) fail "a kill left $file behind" ;;
  esac
done

# A run that is over: resuming it changes nothing.
lamina train slow.yaml --resume --run-dir killed --quiet
wants 0
same slow/model.safetensors killed/model.safetensors

# A newest checkpoint that is damaged: the one before it is taken, and the reader is told.
if [ -e killed/checkpoint.1.safetensors ]; then
  head -c 9000 killed/checkpoint.safetensors >cut
  mv cut killed/checkpoint.safetensors
  lamina train slow.yaml --resume --run-dir killed
  wants 0 "warning: " "continuing from killed/checkpoint.1.safetensors"
  same slow/model.safetensors killed/model.safetensors
else
  fail "the previous checkpoint is kept"
fi

# What cannot be resumed.
lamina train whole.yaml --resume --run-dir nowhere
wants 66 "nowhere: there is no such run folder to resume"
mkdir empty
lamina train whole.yaml --resume --run-dir empty
wants 66 "empty: has no checkpoint.safetensors to resume from"
lamina train whole.yaml --resume --run-dir whole --set 'model[0]={dense: {units: 8}}'
wants 65 "dense/weight" "[2, 16]" "[2, 8]"

finish
