#!/bin/sh
# Plugins that misbehave while they are loaded or while they run: each is named, the others are
# still tried, and a training never ends as if all were well.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

own=$build/tests/e2e/.libs
moons small.yaml "epochs: 1"
LAMINA_LOAD_SECONDS=1
# Crashes on purpose are no findings of a sanitizer.
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}handle_segv=0:handle_abort=0:handle_sigfpe=0"
ASAN_OPTIONS="$ASAN_OPTIONS:handle_sigbus=0:handle_sigill=0"
export LAMINA_LOAD_SECONDS ASAN_OPTIONS

# blames STATUS WORDS OPTIONS...: a training whose last line has the words; @ in them stands for the
# fixture that is the model's second node.
blames() {
  expected=$1 words=$2
  shift 2
  rm -rf run
  lamina train small.yaml --run-dir run --plugin-path "$fixtures:$own" "$@"
  wants "$expected"
  case $words in
    *@*) words=${words%%@*}$fixtures/layer_$name.so${words#*@} ;;
  esac
  case $(tail -n 1 err) in
    *"$words"*) ;;
    *) fail "expected in the last line: $words" ;;
  esac
}

# While it is loaded.
while read -r name words; do
  blames 70 "layer '$name' $words" --set "model[1]=$name"
done <<'END'
crash (@) crashed: it used memory that is not its own (SIGSEGV)
abort (@) crashed: it gave up (SIGABRT)
hang (@) does not return
exit (@) called exit(), which a plugin must not do
rounding from @: while it was loaded it changes the rounding of floating-point numbers
flush from @: while it was loaded it makes the whole program flush denormal numbers to zero
locale from @: while it was loaded it sets the locale of the program
handler from @: while it was loaded it sets a signal handler
END

# While it runs.
while read -r how expected words; do
  name=faulty
  blames "$expected" "$words" --set "model[1]={faulty: {how: $how}}"
done <<'END'
crash 70 node 'faulty' (layer 'faulty' 1.0.0) crashed: it used memory that is not its own (SIGSEGV)
exit 70 node 'faulty' (layer 'faulty' 1.0.0) called exit(), which a plugin must not do
abort 70 node 'faulty' (layer 'faulty' 1.0.0) crashed: it gave up (SIGABRT)
hang 70 node 'faulty' (layer 'faulty' 1.0.0) does not return
fail 65 node 'faulty' (layer 'faulty' 1.0.0): it does not feel like it
odd 70 node 'faulty' (layer 'faulty' 1.0.0)
nan 65 node 'faulty' (layer 'faulty' 1.0.0): output 0 has a number that is not finite
END

# One written in C++ that throws, where a C++ compiler is present: nothing catches it.
cat >throws.cc <<'END'
#include <lamina/layer.h>

static int32_t setup(void *, struct lamina_call *)
{
  throw 1;
}

static int32_t infer(void *, struct lamina_plan *plan)
{
  return lamina_out_like(plan, 0, lamina_in(plan, 0));
}

static int32_t run(void *, struct lamina_call *)
{
  return LAMINA_OK;
}

static const struct lamina_layer table = {sizeof table, 0, setup, infer, run, run, nullptr};
LAMINA_PLUGIN(LAYER, layer, throws, "1.0.0", "throws", struct lamina_nothing, LAMINA_NO_SETTINGS,
              &table);
END
if command -v g++ >/dev/null; then
  mkdir cxx
  g++ -std=c++17 -O2 -shared -fPIC -fvisibility=hidden -I"$source/framework/include" \
    -o cxx/layer_throws.so throws.cc || fail "a plugin in C++ builds"
  lamina train small.yaml --run-dir run --plugin-path cxx --set 'model[1]=throws'
  wants 70 "(layer 'throws' 1.0.0) crashed: it gave up (SIGABRT)"
  lamina inspect layer throws --plugin-path cxx
  wants 0 "layer 'throws' 1.0.0"
  # The same while it is loaded: nobody has asked for anything yet.
  sed 's/throws/throwing/g; s/^static const struct lamina_layer table/struct bomb {\n  bomb()\n  {\n\
    throw 1;\n  }\n};\nstatic bomb armed;\n&/' throws.cc >throwing.cc
  g++ -std=c++17 -O2 -shared -fPIC -fvisibility=hidden -I"$source/framework/include" \
    -o cxx/layer_throwing.so throwing.cc || fail "a plugin in C++ builds"
  name=throwing
  lamina train small.yaml --run-dir run --plugin-path cxx --set 'model[1]=throwing'
  wants 70 "layer 'throwing' ($work/cxx/layer_throwing.so) crashed: it gave up (SIGABRT)"
  lamina inspect --all --plugin-path cxx
  wants 70 "layer 'throwing': crashed with signal 6" "layer 'throws': loads (" \
    "layer 'dense': loads (" "1 plugin cannot be used"
fi

# What is not there, or not a plugin: the reason is the real one.
mkdir odd
printf 'text\n' >odd/layer_text.so
: >odd/layer_empty.so
mkdir odd/layer_folder.so
head -c 5000 "$fixtures/layer_sin.so" >odd/layer_short.so
cp "$fixtures/layer_sin.so" odd/layer_renamed.so
ln -s nothing odd/layer_dangling.so
for name in text empty folder short renamed; do
  lamina train small.yaml --run-dir run --plugin-path odd --set "model[1]=$name"
  wants 65 "layer '$name'" "$work/odd/layer_$name.so"
  lacks "file not found"
done
for name in dangling absent; do
  lamina train small.yaml --run-dir run --plugin-path odd --set "model[1]=$name"
  case $status in
    65 | 66) wants "$status" "layer '$name'" "$work/odd" ;;
    *) wants 66 ;;
  esac
done
for name in newer bad_magic bad_major no_forward undefined_function; do
  lamina train small.yaml --run-dir run --plugin-path "$fixtures" --set "model[1]=$name"
  case $name in
    newer | bad_major) wants 65 "Lamina ABI" ;;
    undefined_function) wants 65 "undefined symbol: lamina_test_no_such_function" ;;
    *) wants 70 ;;
  esac
  wants "$status" "refused layer '$name' from $fixtures/layer_$name.so: "
done
for name in ../x /etc/passwd m.so Dense 'a b'; do
  lamina train small.yaml --run-dir run --set "model[1]='$name'"
  wants 65 "cannot be the name of a layer plugin"
done
[ ! -e run/model.safetensors ] || fail "none of these trainings has a model"

# The tour through all of them: each is named, and the good ones after it are still tried.
lamina inspect --all --plugin-path "$fixtures:odd"
wants 70 "layer 'crash': crashed with signal 11" "layer 'abort': crashed with signal 6" \
  "layer 'hang': does not come back: stopped after 1000 ms" \
  "layer 'exit': ended the process with status 0" "layer 'sin': loads (" \
  "layer 'square': loads (" "layer 'text': " "layer 'dense': loads (" "plugins cannot be used"
lamina list --plugin-path "$fixtures:odd"
wants 0 "sin" "text"

# A plugin directory that everybody can write to is not used.
mkdir open
cp "$fixtures/layer_sin.so" open
chmod 777 open
lamina train small.yaml --run-dir run --plugin-path open --set "model[1]=sin"
wants 66 "there is no layer 'sin'" "everybody can write to the directory $work/open"

finish
