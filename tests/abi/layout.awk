# From the list of structs.awk, a program that prints the layout as golden files have it.
function quoted(text)
{
  gsub(/\\/, "\\\\", text)
  gsub(/"/, "\\\"", text)
  return text
}

$1 == "struct" {
  includes[$4] = 1
  lines = lines sprintf("  (void)printf(\"LAYOUT_STRUCT(%s, %%zu, %s)\\n\", sizeof(struct %s));\n",
    $2, toupper($3), $2)
}

$1 == "field" {
  type = $0
  sub(/^field [^ ]+ [^ ]+ /, "", type)
  line = "  (void)printf(\"LAYOUT_FIELD(%s, %s, %%zu, %s)\\n\", offsetof(struct %s, %s));\n"
  lines = lines sprintf(line, $2, $3, quoted(type), $2, $3)
}

$1 == "number" {
  lines = lines sprintf("  (void)printf(\"LAYOUT_NUMBER(%s, %%d)\\n\", (int)%s);\n", $2, $2)
}

END {
  print "#include <stddef.h>\n#include <stdio.h>"
  for (name in includes) {
    print "#include <" name ">" | "sort"
  }
  close("sort")
  print "#include <lamina/expect.h>\n#include <lamina/random.h>\n#include <lamina/status.h>"
  printf "int main(void)\n{\n%s  return 0;\n}\n", lines
}
