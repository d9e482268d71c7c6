# Writes templates.c: the files of `lamina new` as texts inside the program, so that it needs no
# folder of its own and works wherever its prefix is moved to.
#
#   awk -v folder=templates -f embed.awk FOLDER/KIND/PATH...
#
# KIND/PATH below `folder` is the file's kind ("common" for all) and its place in a project.

BEGIN {
  print "/* Made by templates/embed.awk from the files below templates/. */"
  print "#include \"cli/templates.h\""
  print ""
  print "const struct lm_template lm_templates[] = {"
}

FNR == 1 {
  finish()
  name = substr(FILENAME, length(folder) + 2)
  slash = index(name, "/")
  printf "    {\"%s\", \"%s\",\n", substr(name, 1, slash - 1), substr(name, slash + 1)
  open = 1
}

{
  gsub(/\\/, "\\\\")
  gsub(/"/, "\\\"")
  gsub(/\?\?/, "?\\?")
  printf "     \"%s\\n\"\n", $0
}

END {
  finish()
  print "};"
  print ""
  print "const size_t lm_n_templates = sizeof lm_templates / sizeof lm_templates[0];"
}

function finish()
{
  if (open) {
    print "    },"
  }
}
