"""Qdrant's published OpenAPI document as a judge of answers and a source of requests."""

import importlib.util
import json
import pathlib
import re
import subprocess
import sys

import jsonschema
import pydantic
import qdrant_client.http

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / ".build/qdrant-openapi.json"
CLIENT_119 = ROOT / ".build/qdrant-client-1.19"
APIS = "aliases beta collections distributed indexes points quotas search service snapshots".split()


def load():
    """The document, brought by its script when it is not there; the models of version 1.19 come with it."""
    if not DOCUMENT.exists() or not (CLIENT_119 / "complete").exists():
        subprocess.run([sys.executable, ROOT / "scripts/fetch-qdrant-openapi.py"], check=True)
    return json.loads(DOCUMENT.read_text())


def as_json_schema(node):
    """OpenAPI 3.0's `nullable` in the words of JSON Schema."""
    if isinstance(node, list):
        return [as_json_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: as_json_schema(value) for key, value in node.items() if key not in ("nullable", "example", "format")}
    if node.get("nullable") is True:
        described = {key: value for key, value in made.items() if key not in ("default", "description")}
        return {"anyOf": [described, {"type": "null"}]} if described else {"type": "null"}
    return made


def client_types(folder):
    """What each route answers by the generated models of the client in `folder`."""
    name = f"models_of_{folder.name.replace('.', '_').replace('-', '_')}"
    described = importlib.util.spec_from_file_location(name, folder / "models/models.py")
    models = importlib.util.module_from_spec(described)
    # Models name one another; pydantic looks their names up in their module.
    sys.modules[name] = models
    described.loader.exec_module(models)
    pattern = re.compile(r'type_=m\.(\w+),\s+method="(\w+)",\s+url="([^"]*)"')
    return {
        (method, re.sub(r"\{[^}]*\}", "{}", url)): pydantic.TypeAdapter(getattr(models, kind))
        for api in APIS
        for kind, method, url in pattern.findall((folder / f"api/{api}_api.py").read_text())
    }


class Judge:
    """Validates answers by the document, and by the models of two released clients, which are made from the documents of
    versions 1.19 and 1.20."""

    def __init__(self):
        self.document = load()
        self.schemas = {"components": {"schemas": as_json_schema(self.document["components"]["schemas"])}}
        client_120 = pathlib.Path(qdrant_client.http.__file__).parent
        self.editions = [client_types(CLIENT_119), client_types(client_120)]
        self.routes = []
        for template, methods in self.document["paths"].items():
            pattern = re.compile(re.sub(r"\{[^}]*\}", "[^/]+", template))
            for method, operation in methods.items():
                self.routes.append((method.upper(), pattern, template, operation))
        # Only the models have what is newer than the document.
        described = {(method, re.sub(r"\{[^}]*\}", "{}", template)) for method, _, template, _ in self.routes}
        for method, url in self.editions[0].keys() - described:
            self.routes.append((method, re.compile(url.replace("{}", "[^/]+")), url, {"responses": {"default": {"description": "what the models say"}}}))
        # Paths without a name in them first: `/collections/aliases` is no collection.
        self.routes.sort(key=lambda route: route[2].count("{"))
        self.validators = {}
        self.seen = set()

    def route(self, method, path):
        for verb, pattern, template, operation in self.routes:
            if verb == method and pattern.fullmatch(path.partition("?")[0]):
                return template, operation
        raise LookupError(f"{method} {path} is no route of the document")

    def check(self, method, path, status, answer):
        """Fails when this answer is not what the document says of the route."""
        template, operation = self.route(method, path)
        self.seen.add((method, template, "ok" if status < 300 else "refused"))
        answers = operation["responses"]
        described = answers.get(str(status)) or answers.get(f"{status // 100}XX") or answers.get("default")
        assert described, f"{method} {template}: the document has no answer {status}"
        content = described.get("content", {}).get("application/json")
        if content:
            validator = self.validator(content["schema"])
            error = jsonschema.exceptions.best_match(validator.iter_errors(answer))
            assert error is None, f"{method} {path} {status}: {error.json_path}: {error.message}\n{str(answer)[:2000]}"
        for types in self.editions:
            kind = types.get((method, re.sub(r"\{[^}]*\}", "{}", template)))
            if kind and status == 200 and isinstance(answer, dict):
                kind.validate_python(answer)

    def validator(self, schema):
        text = json.dumps(schema)
        if text not in self.validators:
            whole = as_json_schema(schema) | self.schemas
            self.validators[text] = jsonschema.Draft202012Validator(whole)
        return self.validators[text]


class Generator:
    """Random values that fit a schema of the document; names and numbers that a small collection knows."""

    DEPTH = 7
    TEXTS = {
        "key": ["n", "city", "price", "flag", "text", "place", "date", "deep.part[].size"],
        "field_name": ["n", "city", "fresh"],
        "group_by": ["n", "city"],
        "using": [""],
        "vector": ["image"],
        "name": ["image"],
        "collection": ["c"],
        "collection_name": ["c"],
        "alias_name": ["alias"],
        "old_alias_name": ["alias"],
        "new_alias_name": ["other"],
        "shard_key": ["part"],
        "to": ["place"],
        "datetime_key": ["date"],
        "datetime": ["2024-05-01T00:00:00Z"],
        "location": ["file:///nowhere/c.snapshot"],
        "has_vector": ["image"],
        "language": ["english"],
    }

    def __init__(self, document, random):
        self.schemas = document["components"]["schemas"]
        self.random = random

    def body(self, operation):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        return self.value(content["schema"], "", 0) if content else None

    def value(self, schema, key, depth):
        pick = self.random
        if schema.get("nullable") and (len(schema) == 1 or pick.random() < 0.2):
            return None
        if "$ref" in schema:
            return self.named(schema["$ref"].rsplit("/", 1)[1], key, depth)
        for union in ("anyOf", "oneOf"):
            if union in schema:
                choices = schema[union]
                if depth > self.DEPTH:
                    choices = sorted(choices, key=lambda one: len(json.dumps(one)))[:1]
                return self.value(pick.choice(choices), key, depth + 1)
        if "allOf" in schema:
            return self.value(schema["allOf"][0], key, depth)
        if "enum" in schema:
            return pick.choice(schema["enum"])
        return self.plain(schema, key, depth)

    def named(self, name, key, depth):
        pick = self.random
        if name == "ExtendedPointId":
            return pick.choice([1, 2, 4, "00000000-0000-0000-0000-000000000003"])
        if name == "RecommendExample":
            return pick.choice([1, 2, [1, 2, 3, 4]])
        if name in ("VectorStruct", "Vector", "VectorInput", "NamedVectorStruct") and pick.random() < 0.8:
            return [pick.uniform(-1, 1) for _ in range(2 if key == "image" else 4)]
        if name == "GeoPoint":
            return {"lon": pick.uniform(-180, 180), "lat": pick.uniform(-90, 90)}
        if name == "GeoLineString":
            points = [{"lon": pick.uniform(-9, 9), "lat": pick.uniform(-9, 9)} for _ in range(3)]
            return {"points": [*points, points[0]]}
        return self.value(self.schemas[name], key, depth + 1)

    def plain(self, schema, key, depth):
        pick = self.random
        kind = schema.get("type")
        if kind == "array":
            count = pick.randint(schema.get("minItems", 0), 3) if depth < self.DEPTH else schema.get("minItems", 0)
            return [self.value(schema["items"], key, depth + 1) for _ in range(count)]
        if kind == "string":
            if schema.get("format") == "date-time":
                return "2024-05-01T00:00:00Z"
            return pick.choice(self.TEXTS.get(key, ["amber", "b"]))
        if kind == "boolean":
            return pick.random() < 0.5
        if kind in ("integer", "number"):
            low = schema.get("minimum", 0)
            value = pick.randint(int(low + 0.5), int(low + 0.5) + 9) if kind == "integer" else low + pick.random()
            return min(value, schema.get("maximum", value))
        if "properties" in schema:
            return self.members(schema, depth)
        if "additionalProperties" in schema and isinstance(schema["additionalProperties"], dict):
            return {"image": self.value(schema["additionalProperties"], "image", depth + 1)}
        return {"city": "amber"} if kind == "object" else pick.choice([1, "amber", {"city": "b"}])

    def members(self, schema, depth):
        made = {}
        for name, one in schema["properties"].items():
            if name in schema.get("required", ()) or self.random.random() < (0.5 if depth < self.DEPTH else 0):
                made[name] = self.value(one, name, depth + 1)
        return made
