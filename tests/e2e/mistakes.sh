#!/bin/sh
# Experiments with one mistake each: exit code and the whole sentence. mistakes.txt has the
# cases; each message alone must be enough to mend the file.
. "$LAMINA_TEST_SOURCE/tests/e2e/lib.sh"

awk 'BEGIN { print "x,y,label"
  for (i = 0; i < 64; i++) printf "%.4f,%.4f,%d\n", sin(i) + i % 2, cos(2 * i), i % 2 }' >points.csv
printf 'train: {epochs: 2\n' >broken.yaml
printf 'include: t.yaml\n' >loop.yaml
cp "$source/tests/e2e/mistakes.yaml" good.yaml
unset NO_SUCH_RATE

lamina check good.yaml
wants 0 good
cases=0
codes=

# one: the case in $edit, $code and $says.
one() {
  cases=$((cases + 1))
  sed "$edit" good.yaml >t.yaml
  ! cmp -s t.yaml good.yaml || fail "the edit '$edit' changes nothing"
  for command in check "train --quiet --run-dir run"; do
    rm -rf run
    lamina $command t.yaml
    ran="$ran, edited by $edit"
    wants "$code"
    [ "$(wc -l <err)" -eq 1 ] || fail "one line was expected"
    said=$(sed -e 's/^lamina: //' -e "s|$work/||g" -e 's|looked in [^;]*|looked in ...|' err)
    [ "$said" = "$says" ] || fail "expected the sentence: $says"
  done
  [ ! -e run ] || fail "a run that could not begin left a run folder"
}

while IFS= read -r line; do
  case $line in
    edit:\ *) edit=${line#edit: } ;;
    exit:\ *) code=${line#exit: } ;;
    says:\ *)
      says=${line#says: }
      one
      ;;
    schema:\ * | \#* | '') ;;
    *) fail "mistakes.txt: not understood: $line" ;;
  esac
done <"$source/tests/e2e/mistakes.txt"
[ "$cases" -ge 20 ] || fail "only $cases cases were found"

finish
