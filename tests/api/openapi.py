"""docs/openapi.yaml: its operations, and its schemas as they are at one microversion."""
import copy
import os

import yaml
from api_server import ROOT

METHODS = ("get", "post", "put", "delete", "patch")


def load() -> dict:
    with open(os.path.join(ROOT, "docs/openapi.yaml")) as f:
        return yaml.load(f, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


DOCUMENT = load()


def holds(thing: dict, minor: int) -> bool:
    return thing.get("x-since", 0) <= minor <= thing.get("x-until", 999)


def resolve(thing: dict) -> dict:
    """What a reference names, with what stands beside the reference."""
    if "$ref" not in thing:
        return thing
    found = DOCUMENT
    for step in thing["$ref"].split("/")[1:]:
        found = found[step]
    return {**resolve(found), **{k: v for k, v in thing.items() if k != "$ref"}}


def operations():
    """(method, path, operation), in the order of the document."""
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                yield method.upper(), path, item[method]


def _project_object(schema: dict, minor: int) -> dict:
    properties = {name: resolve(p) for name, p in schema["properties"].items()}
    properties = {name: p for name, p in properties.items() if holds(p, minor)}
    schema["properties"] = {name: project(p, minor) for name, p in properties.items()}
    schema["required"] = [name for name, p in properties.items() if not p.get("x-optional")]
    schema.setdefault("additionalProperties", False)
    return schema


def project(schema: dict, minor: int) -> dict:
    """The JSON Schema that holds at 2.minor: every field that is not x-optional is there, and no other."""
    schema = copy.copy(resolve(schema))
    if "allOf" in schema:
        parts = [copy.copy(resolve(part)) for part in schema.pop("allOf")]
        flat = [resolve(p) for part in parts for p in (part["allOf"] if "allOf" in part else [part])]
        schema["type"] = "object"
        schema["properties"] = {name: p for part in flat for name, p in part["properties"].items()}
    if "properties" in schema:
        schema = _project_object(schema, minor)
    if isinstance(schema.get("additionalProperties"), dict):
        schema["additionalProperties"] = project(schema["additionalProperties"], minor)
    if "items" in schema:
        schema["items"] = project(schema["items"], minor)
    for word in ("oneOf", "anyOf"):
        if word in schema:
            schema[word] = [project(part, minor) for part in schema[word] if holds(resolve(part), minor)]
    return schema


def answer_schema(operation: dict, status: int, minor: int):
    """None for an answer without a body."""
    content = resolve(operation["responses"][str(status)]).get("content")
    return project(content["application/json"]["schema"], minor) if content else None
