"""Keep of custom resource definitions what says which objects are right: no words about fields, no annotations.

``python deploy/helm/schemas/minimise.py CRD.yaml...`` writes each into the folder ``crds`` beside this file, named for
its group and kind. SOURCES.md says where the definitions come from.
"""  # noqa: INP001 - a script for whoever takes newer ones

import sys
from pathlib import Path
from typing import Any, Final

import yaml

CRDS: Final = Path(__file__).parent / "crds"
WIDTH: Final = 120
WORDS: Final = frozenset({"description", "externalDocs", "example"})
ANYTHING: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
"""The schema of a status: its operator writes it, and nobody else."""


def minimised(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition as an API server needs it, with the versions that it serves."""
    spec = definition["spec"]
    kept = {name: spec[name] for name in ("group", "names", "scope")}
    versions = [_version(version) for version in spec["versions"] if version["served"]]
    return {
        "apiVersion": definition["apiVersion"],
        "kind": definition["kind"],
        "metadata": {"name": definition["metadata"]["name"]},
        "spec": {**kept, "versions": versions},
    }


def _version(version: dict[str, Any]) -> dict[str, Any]:
    kept = {name: version[name] for name in ("name", "served", "storage", "subresources") if name in version}
    schema = _schema(version["schema"]["openAPIV3Schema"])
    schema["properties"]["status"] = ANYTHING
    return {**kept, "schema": {"openAPIV3Schema": schema}}


def _schema(schema: Any) -> Any:
    """A schema without its words. Below ``properties``, a name is a field's and may be ``description``."""
    if isinstance(schema, list):
        return [_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _part(name, part) for name, part in schema.items() if name not in WORDS}


def _part(name: str, part: Any) -> Any:
    if name == "properties":
        return {field: _schema(schema) for field, schema in part.items()}
    return part if name in {"default", "enum"} else _schema(part)


def main() -> None:
    """Write the definitions named on the command line."""
    CRDS.mkdir(exist_ok=True)
    for path in map(Path, sys.argv[1:]):
        definition = minimised(yaml.safe_load(path.read_text(encoding="utf-8")))
        spec = definition["spec"]
        text = yaml.safe_dump(definition, default_flow_style=None, width=WIDTH, sort_keys=False)
        target = CRDS / f"{spec['group']}_{spec['names']['kind'].lower()}.yaml"
        target.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
