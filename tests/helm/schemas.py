"""JSON schemas for kubeconform: Kubernetes' out of ``kubernetes-validate``, operators' of their definitions."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import yaml

from tests.compose.composed import ROOT

CRDS: Final = ROOT / "deploy" / "helm" / "schemas" / "crds"
PACKAGE: Final = "kubernetes_validate"
DEFINITIONS: Final = "_definitions.json"
REFERENCE: Final = re.compile(r'"\$ref": "#/\$defs/([^"]+)"')
LOCATION: Final = "{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json"
PLAIN: Final = frozenset(
    (
        *("type", "enum", "required", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        *("minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
        *("anyOf", "oneOf", "allOf", "not"),
    )
)
"""What a definition's schema means as JSON Schema does."""


def kubernetes_schemas() -> Path | None:
    """Where Kubernetes' schemas lie on this machine."""
    found = find_spec(PACKAGE)
    return Path(found.origin).parent / "kubernetes-json-schema" if found and found.origin else None


def write_kubernetes(source: Path, version: str, target: Path) -> str:
    """Write the strict schema of every kind that has one; return where they are, as kubeconform wants to be told.

    In the package all refer to one file of 2 MB, which kubeconform would read for each; here each has what it needs.
    """
    folder = source / f"v{version}-local-strict"
    definitions: dict[str, Any] = json.loads((folder / DEFINITIONS).read_text())["$defs"]
    target.mkdir(parents=True)
    for path in folder.glob("*-*.json"):
        text = path.read_text().replace(f"/api/{DEFINITIONS}", "")
        schema = json.loads(text)
        if "kind" in schema.get("properties", {}):
            schema.pop("$id", None)
            (target / path.name).write_text(json.dumps({**schema, "$defs": _needed(text, definitions)}))
    return f"{target}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"


def _needed(text: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """The definitions that a schema refers to, and those that they do."""
    needed: dict[str, Any] = {}
    wanted = REFERENCE.findall(text)
    while wanted:
        name = wanted.pop()
        if name not in needed:
            needed[name] = definitions[name]
            wanted += REFERENCE.findall(json.dumps(definitions[name]))
    return needed


def write_operators(target: Path) -> str:
    """Write the strict schemas of all definitions; return where they are, as kubeconform wants to be told."""
    for path in sorted(CRDS.glob("*.yaml")):
        spec = yaml.safe_load(path.read_text())["spec"]
        folder = target / spec["group"]
        folder.mkdir(parents=True, exist_ok=True)
        for version in spec["versions"]:
            name = f"{spec['names']['kind'].lower()}_{version['name']}.json"
            (folder / name).write_text(json.dumps(strict(version["schema"]["openAPIV3Schema"], is_root=True)))
    return f"{target}/{LOCATION}"


def strict(schema: dict[str, Any], *, is_root: bool = False) -> dict[str, Any]:
    """The schema as JSON Schema, in which a field that it does not name is an error."""
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    made: dict[str, Any] = {name: part for name, part in schema.items() if name in PLAIN}
    if schema.get("nullable") and "type" in made:
        made["type"] = [made["type"], "null"]
    for name in ("items", "additionalProperties"):
        if name in schema:
            made[name] = strict(schema[name]) if isinstance(schema[name], dict) else schema[name]
    if "properties" in schema:
        made["properties"] = {name: strict(part) for name, part in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            made.setdefault("additionalProperties", False)
    if is_root:
        made["required"] = ["apiVersion", "kind", "metadata", "spec"]
    return made
