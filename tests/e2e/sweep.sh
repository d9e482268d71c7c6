#!/bin/sh
# lamina sweep: runs are those that lamina train would do, done once; a sweep that was stopped goes
# on; the table, the CSV and the picture have the same numbers.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

cat >coder.yaml <<END
vars: {latent: 2, rate: 1e-3}
data:
  train: {csv: {file: $source/data/digits.csv.gz}}
  holdout: 0.2
  transforms: [{scale: {by: 1/16}}]
model:
  - dense: {units: "\${latent}"}
  - dense: {units: 64}
    name: image
loss:
  mse: {}
  inputs: [image, input]
metrics: [{mse: {}, inputs: [image, input], name: error}]
optimizer: {adam: {rate: "\${rate}"}}
train: {epochs: 6, batch: 32}
END
vary='vars.latent=1,4,16'

lamina sweep coder.yaml --vary $vary --run-dir all --quiet --out all.csv
wants 0 "parameters" "train loss" "eval loss" "error" "seconds"
cp out table
[ "$(head -n 1 all.csv)" = vars.latent,parameters,train_loss,eval_loss,error,epochs,seconds ] ||
  fail "the header of the CSV"
lamina train coder.yaml --set vars.latent=4 --run-dir single --quiet
same single/model.safetensors all/vars.latent=4/model.safetensors
holds "$(awk -F, '$1 == 4 { print $4 }' all.csv) - $(last_eval single/metrics.jsonl loss) < 1e-8"
# 64 inputs to `latent` and back, and biases; a wider code has a smaller error.
awk -F, 'NR > 1 { if ($2 != 129 * $1 + 64 || (NR > 2 && $4 >= last) || ($4 - $5) ^ 2 > 1e-12) bad++
    last = $4; n++ } END { exit !(n == 3 && bad == 0) }' all.csv || fail "the numbers of the CSV"
awk 'NR == FNR { if (FNR > 1) { split($0, cell, ","); loss[cell[1]] = cell[4] } next }
  FNR > 1 { if (($4 - loss[$1]) ^ 2 > 1e-8) bad++; n++ } END { exit !(n == 3 && bad == 0) }' \
  all.csv table || fail "the table has the numbers of the CSV"

# What is done is not done again, and may be joined by more.
ls -l --time-style=full-iso all/*/model.safetensors >before
lamina sweep coder.yaml --vary $vary,2 --run-dir all --out all.svg
wants 0 "all/vars.latent=16: done already"
ls -l --time-style=full-iso all/vars.latent=1/model.safetensors all/vars.latent=16/model.safetensors \
  all/vars.latent=4/model.safetensors >after
same before after
[ -s all/vars.latent=2/model.safetensors ] || fail "the new value has its run"
grep -q '<svg xmlns' all.svg || fail "an SVG picture"
[ "$(grep -c '<circle' all.svg)" -eq 4 ] || fail "four values are four points"
lamina sweep coder.yaml --vary $vary --run-dir all --set train.epochs=7
wants 64 "all/vars.latent=1: holds a run of another experiment"

# All combinations, each a line of the picture for each of the others' values.
lamina sweep coder.yaml --vary vars.latent=1,4 --vary vars.rate=1/1000,1e-2 --run-dir two --quiet \
  --set train.epochs=1 --out two.svg
wants 0 latent rate
[ "$(wc -l <out)" -eq 5 ] || fail "four combinations have four rows"
[ -d 'two/vars.latent=4,vars.rate=1_1000' ] || fail "a folder for each combination"
[ "$(grep -c 'stroke-width="1.5"' two.svg)" -eq 2 ] || fail "two lines"
grep -q 'rate=1/1000' two.svg || fail "lines are named"

# A signal stops it with a checkpoint; the same command ends it as if nothing had been.
set -- coder.yaml --vary "$vary" --quiet --set train.epochs=40
lamina sweep "$@" --run-dir straight
wants 0
"$program" sweep "$@" --run-dir stopped >out 2>err </dev/null &
child=$!
tries=0
while [ ! -e stopped/vars.latent=4/metrics.jsonl ] && [ "$tries" -lt 400 ]; do
  sleep 0.01
  tries=$((tries + 1))
done
kill -s INT "$child"
wait "$child"
status=$? ran="a sweep that is stopped"
case $status in
  0) echo "the sweep was over before it could be stopped" >&2 ;;
  *) wants 75 "the same command goes on from there" ;;
esac
lamina sweep "$@" --run-dir stopped
wants 0
for latent in 1 4 16; do
  same "straight/vars.latent=$latent/model.safetensors" "stopped/vars.latent=$latent/model.safetensors"
done

lamina sweep coder.yaml
wants 64 "lamina sweep needs --vary"
lamina sweep coder.yaml --vary vars.latent
wants 64 "--vary vars.latent: there is no '='"
lamina sweep coder.yaml --vary vars.latent=1,,2
wants 64 "a value is empty"
lamina sweep coder.yaml --vary train.batches=1,2 --run-dir none
wants 65 "unknown key 'batches' in the train section, did you mean 'batch'?"
lamina sweep coder.yaml --vary train.seed=$(seq -s, 1 50) --vary vars.latent=$(seq -s, 1 50)
wants 64 "there are 2500 combinations, at most 1000 can be"

finish
