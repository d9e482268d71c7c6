#!/bin/sh
# Pages that people read say what the program does: the manual is made of its tables, and the table
# of settings in each plugin's page is the one that the plugin has.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

pages=0
for file in "$LAMINA_TEST_PLUGINS"/*.so; do
  name=$(basename "$file" .so)
  kind=${name%%_*}
  name=${name#*_}
  set -- "$source"/plugins/"$kind"*/"$name/$name.md"
  [ -f "$1" ] || {
    fail "the $kind $name has no page"
    continue
  }
  awk '/^## / { inside = $2 == "Parameters"; next }
    inside && /^\| setting / { table = 1 }
    inside && table && /^\|/ { print; next }
    inside && /^None\./ { print "None."; exit }
    table { exit }' "$1" >page
  lamina inspect "$kind" "$name" --markdown
  wants 0
  cmp -s page out || {
    diff page out >err
    fail "the settings in $1 are those of lamina inspect $kind $name --markdown"
  }
  pages=$((pages + 1))
done
[ "$pages" -ge 30 ] || fail "only $pages pages were found"

# The manual has every command, option and variable of --help, and every setting.
lamina --help
sed -n 's/^  \([^ ,]*\).*/\1/p' out | sed 's/-/\\-/g' >terms
lamina manual
wants 0 '.TH lamina 1' '.SH COMMANDS' '.SH OPTIONS' '.SH ENVIRONMENT' '.SH EXIT STATUS'
[ "$(wc -l <terms)" -ge 25 ] || fail "--help has more words than that"
while read -r term; do
  grep -q -F "\\fB$term" out || fail "lamina(1) has nothing about $term"
done <terms
cp out lamina.1
lamina manual experiment
wants 0 '.TH lamina-experiment 5' '\fBregularizers\fR' '\fBholdout\fR' '\fBin_place\fR' \
  '\fBpatience\fR' 'integer in [0, 1000000000]; default 10'
cp out lamina-experiment.5
lamina manual plugins "$LAMINA_TEST_PLUGINS"
wants 0 '.TH lamina-plugins 7' '.SH LAYER' '.SS dense' '\fBunits\fR' \
  'integer in [1, 2147483647]; required' 'outputs per row, K' 'choice of decoupled_lr|decoupled'
[ "$(grep -c '^\.SS ' out)" -eq "$pages" ] || fail "lamina-plugins(7) has $pages plugins"
cp out lamina-plugins.7
lamina manual plugin
wants 64 "there is no page 'plugin'" "did you mean 'plugins'?"
if command -v groff >/dev/null; then
  for page in lamina.1 lamina-experiment.5 lamina-plugins.7; do
    groff -man -ww -Tutf8 "$page" >out 2>err || fail "groff reads $page"
    [ ! -s err ] || fail "groff has no word against $page"
  done
fi

# The build makes the pages, and ends where a setting has no documentation.
for page in lamina.1 lamina-experiment.5 lamina-plugins.7; do
  same "$build/$page" "$page"
done
mkdir mine
cp "$fixtures/layer_sin.so" "$fixtures/layer_no_doc.so" mine
lamina manual plugins mine --plugin-path mine
wants 70 "setting 1 of its table has no documentation" \
  "mine has 1 plugins that can be used and 1 that cannot"
[ ! -s out ] || fail "there is no page of a part"

finish
