#!/bin/sh
# lamina probe on a convolution network that was trained for a moment: the table names what breaks
# a symmetry, the JSON has all numbers, the picture is one, and what cannot be is refused.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

gunzip -c "$source/data/digits.csv.gz" | head -n 300 >digits.csv
cut -d, -f1-64 digits.csv >pixels.csv
digits="csv: {file: digits.csv, target: last, classes: 10, input_shape: [8, 8, 1]}"
lamina train "$source/configs/digits-cnn.yaml" --run-dir run --quiet --set train.epochs=1
wants 0
model=run/model.safetensors

# Zeros around are wrong at edges only, pooling by 2 keeps shifts by 2 and no others.
lamina probe $model --input "$digits" --shift 1
wants 0 "shift by 1 down and 1 right, circular; 300 samples" \
  "broken by conv2d 'conv2d' {filters: 32, padding: 1" "only at its edges, 25 of 64 places are exact" \
  "then by max_pool2d 'max_pool2d' {kernel: 2, stride: 2" \
  "its places are 2 rows and 2 columns of the input apart" \
  "then by flatten 'flatten': its output [256] has no places" "as they are"
lamina probe $model --input "$digits" --shift 2,0 --edge zeros
wants 0 "shift by 2 right, zeros come in" "broken by max_pool2d 'max_pool2d2' {kernel: 2, stride: 2"
lamina probe $model --input "$digits" --gain 2
wants 0 "broken by conv2d 'conv2d'" "such as a bias or a mean"

# Scores on the data as they are: those of eval. Numbers of one motion do not depend on others.
cat >all.yaml <<END
data: {test: {csv: {file: digits.csv, target: last, classes: 10, input_shape: [8, 8, 1]}},
       train: {csv: {file: digits.csv, target: last, classes: 10, input_shape: [8, 8, 1]}},
       transforms: [{scale: {by: 1/16}}]}
END
lamina eval $model all.yaml --json
accuracy=$(sed -n 's/.*"accuracy": \([0-9.e-]*\).*/\1/p' out)
lamina probe $model --input "$digits" --shift -1,2 --rotate 90 --flip --gain 0.5 --json \
  --out picture.svg
wants 0 "\"samples\": 300" "\"accuracy\": $accuracy}, \"transforms\""
cp out report.json
if command -v python3 >/dev/null 2>&1; then
  ran="the report's checks"
  python3 - >out 2>err <<'END'
import json
report = json.load(open("report.json"))
assert list(report) == ["model", "samples", "exact", "scores", "transforms"], list(report)
assert [t["transform"] for t in report["transforms"]] == [
    "translation", "rotation", "reflection", "amplification"]
assert report["transforms"][0]["right"] == -1 and report["transforms"][0]["down"] == 2
for motion in report["transforms"]:
    assert [layer["node"] for layer in motion["layers"]] == [
        "conv2d", "relu", "conv2d2", "relu2", "max_pool2d", "conv2d3", "relu3", "max_pool2d2",
        "flatten", "dropout", "logits"]
    assert set(motion["scores"]) == {"loss", "accuracy"}
    assert motion["broken_by"] == "conv2d" and motion["invariant_from"] is None
    for layer in motion["layers"]:
        assert set(layer) >= {"shape", "grid", "steps", "state", "settings", "cause"}
        assert (layer["equivariance"] is None) == (layer["state"] != "measured")
        assert (layer["cause"] is None) == ("sentence" not in layer)
        for key in "equivariance", "inside", "invariance":
            spread = layer[key]
            assert spread is None or 0 <= spread["median"] <= spread["max"] and \
                spread["mean"] <= spread["max"], spread
shift = {layer["node"]: layer for layer in report["transforms"][0]["layers"]}
assert shift["max_pool2d"]["state"] == "no_motion" and shift["max_pool2d"]["cause"] == "stride"
assert shift["max_pool2d2"]["steps"] == [4, 4] and shift["flatten"]["grid"] is None
assert shift["conv2d"]["inside"]["max"] < report["exact"] < shift["conv2d"]["equivariance"]["mean"]
print("good")
import xml.dom.minidom
xml.dom.minidom.parse("picture.svg")
END
  status=$?
  wants 0 good
fi
[ "$(grep -c '<circle' picture.svg)" -gt 30 ] || fail "the picture has a point for each error"
lamina probe $model --input "$digits" --shift -1,2 --json
wants 0
[ "$(sed -n '/"layers"/,$p' out | head -n 1)" = "$(sed -n '/"layers"/{p;q;}' report.json)" ] ||
  fail "a motion has the same numbers alone"

# Without targets there are errors, no scores, and a sentence about it.
lamina probe $model --input 'csv: {file: pixels.csv, target: none, input_shape: [8, 8, 1]}' --flip
wants 0 "without loss and metrics: " "flip, left to right"
lacks "as they are"

lamina probe $model --input "$digits"
wants 64 "lamina probe needs --shift, --rotate, --flip or --gain"
lamina probe $model --shift 1
wants 64 "lamina probe needs --input"
lamina probe --shift 1
wants 64 "lamina probe needs a model file"
for shift in x 1.5 1,2,3 0 0,0 1, 99999999999; do
  lamina probe $model --input "$digits" --shift $shift
  wants 64 "--shift is '$shift', expected"
done
lamina probe $model --input "$digits" --shift 1 --edge mirror
wants 64 "--edge is 'mirror', expected circular or zeros"
lamina probe $model --input "$digits" --gain 1
wants 64 "--gain is '1', expected a number other than 0 and 1"
lamina probe $model --input "$digits" --rotate quarter
wants 64 "--rotate is 'quarter', expected"
lamina probe $model --input "$digits" --flip --out picture.png
wants 64 "--out is 'picture.png', expected a file whose name ends in .svg"
lamina probe $model --input "$digits" --flip --edge zeros
wants 64 "--edge belongs to --shift"
lamina probe $model --input "$digits" --shift 8
wants 65 "a shift by 8,8 does not fit pictures of 'input', which are 8 wide and 8 high"
lamina probe $model --input "$digits" --flip --out nowhere/picture.svg
wants 74 "nowhere/picture.svg"
moons moons.yaml "epochs: 1"
lamina train moons.yaml --run-dir moons --quiet
lamina probe moons/model.safetensors --input 'moons: {samples: 20}' --flip
wants 65 "the model reads no pictures or signals to be moved, 'input' is [N, 2] float32"
lamina probe moons/model.safetensors --input 'moons: {samples: 20}' --gain 2
wants 0 "gain of 2" "such as a bias or a mean"
cat >wide.yaml <<END
data: {train: {csv: {file: digits.csv, target: last, classes: 10, input_shape: [4, 16, 1]}}}
model: [{conv2d: {filters: 2, padding: 1}}, flatten, {dense: {units: 10}}]
loss: cross_entropy
optimizer: sgd
train: {epochs: 1, batch: 20}
END
lamina train wide.yaml --run-dir wide --quiet
lamina probe wide/model.safetensors --rotate 90 \
  --input "csv: {file: digits.csv, target: last, classes: 10, input_shape: [4, 16, 1]}"
wants 65 "4 high and 16 wide, expected squares for a turn"
finish
