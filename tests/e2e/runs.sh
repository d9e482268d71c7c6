#!/bin/sh
# Options of training: overrides, seeds, threads, run folders, and what goes to which stream.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

moons small.yaml "epochs: 3"

# Run folders: runs/NAME, then runs/NAME-2; a folder that holds a run is not written over.
lamina train small.yaml
wants 0 "model: runs/small/model.safetensors" "epoch 1/3" "epoch 3/3"
[ "$(wc -l <out)" -eq 1 ] || fail "standard output has one line, the result"
[ "$(wc -l <err)" -eq 3 ] || fail "standard error has a line for each epoch"
tr -d '\n\040-\176' <err >odd
[ ! -s odd ] || fail "what is not a terminal gets plain text"
lamina train small.yaml --quiet
wants 0 "model: runs/small-2/model.safetensors"
[ ! -s err ] || fail "--quiet leaves standard error empty"
lamina train small.yaml --run-dir runs/small
wants 64 "runs/small: holds a run already" "--resume" "--run-dir"
lamina train small.yaml --resume --quiet
wants 0 "model: runs/small-2/model.safetensors"
lamina train small.yaml --run-dir deep/er/run --quiet
wants 0 "model: deep/er/run/model.safetensors"
for run in runs/small-2 deep/er/run; do
  same runs/small/model.safetensors "$run/model.safetensors"
done

# A terminal gets one line that is rewritten, no wider than it is; a dumb one gets the epochs alone.
# terminal NAME: trains in a terminal of that kind, 60 columns wide; what it shows goes to out.
terminal() {
  TERM=$1 script -qefc "stty cols 60; exec '$program' train small.yaml --run-dir on-$1" /dev/null \
    >out 2>err </dev/null
  status=$? ran="lamina train, in a terminal $1"
  tr '\r' '\n' <out | sed -n 's/^.\[K//; /^epoch .*\[/p' >lines
}
if command -v script >/dev/null 2>&1; then
  terminal xterm
  wants 0 "epoch 3/3  loss" "model: on-xterm/model.safetensors"
  grep -q '^epoch 1/3  \[#*\.*\]  loss [0-9.]*  [0-9]* samples/s' lines ||
    fail "a bar, the loss and the rate were expected"
  [ -z "$(awk 'length > 59' lines)" ] || fail "the line is wider than the terminal"
  terminal dumb
  wants 0 "epoch 3/3  loss"
  [ ! -s lines ] || fail "a dumb terminal cannot rewrite a line"
fi

# The resolved experiment runs again, from anywhere, to the same bits.
mkdir elsewhere
(
  cd elsewhere || exit 99
  lamina train ../runs/small/experiment.yaml --run-dir again --quiet
  wants 0
  exit "$failures"
) || failures=$((failures + 1))
same runs/small/experiment.yaml elsewhere/again/experiment.yaml
same runs/small/model.safetensors elsewhere/again/model.safetensors

# An experiment on standard input.
"$program" train - --run-dir stdin --quiet <small.yaml >out 2>err
status=$? ran="lamina train -"
wants 0
same runs/small/model.safetensors stdin/model.safetensors

# Threads change nothing; seeds do, and --seed is the setting.
for threads in 1 2 7; do
  lamina train small.yaml --run-dir "threads-$threads" --threads "$threads" --quiet
  wants 0
  same runs/small/model.safetensors "threads-$threads/model.safetensors"
done
all=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
for cpus in none spread "$all"; do
  lamina train small.yaml --run-dir "on-$cpus" --threads 2 --affinity "$cpus" --quiet
  wants 0
  same runs/small/model.safetensors "on-$cpus/model.safetensors"
done
lamina train "$source/configs/digits.yaml" --run-dir d1 --threads 1 --quiet --set train.epochs=1
lamina train "$source/configs/digits.yaml" --run-dir d5 --threads 5 --quiet --set train.epochs=1
wants 0
same d1/model.safetensors d5/model.safetensors
lamina train small.yaml --run-dir seed-a --seed 8 --quiet
lamina train small.yaml --run-dir seed-b --set train.seed=8 --quiet
wants 0
same seed-a/model.safetensors seed-b/model.safetensors
! cmp -s runs/small/model.safetensors seed-a/model.safetensors || fail "a seed changes the model"

# Overrides, in order, of values, items, new keys and whole sections.
lamina train small.yaml --run-dir set --quiet --set train.epochs=9 --set train.epochs=2 \
  --set 'model[0].dense.units=5' --set 'optimizer={sgd: {rate: 0.5}}' --set train.clip=1
wants 0
[ "$(wc -l <set/metrics.jsonl)" -eq 2 ] || fail "the last --set counts"
grep -q "rate: 0.5" set/experiment.yaml || fail "the resolved experiment has the override"
grep -q "units: 5" set/experiment.yaml || fail "the resolved experiment has the override"
lamina train small.yaml --set train.epoch=2
wants 65 "--set train.epoch=2" "unknown key 'epoch'" "did you mean 'epochs'?"
lamina train small.yaml --set train.epochs=two
wants 65 "--set train.epochs=two" "expected an integer, found text 'two'"
lamina train small.yaml --set 'model[9].dense.units=2'
wants 65 "--set model[9].dense.units=2: 'model' has 4 items"
lamina train small.yaml --set train.epochs
wants 64 "train.epochs"

# Machines: an object a line on standard output.
lamina train small.yaml --run-dir json --json --quiet
wants 0
same out json/metrics.jsonl
for key in epoch train eval seconds samples_per_s; do
  [ "$(grep -c "\"$key\": " out)" -eq 3 ] || fail "each line has the key $key"
done

# One process to a folder.
moons long.yaml "epochs: 100000"
"$program" train long.yaml --run-dir busy --quiet >/dev/null 2>&1 </dev/null &
child=$!
tries=0
while [ ! -e busy/run.json ] && [ "$tries" -lt 400 ]; do
  sleep 0.05
  tries=$((tries + 1))
done
for resume in "" --resume; do
  lamina train long.yaml --run-dir busy $resume
  wants 64 "busy: another process is using this run folder"
done
kill -s TERM "$child"
wait "$child"
[ $? -eq 75 ] || fail "the one that has the folder goes on until it is stopped"

# Options.
lamina train small.yaml --thread 2
wants 64 "there is no option '--thread'" "did you mean '--threads'?"
lamina train small.yaml --threads many
wants 64 "--threads is 'many', expected an integer from 1 to 1024"
lamina train small.yaml --affinity compact
wants 64 "the affinity is 'compact', expected none, spread, or a list of CPUs such as 0,2,4-7"
lamina train small.yaml --affinity 1023
wants 64 "the affinity names CPU 1023, which this process may not use; it may use"
lamina train small.yaml --seed
wants 64 "--seed needs a value"
lamina train small.yaml --resume=yes
wants 64 "--resume takes no value"
lamina train
wants 64 "lamina train needs an experiment file"
lamina train small.yaml other.yaml
wants 64 "'other.yaml' is one argument too many"
lamina trian small.yaml
wants 64 "there is no command 'trian'" "did you mean 'train'?"
lamina train nothing.yaml
wants 66 "nothing.yaml: there is no such file"
LAMINA_LOAD_SECONDS=soon lamina check small.yaml
wants 64 "LAMINA_LOAD_SECONDS is 'soon'"

finish
