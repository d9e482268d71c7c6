#!/bin/sh
# What training leaves behind is enough: eval repeats the last epoch's numbers, predict agrees
# with them, and neither needs more than the model's file.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

gunzip -c "$source/data/digits.csv.gz" >digits.csv
cut -d, -f1-64 digits.csv >pixels.csv
cut -d, -f65 digits.csv >labels
lamina train "$source/configs/digits.yaml" --run-dir run --quiet --set train.epochs=8
wants 0
loss=$(last_eval run/metrics.jsonl loss)
accuracy=$(last_eval run/metrics.jsonl accuracy)

lamina eval run/model.safetensors --json
wants 0 "\"samples\": 359" "\"loss\": $loss" "\"accuracy\": $accuracy"
lamina eval run/model.safetensors
wants 0 "samples 359"
evaluated=$(sed -n 's/^accuracy //p' out)
holds "($evaluated - $accuracy) ^ 2 < 1e-10" "eval prints the accuracy"

# A second file gives other data: all digits, so that predict can be compared with it.
cat >all.yaml <<END
data: {test: {csv: {file: digits.csv, target: last, classes: 10}},
       train: {csv: {file: digits.csv, target: last, classes: 10}},
       transforms: [{scale: {by: 1/16}}]}
END
lamina eval run/model.safetensors all.yaml --json
wants 0 "\"samples\": 1797"
overall=$(sed -n 's/.*"accuracy": \([0-9.e-]*\).*/\1/p' out)

# The model alone: another folder, the run folder moved, its experiment gone.
mkdir elsewhere
mv run elsewhere/moved
rm elsewhere/moved/experiment.yaml elsewhere/moved/run.json
cd elsewhere || exit 99
lamina predict moved/model.safetensors --input ../pixels.csv --classes
wants 0
cp out classes.csv
[ "$(wc -l <classes.csv)" -eq 1798 ] || fail "1797 samples and a header were expected"
[ "$(head -n 1 classes.csv)" = \
  "class,logits.0,logits.1,logits.2,logits.3,logits.4,logits.5,logits.6,logits.7,logits.8,logits.9" ] ||
  fail "the header names the class and the outputs"
right=$(sed 1d classes.csv | cut -d, -f1 | paste -d, - ../labels |
  awk -F, '$1 == $2 { n++ } END { printf "%.9f", n / NR }')
holds "($right - $overall) ^ 2 < 1e-10" "predict --classes agrees with eval"
wrong=$(sed 1d classes.csv | awk -F, '{ best = 2
  for (i = 3; i <= 11; i++) if ($i > $best) best = i
  if (best - 2 != $1) n++ } END { print n + 0 }')
[ "$wrong" -eq 0 ] || fail "the class of $wrong rows is not that of the largest output"

lamina predict moved/model.safetensors --input ../pixels.csv --output rows.csv
wants 0
cut -d, -f2- classes.csv >expected.csv
same rows.csv expected.csv
[ ! -s out ] || fail "--output FILE leaves standard output empty"
lamina predict moved/model.safetensors \
  --input 'csv: {file: ../digits.csv, target: last, classes: 10}' --classes
wants 0
same out classes.csv
lamina predict moved/model.safetensors --input ../pixels.csv --classes --json
wants 0 '{"class": ' '"logits": ['
[ "$(wc -l <out)" -eq 1797 ] || fail "an object for each sample was expected"

# What does not fit is refused.
lamina predict moved/model.safetensors
wants 64 "needs --input"
lamina predict moved/model.safetensors --input nothing.csv
wants 66 "nothing.csv: there is no such file"
cut -d, -f1-63 ../digits.csv >narrow.csv
lamina predict moved/model.safetensors --input narrow.csv
wants 65 "[64, 128]" "[N, 63]"
lamina predict nothing.safetensors --input ../pixels.csv
wants 66 "nothing.safetensors: there is no such file"
lamina eval ../digits.csv
wants 65 "digits.csv"
head -c 2000 moved/model.safetensors >short.safetensors
lamina eval short.safetensors
wants 65 "short.safetensors"
lamina predict moved/model.safetensors --input ../pixels.csv --output nowhere/rows.csv
wants 74 "nowhere/rows.csv: cannot be written"
[ ! -e elsewhere ] || fail "nothing else was to be written"

cd .. || exit 99
# A reader that stops early, such as head, is no fault.
"$program" predict moved/model.safetensors --input ../pixels.csv 2>err | head -n 1 >out
status=0
lacks "cannot be written"
finish
