# From the list of structs.awk, a program with a pointer to every public struct: what a tool that
# reads debugging information has to hold on to, since the tables are reached through void *.
$1 == "struct" {
  includes[$4] = 1
  anchors = anchors "struct " $2 " *anchor_" $2 ";\n"
}

END {
  for (name in includes) {
    print "#include <" name ">" | "sort"
  }
  close("sort")
  printf "%s", anchors
}
