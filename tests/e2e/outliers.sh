#!/bin/sh
# lamina outliers: the rate of false alarms that is asked for holds on normal records that neither
# the model nor the threshold has seen; what is written agrees with what is said; what cannot be
# judged is refused.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

# Three parts of the digits without sevens, and the sevens. Parts are drawn, since the file goes
# through digits and writers in turn.
gunzip -c "$source/data/digits.csv.gz" >digits.csv
awk -F, '{ part = $65 == 7 ? "sevens" : draw(NR) < 4 ? "train" : draw(NR) < 7 ? "normal" : "second"
  print >(part ".csv") }
  function draw(n) { return n * 48271 * 48271 % 2147483647 % 10 }' digits.csv
cat second.csv sevens.csv >mixed.csv
cut -d, -f1-64 sevens.csv >pixels.csv
cat >part.yaml <<END
include: $source/configs/digits-outliers.yaml
data: {train: {csv: {file: $work/train.csv}}}
END
lamina train part.yaml --run-dir run --quiet --set data.without=null --set data.holdout=null
wants 0
model=run/model.safetensors
mixed='csv: {file: mixed.csv, target: last}'
normal='csv: {file: normal.csv, target: last}'

# first KEY, second KEY: numbers of the JSON object in out; auc LABEL: that of a class.
first() {
  sed 's/, "classes".*//' out | sed "s/.*\"$1\": \[*\([^],}]*\).*/\1/"
}
auc() {
  sed "s/.*\"label\": $1, //; s/}.*//; s/.*\"auc\": //" out
}
second() {
  sed 's/, "classes".*//' out | sed "s/.*\"$1\": \[[^,]*, \([^]]*\)].*/\1/"
}

# So many of 494 records are flagged in 95 of 100 cases, when 494 others give the threshold: the
# beta-binomial distribution, by SciPy's stats.betabinom.ppf.
while read -r rate least most; do
  lamina outliers "$model" --normal "$normal" --data 'csv: {file: second.csv}' --false-alarms $rate --json
  wants 0 "\"false_alarms\": $rate"
  [ "$(first normal)" -eq 494 ] && [ "$(first records)" -eq 494 ] || fail "494 records in each part"
  holds "$(first outliers) >= $least && $(first outliers) <= $most" "the rate of $rate"
  holds "$(first threshold_interval) <= $(first threshold)"
  holds "$(first false_alarms_interval) <= $rate && $rate <= $(second false_alarms_interval)"
done <<END
0.02 2 18
0.05 12 38
0.1 32 68
0.2 75 124
END

# The digit that was left out is found; each class is told apart as its records' scores say.
lamina outliers "$model" --normal "$normal" --data "$mixed" --false-alarms 0.05 --out scores.csv \
  --pictures sheet.png --json
wants 0
cp out first.json
holds "$(auc 7) > 0.95" "AUC of the sevens"
[ "$(head -n 1 scores.csv)" = record,score,p,rank,outlier,label ] || fail "the header of the scores"
[ "$(wc -l <scores.csv)" -eq "$(($(wc -l <mixed.csv) + 1))" ] || fail "a line for each record"
[ "$(head -c 8 sheet.png | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ] || fail "a PNG file"
cut -d, -f65 mixed.csv >labels
sed 1d scores.csv | cut -d, -f6 | cmp -s - labels || fail "the labels are those of the records"
awk -F, -v flagged="$(first outliers)" -v threshold="$(first threshold)" 'NR > 1 {
    n += $5; if (($3 <= 0.05) != $5 || ($2 > threshold * (1 + 1e-6) && !$5)) bad++
    if ($1 != NR - 2) bad++
    rank[NR] = $4; score[NR] = $2 }
  END { for (i in rank) { above = 1; for (k in rank) above += score[k] > score[i]
          if (above != rank[i]) bad++ }
    exit !(n == flagged && bad == 0) }' scores.csv || fail "flags, ranks and chances agree"

# Order, threads and company are nothing to a score.
lamina outliers "$model" --normal "$normal" --data "$mixed" --false-alarms 0.05 --json --threads 3
same out first.json
tac mixed.csv >turned.csv
lamina outliers "$model" --normal "$normal" --data 'csv: {file: turned.csv, target: last}' \
  --false-alarms 0.05 --out turned --json
same out first.json
sed 1d turned | cut -d, -f2- | tac >one
sed 1d scores.csv | cut -d, -f2- >two
same one two

# A file of its own: no labels, no classes.
lamina outliers "$model" --normal "$normal" --data pixels.csv --out alone.csv
wants 0 "of 179 records" "95 % intervals"
lacks AUC inf
[ "$(head -n 1 alone.csv)" = record,score,p,rank,outlier ] || fail "no labels, no column of labels"

# Without --normal, what the experiment holds out.
lamina train "$source/configs/digits-outliers.yaml" --run-dir digits --quiet
wants 0
lamina outliers digits/model.safetensors --data "$mixed"
wants 0 "normal     485 records"

few='csv: {file: normal.csv, limit: 200}'
lamina outliers "$model" --normal "$few" --data "$mixed"
wants 0 "to inf" "200 normal records are too few for both ends of the threshold's interval" "take 368"

lamina outliers "$model"
wants 64 "lamina outliers needs --data"
lamina outliers "$model" --data "$mixed"
wants 64 "no evaluation data" "--normal"
lamina outliers "$model" --data "$mixed" --normal 'csv: {file: normal.csv, limit: 98}'
wants 65 "98 normal records are too few for a rate of false alarms of 0.01, expected at least 99"
lamina outliers "$model" --data "$mixed" --normal "$normal" --false-alarms 1
wants 64 "--false-alarms is '1', expected a number above 0 and up to 0.5"
lamina outliers "$model" --data nothing.csv --normal "$normal"
wants 66 "nothing.csv: there is no such file"
lamina outliers "$model" --data "$mixed" --normal "$normal" --out nowhere/scores.csv
wants 74 "nowhere/scores.csv"

# What copies its input finds nothing, and says so.
cat >copy.yaml <<'END'
data: {train: {moons: {samples: 400}}, test: {moons: {samples: 400}}}
model: [flatten]
loss: {mse: {}, inputs: [flatten, input]}
optimizer: adam
train: {epochs: 1}
END
lamina train copy.yaml --run-dir copy --quiet
lamina outliers copy/model.safetensors --data 'moons: {samples: 50, noise: 9}'
wants 0 "outliers   0 of 50 records" "warning: every record scores 0, so nothing is told apart" \
  "can copy its input"
lamina outliers copy/model.safetensors --data 'moons: {samples: 50}' --pictures sheet.png
wants 65 "--pictures: the field 'input' is [2] float32, expected pictures to draw"

finish
