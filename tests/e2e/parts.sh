#!/bin/sh
# Models in parts: an encoder and a decoder that are trained as one chain and used apart, samples of
# the decoder as pictures, and maps of the codes.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

python=
for name in python3 /usr/bin/python3; do
  [ -n "$python" ] || ! "$name" -c 'import numpy' 2>/dev/null || python=$name
done
# check PROGRAM ARGS...: runs a Python program with NumPy, where there is one.
check() {
  [ -z "$python" ] || "$python" -c "import sys, numpy as n; a = sys.argv[1:]
$1" "$2" "$3" "$4" >out 2>err || fail "$1"
}

# The last image is of odd size and the data is standardized: codes must not be, too. The decoder's
# middle layer has the encoder's weights.
cat >coder.yaml <<END
data:
  train: {csv: {file: $source/data/digits.csv.gz, target: last, classes: 10, input_shape: [8, 8]}}
  holdout: 0.2
  transforms: [{scale: {by: 1/16}}, standardize]
model:
  encoder:
    - flatten
    - {dense: {units: 32}, name: inner}
    - tanh
    - {dense: {units: 32}, name: tied}
    - dropout: {rate: 0.1}
    - {dense: {units: 3}, name: code}
  decoder:
    - {dense: {units: 32}, name: outer}
    - tanh
    - {dense: {units: 32}, share: tied}
    - {dense: {units: 10}, name: logits}
loss: cross_entropy
optimizer: {adam: {rate: 2e-3}}
metrics: [accuracy]
train: {epochs: 2, batch: 50, seed: 3}
END

lamina summary coder.yaml
wants 0 "encoder: 3235 parameters" "decoder: 458 parameters" "3693 parameters, 3693 trained"
lamina summary coder.yaml --set 'model.encoder[5].dense.units=4' --set 'freeze=encoder/*'
wants 0 "132 = 32 * 4 + 4 (frozen)"
lamina summary coder.yaml --dot
wants 0 "subgraph cluster_0" 'label="decoder"'
lamina summary coder.yaml --set 'model.decodr[0].dense.units=16'
wants 65 "there is no 'model.decodr', did you mean 'decoder'?"
lamina summary coder.yaml --set 'model.decoder=[]'
wants 65 "part 'decoder' of the model is an empty list"

lamina train coder.yaml --quiet --run-dir run
wants 0
model=run/model.safetensors
zcat "$source/data/digits.csv.gz" | cut -d, -f1-64 >pixels.csv
pixels='csv: {file: pixels.csv, target: none, input_shape: [8, 8]}'

# Encoded and decoded is the whole, to the bit, through text and through arrays, in any batches.
for batch in 50 7; do
  set -- "$model" --set train.batch=$batch
  lamina predict "$@" --input "$pixels" --output whole.csv
  wants 0
  lamina predict "$@" --part encoder --input "$pixels" --output z.csv
  wants 0
  [ "$(head -n 1 z.csv)" = code.0,code.1,code.2 ] || fail "the columns of the code were expected"
  lamina predict "$@" --part decoder --input z.csv --output parts.csv
  wants 0
  same whole.csv parts.csv
  lamina predict "$@" --part encoder --input "$pixels" --output z.npy
  wants 0
  lamina predict "$@" --part decoder --input z.npy --output parts.csv
  wants 0
  same whole.csv parts.csv
done
lamina predict "$model" --input "$pixels" --output whole.npy
wants 0
check '
z, t = n.load(a[0]), n.loadtxt(a[1], delimiter=",", skiprows=1)
assert z.shape == (1797, 3) and z.dtype == n.float32 and (z == t.astype(n.float32)).all()' \
  z.npy z.csv ''
lamina predict "$model" --part decoder --input 'npy: {input: z.npy}' --threads 2
wants 0 "logits.0,logits.1"

# Refusals, each a sentence.
lamina predict "$model" --part encodr --input z.npy
wants 65 "the model has no part 'encodr', did you mean 'encoder'?"
lamina predict "$model" --part decoder --input whole.npy
wants 65 "part 'decoder' reads 'code' [3] float32, but the data has 'input' [10] float32"
lamina predict "$model" --part encoder --input z.npy
wants 65 "tensor 'inner/weight' is [64, 32]" "in the data given 'input' is [N, 3]"
lamina predict "$model" --input "$pixels" --classes --output z2.npy
wants 64 "z2.npy is an array of outputs, which --classes does not fit"
lamina predict "$model" --part decoder --input z.npy --output nowhere/z.npy
wants 74 "nowhere/z.npy: cannot be written"
moons moons.yaml "epochs: 1"
lamina train moons.yaml --quiet --run-dir moons
lamina predict moons/model.safetensors --part decoder --input z.npy
wants 65 "there is no part 'decoder': the model is one list of nodes"
cat >many.yaml <<END
data: {train: {moons: {samples: 40}}}
model:
  front: [{dense: {units: 4}, name: a}, {dense: {units: 4}, name: b}]
  back: [{add: {}, inputs: [a, b]}, {dense: {units: 2}}]
  heads: [{relu: {}, name: one, inputs: [add]}, {tanh: {}, name: two, inputs: [add]}]
loss: {cross_entropy: {}, inputs: [dense, target]}
optimizer: sgd
train: {epochs: 1}
END
lamina train many.yaml --quiet --run-dir many
wants 0
lamina predict many/model.safetensors --part front --input 'moons: {samples: 3}' --output ab.npy
wants 65 "ab.npy: an array holds one output, but there are 'a', 'b'; a .csv file takes all of them"
lamina predict many/model.safetensors --part front --input 'moons: {samples: 3}'
wants 0 "a.0,a.1,a.2,a.3,b.0,b.1,b.2,b.3"
lamina predict many/model.safetensors --part back --input z.npy
wants 65 "part 'back' reads 'a' [4] float32, but the data has 'input' [3] float32"
lamina sample many/model.safetensors --part back --out s.npy
wants 65 "part 'back' reads 2 things from other parts, expected one, the code"
lamina sample many/model.safetensors --part front --out s.npy
wants 65 "part 'front' reads the field 'input' of the data"
lamina sample many/model.safetensors --part heads --out s.npy
wants 65 "found 2 outputs ('one', 'two'), expected one"
lamina sample many/model.safetensors --out s.npy
wants 65 "the model has no part 'decoder'; there are 'front', 'back', 'heads'"

# Samples: of an autoencoder of pictures, whose last layer is flat.
sed -e 's/{dense: {units: 10}, name: logits}/{dense: {units: 64}, name: image}/' \
  -e '/^metrics/d' -e '/standardize/s/, standardize//' \
  -e 's/^loss.*/loss: {mse: {}, inputs: [image, flatten]}/' coder.yaml >images.yaml
lamina train images.yaml --quiet --run-dir images
wants 0
model=images/model.safetensors
lamina sample "$model" --out few.npy --count 5
wants 0
lamina sample "$model" --out more.npy --count 70 --threads 2
wants 0
lamina sample "$model" --out other.npy --count 5 --seed 4
wants 0
check '
few, more, other = [n.load(f) for f in a]
assert few.shape == (5, 64) and more.shape == (70, 64)
assert n.allclose(few, more[:5], rtol=1e-5, atol=1e-6) and not n.allclose(few, other)' \
  few.npy more.npy other.npy
lamina sample "$model" --out twice.npy --count 5
same few.npy twice.npy

# The ends of the way between two samples are what the model makes of them.
lamina predict "$model" --input "$pixels" --output whole.npy
lamina sample "$model" --out way.npy --interpolate 6 --input "$pixels" --samples 7,1234
wants 0
check '
way, whole = n.load(a[0]), n.load(a[1])
assert way.shape == (6, 64)
assert n.allclose(way[0], whole[7], atol=1e-6) and n.allclose(way[5], whole[1234], atol=1e-6)' \
  way.npy whole.npy ''

# Pictures: as large as they must be, and the same numbers as in the array.
lamina sample "$model" --out grid.png --grid 4 --dimensions 2,0
wants 0
lamina sample "$model" --out grid.npy --grid 4 --dimensions 2,0
wants 0
check '
import struct, zlib
s = open(a[0], "rb").read(); at = 8; data = b""
while at < len(s):
    size, name = struct.unpack(">I4s", s[at:at + 8]); body = s[at + 8:at + 8 + size]
    assert zlib.crc32(name + body) == struct.unpack(">I", s[at + 8 + size:at + 12 + size])[0]
    if name == b"IHDR": wide, high, bits, colour = struct.unpack(">IIBB", body[:10])
    if name == b"IDAT": data += body
    at += 12 + size
rows = n.frombuffer(zlib.decompress(data), n.uint8).reshape(high, wide + 1)
assert (bits, colour) == (8, 0) and (rows[:, 0] == 2).all()
p = n.cumsum(rows[:, 1:], 0, dtype=n.uint8)
assert p.shape == (4 * 72 + 8, 4 * 72 + 8), p.shape
g = n.load(a[1]).reshape(4, 4, 8, 8)
for i in range(4):
    for k in range(4):
        cell = p[i * 72 + 8:i * 72 + 72, k * 72 + 8:k * 72 + 72][::8, ::8].astype(int)
        assert (abs(cell - n.clip(g[i, k], 0, 1) * 255) <= 0.51).all()
' grid.png grid.npy ''
lamina sample "$model" --out wide.png --count 3 --shape 4x16 --stretch
wants 0

lamina sample "$model"
wants 64 "--out FILE.png or --out FILE.npy"
lamina sample "$model" --out s.png --grid 4
wants 64 "a code is 3 numbers" "--dimensions"
lamina sample "$model" --out s.png --grid 4 --dimensions 1,3
wants 64 "--dimensions is '1,3', expected two numbers such as 0,1, from 0 to 2"
lamina sample "$model" --out s.png --grid 4 --dimensions 1,1
wants 65 "names one twice"
lamina sample "$model" --out s.png --grid 4 --count 3
wants 64 "expected one of --count, --grid and --interpolate"
lamina sample "$model" --out s.png --samples 0,1
wants 64 "--samples belongs to --input, which is not given"
lamina sample "$model" --out s.png --count 0
wants 64 "--count is '0', expected an integer from 1"
lamina sample "$model" --out s.png --shape 5x5
wants 64 "the shape '5x5' does not fit 'image' [64] float32"
lamina sample "$model" --out s.png --interpolate 3 --input "$pixels" --samples 0,1797
wants 64 "--samples is '0,1797'"
lamina sample "$model" --out s.png --interpolate 3 --input "$pixels" --encoder decoder
wants 65 "part 'decoder' reads 'code' [3] float32"
[ ! -e s.png ] || fail "nothing was to be written"

# Maps.
lamina latents "$model" --out map.svg
wants 0 "first principal component of code" "% of its variance"
[ "$(grep -c '<circle' map.svg)" -eq $((1438 + 10)) ] || fail "a point for each sample was expected"
if command -v xmllint >/dev/null; then
  xmllint --noout map.svg 2>err || fail "map.svg is well-formed"
fi
lamina latents "$model" --input "$pixels" --out map.csv
wants 0
[ "$(wc -l <map.csv)" -eq 1798 ] && [ "$(head -n 1 map.csv)" = x,y ] || fail "1797 rows: x,y"
lamina latents "$model" --count 9 --out few.csv --quiet \
  --input "csv: {file: $source/data/digits.csv.gz, input_shape: [8, 8]}"
wants 0
lacks "principal"
[ "$(sed 1d few.csv | cut -d, -f3 | grep -c '^[0-9]$')" -eq 9 ] || fail "nine labels were expected"
check '
z = n.load(a[1]); z = z - z.mean(0); p = n.loadtxt(a[0], delimiter=",", skiprows=1)
w, v = n.linalg.eigh(n.cov(z.T)); v = v[:, ::-1][:, :2]
v = v * n.sign(v[abs(v).argmax(0), [0, 1]])
assert n.allclose(z @ v, p, atol=1e-4)' map.csv "$(
  "$program" predict "$model" --part encoder --input "$pixels" --output zi.npy && echo zi.npy)" ''
lamina latents "$model" --out map.png
wants 64 "--out FILE.svg or --out FILE.csv"
lamina latents "$model" --out nowhere/map.svg
wants 74 "nowhere/map.svg"
finish
