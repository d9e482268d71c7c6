#!/bin/sh
# What README.md shows works as it is written: its plugin is the example's source and builds by
# its command, a new one's commands are those that it shows, its experiment trains, its commands
# run, and its sentence about a mistake is said.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

readme=$source/README.md

# block LANGUAGE WORD: the fenced block of that language in which WORD stands.
block() {
  awk -v language="\`\`\`$1" -v word="$2" '
    $0 == language { inside = 1; text = ""; next }
    /^```/ && inside { inside = 0; if (index(text, word)) { printf "%s", text; exit } }
    inside { text = text $0 "\n" }' "$readme"
}

block c LAMINA_POINTWISE >shown.c
same shown.c "$source/examples/leaky_relu/leaky_relu.c"

mkdir -p tree/framework tree/examples tree/build tree/configs
ln -s "$source/framework/include" tree/framework/include
ln -s "$source/data" tree/data
cp -r "$source/examples/leaky_relu" tree/examples/
ln -s "$program" tree/build/lamina
block sh 'cd examples/leaky_relu' | sed "s|^cc |${LAMINA_TEST_CC:-cc} |" >commands.sh
[ -s commands.sh ] || fail "README.md has no commands for its plugin"
ran="the plugin's commands"
(
  cd tree && LAMINA_PLUGIN_PATH=$LAMINA_TEST_PLUGINS sh -e ../commands.sh
) >out 2>err </dev/null
status=$?
wants 0 "accuracy" "model: runs/moons/model.safetensors"

# The stranger's way: what the first command prints are the others. `make installcheck` runs them.
block sh 'lamina new' >stranger.sh
[ -s stranger.sh ] || fail "README.md does not show lamina new"
lamina $(sed -n '1s/^lamina //p' stranger.sh)
wants 0
sed 1d stranger.sh | while read -r command; do
  grep -q -x -F "  $command" out || exit 1
done || fail "README.md shows other commands than lamina new prints"

block yaml 'holdout: 0.2' >tree/configs/digits.yaml
lamina train tree/configs/digits.yaml --quiet --run-dir tree/runs/digits
wants 0 "model: tree/runs/digits/model.safetensors"
holds "$(last_eval tree/runs/digits/metrics.jsonl accuracy) >= 0.95"

block sh 'lamina predict' | sed "s|^build/lamina|LAMINA_PLUGIN_PATH=$LAMINA_TEST_PLUGINS build/lamina|" \
  >uses.sh
ran="README's eval and predict"
(cd tree && sh -e ../uses.sh) >out 2>err </dev/null
status=$?
wants 0 "accuracy 0.9" "class,logits.0,logits.1"

# The autoencoder's commands; its model is shown smaller than the experiment has it.
cp "$source/configs/digits-autoencoder.yaml" tree/configs/
block sh 'lamina latents' |
  sed "s|^build/lamina|LAMINA_PLUGIN_PATH=$LAMINA_TEST_PLUGINS build/lamina|" >coder.sh
[ -s coder.sh ] || fail "README.md has no commands for its autoencoder"
ran="README's autoencoder"
(cd tree && sh -e ../coder.sh) >out 2>err </dev/null
status=$?
wants 0 "model: runs/digits-autoencoder/model.safetensors"
for file in map.svg grid.png way.png z.npy images.npy; do
  [ -s "tree/$file" ] || fail "$file was to be written"
done
{
  sed '/^model:/,$d' tree/configs/digits-autoencoder.yaml
  block yaml 'encoder:'
  echo 'optimizer: adam'
} >tree/configs/shown.yaml
lamina check tree/configs/shown.yaml
wants 0 good

cd tree || exit 99
sed 's/rate: 0.2/rat: 0.2/' configs/digits.yaml >digits.yaml
sed -i 's|\.\./data|data|' digits.yaml
lamina check digits.yaml
sentence=$(sed -n 's/^lamina: \(.*did you mean.*\)/\1/p' "$readme")
[ -n "$sentence" ] || fail "README.md shows no refusal"
wants 65 "$sentence"
finish
