# Checks experiments with the schema of `lamina schema`, as an editor would.
#
#   schema.py SCHEMA accept FILE...     each file is valid
#   schema.py SCHEMA reject FILE...     each file is not
#   schema.py SCHEMA mistakes GOOD CASES   cases of mistakes.txt: all are rejected but those marked
#                                       `schema: no`, which only the program can see
#
# Exit status 77: the modules are not there.
import re
import subprocess
import sys

try:
    import json
    import jsonschema
    import yaml
except ImportError as missing:
    print(missing, file=sys.stderr)
    sys.exit(77)


class Core(yaml.SafeLoader):
    """The core schema of YAML 1.2, which Lamina and editors read, not that of 1.1."""


class Broken(Exception):
    pass


Core.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"^(true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("null", r"^(null|Null|NULL|~|)$", ["n", "N", "~", ""]),
    ("int", r"^[-+]?[0-9]+$", "-+0123456789"),
    ("float", r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("float", r"^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$", "-+."),
):
    Core.add_implicit_resolver("tag:yaml.org,2002:" + tag, re.compile(pattern), list(first))


def number(loader, node):
    text = loader.construct_scalar(node)
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def mapping(loader, node):
    keys = [loader.construct_object(key) for key, _ in node.value]
    if len(keys) != len(set(keys)):
        raise Broken("a key is given twice")
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


Core.add_constructor("tag:yaml.org,2002:float", number)
Core.add_constructor("tag:yaml.org,2002:map", mapping)


def faults(text):
    """What an editor would underline."""
    try:
        document = yaml.load(text, Core)
    except (yaml.YAMLError, Broken) as error:
        return [str(error).splitlines()[0]]
    return [error.message for error in validator.iter_errors(document)]


def cases(path):
    case = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            key, colon, value = line.rstrip("\n").partition(": ")
            if colon and key in ("edit", "exit", "schema", "says"):
                case[key] = value
            if key == "says":
                yield case
                case = {}


def check_mistakes(good, path):
    wrong, rejected = 0, 0
    for case in cases(path):
        edited = subprocess.run(
            ["sed", case["edit"], good], check=True, capture_output=True, text=True
        ).stdout
        found = faults(edited)
        rejected += bool(found)
        if bool(found) == (case.get("schema") == "no"):
            print("edit", case["edit"], "gives:", found or "nothing", file=sys.stderr)
            wrong += 1
    print(rejected, "mistakes were rejected")
    if rejected < 20:
        print("20 or more were expected", file=sys.stderr)
        wrong += 1
    return wrong


with open(sys.argv[1], encoding="utf-8") as schema_file:
    schema = json.load(schema_file)
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
failures = 0
if sys.argv[2] == "mistakes":
    failures = check_mistakes(*sys.argv[3:5])
else:
    for name in sys.argv[3:]:
        with open(name, encoding="utf-8") as experiment:
            what = faults(experiment.read())
        if bool(what) == (sys.argv[2] == "accept"):
            print(name, "is", what or "valid", file=sys.stderr)
            failures += 1
sys.exit(1 if failures else 0)
