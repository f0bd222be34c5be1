#!/usr/bin/env python3
"""Makes docs/events.md of the kinds' own table, as a running service's /openapi.json has it.

    scripts/events-doc.py --server http://127.0.0.1:8080 > docs/events.md
    scripts/events-doc.py --server http://127.0.0.1:8080 --check docs/events.md    # status 1 where it differs
    scripts/events-doc.py --openapi openapi.json                                   # of a saved document
"""

import argparse
import difflib
import json
import sys
import urllib.request

HEAD = """# Events

Every kind of event: what it is for, its fields, and what it does to the state. Made by `scripts/events-doc.py` from the service's own
table; `GET /openapi.json` has the same as schemas. How events are sent and answered is in
[../README.md](../README.md#for-agents-and-workers), how a worker uses them in [write-a-worker.md](write-a-worker.md).

- An event is a [CloudEvent 1.0](https://cloudevents.io). Its `type` is `dev.greenroom.` and the kind.
- A repeat of the same `source` and `id` is the same event, and is appended once. One that says something else is named under `conflicts` in the response,
  and isn't appended either: give each event an `id` of its own.
- `source` names the producer, such as `/agents/chat`. `/greenroom` and the sources of Greenroom's own watches are refused.
- An event that doesn't fit the state of its actor is in the log and changes nothing: `superseded` is true where it is read back.
- Further fields of `data`, and further attributes, are kept and returned.
- A pool is `NAMESPACE/NAME`; without a namespace it is in `default`.
- A name is a text of 1 to 512 bytes. Times are RFC 3339.

"""


def kinds(document):
    schemas = document["components"]["schemas"]
    found = [(name, schema) for name, schema in schemas.items() if "x-kind" in schema]
    if not found:
        sys.exit("the document has no schemas of kinds: is the service of this version?")
    return [(schema["x-kind"], schema, schemas[name + "Data"]) for name, schema in found]


def type_of(field):
    kind = field["type"]
    if kind == ["number", "null"]:
        return "number or null"
    if kind == "string":
        return "time" if field.get("format") == "date-time" else "name" if "maxLength" in field else "text"
    if kind == "integer":
        bound = f" to {field['maximum']:,}" if "maximum" in field else ""
        return f"whole number, {field['minimum']}{bound or ' or more'}" if "minimum" in field else "whole number"
    if kind == "object":
        return "object of texts" if "additionalProperties" in field else "object"
    return {"boolean": "true or false"}.get(kind, kind)


def cell(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("|", "\\|")


def page(document):
    rows = kinds(document)
    lines = [HEAD, "| kind | about | written by | when |\n|---|---|---|---|\n"]
    for kind, schema, _ in rows:
        writer = "Greenroom alone" if schema.get("x-writer") else "producers" + (", Greenroom" if kind in ALSO_OURS else "")
        lines.append(f"| [`{kind}`](#{kind.replace('.', '')}) | {ABOUT[schema['x-subject']]} | {writer} | {when(schema)} |\n")
    for kind, schema, data in rows:
        lines.append(f"\n## {kind}\n\n{when(schema)}.\n\n**Effect**: {schema['x-effect']}.\n\n")
        example = schema["examples"][0]
        lines.append("| field | type | unit | needed | meaning | example |\n|---|---|---|---|---|---|\n")
        lines.append(f"| `subject` | name |  | {'yes' if 'subject' in schema['required'] else ''} | {schema['properties']['subject']['description']} | `{cell(example['subject'])}` |\n")
        for name, field in data["properties"].items():
            needed = "yes" if name in data.get("required", []) else ""
            shown = f"`{cell(example['data'][name])}`" if name in example["data"] else ""
            lines.append(f"| `data.{name}` | {type_of(field)} | {field.get('x-unit', '')} | {needed} | {field['description']} | {shown} |\n")
        lines.append(f"\n```json\n{json.dumps(example, ensure_ascii=False)}\n```\n")
    return "".join(lines)


ABOUT = {"actor": "an actor", "worker": "a worker", "pool": "a pool", "node": "a node", "holder": "an actor or a template", "service": "the service"}
# Kinds that producers send, and Greenroom writes too: of its own watches, drains, withdrawals and requests.
ALSO_OURS = {"actor.requested", "actor.withdrawn", "worker.ready", "worker.draining", "worker.gone", "queue.observed", "pool.observed"}


def when(schema):
    return schema["description"].removesuffix(f" {schema['x-effect']}.").removesuffix(".")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--server", help="a running service")
    source.add_argument("--openapi", help="a saved /openapi.json")
    parser.add_argument("--check", help="the page to compare with")
    options = parser.parse_args()
    if options.server:
        with urllib.request.urlopen(f"{options.server.rstrip('/')}/openapi.json", timeout=30) as answer:
            document = json.load(answer)
    else:
        with open(options.openapi, encoding="utf-8") as file:
            document = json.load(file)
    made = page(document)
    if not options.check:
        sys.stdout.write(made)
        return
    with open(options.check, encoding="utf-8") as file:
        there = file.read()
    if there != made:
        sys.stdout.writelines(difflib.unified_diff(there.splitlines(True), made.splitlines(True), options.check, "as the service has it"))
        sys.exit(f"{options.check} isn't what the service says: make it again with scripts/events-doc.py")


if __name__ == "__main__":
    main()
