"""What is wrong with a value that a pydantic model refused, and what is allowed: said in one way everywhere.

What is allowed is read from the model's JSON Schema, which is also what is published; a value that is
`writeOnly` there is a secret and never quoted. No file and no protocol
is known here.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final

Schema = Mapping[str, Any]
Location = Sequence[str | int]

MOST_FAULTS: Final = 10
"""How many faults of one request are told: who sends nothing else must not keep everybody waiting."""

_TYPES: Final = {
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


_KEY: Final = "[key]"
"""What pydantic puts behind a key that is not allowed."""
_NO_TEXT: Final = "is not text, which stands in quotes"


def explain(error: Mapping[str, Any], schema: Schema) -> str:
    """Return what is wrong and what is allowed.

    `error` is one of pydantic's error details and `schema` the JSON Schema of the model that it is about.
    """
    location = error["loc"]
    match error["type"]:
        case "extra_forbidden" | "invalid_key":
            known = _properties(_descend(schema, location[:-1], schema), schema)
            return unknown_key(str(location[-1]), list(known))
        case _ if location[-1:] == (_KEY,):
            names = _resolve(
                _resolve(_descend(schema, location[:-2], schema), schema)["propertyNames"], schema
            )
            return unknown_key(str(location[-2]), names["enum"])
        case "missing":
            wrong = "is missing"
        case "value_error":
            return str(error["ctx"]["error"])
        case "string_type":
            wrong = f"{_input(error, schema)} {_NO_TEXT}"
        case "literal_error" if not isinstance(error["input"], str) and _names(error, schema):
            wrong = f"{_input(error, schema)} {_NO_TEXT}"
        case "json_invalid":
            return f"is not JSON: {error['ctx']['error']}"
        case _:
            wrong = f"{_input(error, schema)} is not allowed"
    return f"{wrong}; {_expected(schema, location)}"


def explain_at(where: str, error: Mapping[str, Any], schema: Schema) -> str:
    """Return what `explain` says of an error, after its place in the part of a request that is `where`."""
    return f"{'.'.join(map(str, (where, *error['loc'])))}: {explain(error, schema)}"


def keys_of(location: Location, schema: Schema) -> tuple[str | int, ...]:
    """Return a pydantic location without the names of union members and such, which no user wrote."""
    kinds = schema.get("$defs", {})
    named = location[:-1] if location[-1:] == (_KEY,) else location
    return tuple(part for part in named if part not in kinds)


def unknown_key(key: str, known: Sequence[str]) -> str:
    """Return the words for a key that is not among `known`."""
    nearest = get_close_matches(key, known, n=1)
    hint = f" (did you mean {nearest[0]}?)" if nearest else ""
    return f"unknown key{hint}; allowed: {', '.join(known)}"


def shown(value: object) -> str:
    """Return a value as a message quotes it: short, and by its kind where it is long."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case Mapping():
            return f"a mapping with {', '.join(map(str, value))}" if value else "an empty mapping"
        case list():
            return "a list" if value else "an empty list"
        case str() if len(value) > 60:  # noqa: PLR2004  more would hide what follows
            return repr(value[:60] + "...")
        case _:
            return repr(value) if isinstance(value, str) else str(value)


def allowed(node: Schema, schema: Schema) -> str:
    """Return what a JSON Schema node allows, in words."""
    node = _resolve(node, schema)
    words = node.get("enum") or ([node["const"]] if "const" in node else [])
    kind = node.get("type")
    if words:
        return ", ".join(map(str, words))
    if kind == "array":
        return f"a list of {_count(node)}{allowed(node.get('items', {}), schema)}"
    if kind == "object":
        keys = ", ".join(node.get("properties", {}))
        return f"a mapping with the keys {keys}" if keys else "a mapping"
    if kind == "string":
        return _text(node)
    return _TYPES.get(str(kind), str(node.get("description", "another value"))) + _range(node)


def _input(error: Mapping[str, Any], schema: Schema) -> str:
    """Return the value that was given, but for one that is secret, or that holds one where it should not."""
    node = _descend(schema, error["loc"], schema)
    inside = _properties(node, schema).values()
    secret = any(_resolve(one, schema).get("writeOnly") for one in (node, *inside))
    return "the value" if secret else shown(error["input"])


def _names(error: Mapping[str, Any], schema: Schema) -> bool:
    """Return whether the value that was given, as text, is among those that are allowed."""
    node = _resolve(_descend(schema, error["loc"], schema), schema)
    return str(error["input"]) in node.get("enum", ())


def _expected(schema: Schema, location: Location) -> str:
    return f"allowed: {allowed(_descend(schema, location, schema), schema)}"


def _text(node: Schema) -> str:
    """Return what is allowed of a text: an example, its length and what it is for."""
    examples = " or ".join(map(str, node.get("examples", ())))
    longest = node.get("maxLength")
    return (
        "text"
        + (f" like {examples}" if examples else "")
        + (f" of {node.get('minLength', 0)} to {longest} characters" if longest else "")
        + (f" ({node['description']})" if "description" in node else "")
    )


def _range(node: Schema) -> str:
    low, above, high = (node.get(key) for key in ("minimum", "exclusiveMinimum", "maximum"))
    parts = [
        f"{words} {limit:.15g}"
        for words, limit in (("from", low), ("more than", above), ("up to" if low is None else "to", high))
        if limit is not None
    ]
    return "".join(f" {part}" for part in parts).replace(
        " up to", " and up to" if len(parts) > 1 else " up to"
    )


def _count(node: Schema) -> str:
    low, high = node.get("minItems"), node.get("maxItems")
    if low is None:
        return ""
    return f"{low} to {high}: " if high is not None else f"at least {low}: "


def _resolve(node: Schema, schema: Schema) -> Schema:
    """Follow references, and see through `X | None`."""
    while True:
        if reference := node.get("$ref"):
            node = schema["$defs"][reference.rsplit("/", 1)[-1]]
        elif members := [one for one in node.get("anyOf", ()) if one.get("type") != "null"]:
            node = {key: value for key, value in node.items() if key != "anyOf"} | dict(members[0])
        else:
            return node


def _properties(node: Schema, schema: Schema) -> Mapping[str, Schema]:
    properties: Mapping[str, Schema] = _resolve(node, schema).get("properties", {})
    return properties


def _descend(node: Schema, location: Location, schema: Schema) -> Schema:
    """Return the node of the schema at a pydantic location, {} where there is none."""
    kinds: Mapping[str, Schema] = schema.get("$defs", {})
    for part in location:
        if part in kinds:
            node = kinds[str(part)]
        elif isinstance(part, int):
            node = _resolve(node, schema).get("items", {})
        else:
            node = _resolve(node, schema)
            node = node.get("properties", {}).get(part, node.get("additionalProperties") or {})
    return node
