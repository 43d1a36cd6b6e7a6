"""The image's bill of materials in CycloneDX: the base, our own code, every package with licence and hashes.

What is in it follows from the lock, the project and the packages alone; no clock and no chance, so that the same parts
give the same bytes.
"""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cyclonedx import model
from cyclonedx.model import ExternalReferenceType, HashAlgorithm, bom, component, contact, dependency
from cyclonedx.model import license as terms
from cyclonedx.model.component import ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from deploy.supply.images import Base
from deploy.supply.locks import OURS, Locked
from deploy.supply.project import Project

# What these classes take is hidden from type checkers by the way in which the library wraps them.
Bom: Final[Any] = bom.Bom
BomMetaData: Final[Any] = bom.BomMetaData
Component: Final[Any] = component.Component
Dependency: Final[Any] = dependency.Dependency
DisjunctiveLicense: Final[Any] = terms.DisjunctiveLicense
ExternalReference: Final[Any] = model.ExternalReference
HashType: Final[Any] = model.HashType
LicenseExpression: Final[Any] = terms.LicenseExpression
OrganizationalEntity: Final[Any] = contact.OrganizationalEntity
Property: Final[Any] = model.Property
XsUri: Final[Any] = model.XsUri

IMAGE: Final = "image"
BASE: Final = "base"
PYTHON: Final = "agora:python"
FILES: Final = "the files of this version; the lock takes any of them and no other"


@dataclass(frozen=True, slots=True)
class Part:
    """One package of the image: what the lock says of it, and what it says of itself."""

    locked: Locked
    licence: str
    summary: str


def bill(project: Project, base: Base, parts: Sequence[Part]) -> str:
    """The bill as JSON."""
    components = {OURS: _ours(project), BASE: _base(base), **{part.locked.name: _package(part) for part in parts}}
    image = _product(ComponentType.CONTAINER, IMAGE, project)
    image.properties.add(Property(name=PYTHON, value=base.python))
    about = BomMetaData(component=image, manufacturer=OrganizationalEntity(name=project.vendor))
    found = Bom(metadata=about, components=components.values(), dependencies=_needs(image, components, parts))
    return _deterministic(json.loads(make_outputter(found, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()))


def differences(text: str, project: Project, base: Base, packages: Sequence[Locked]) -> list[str]:
    """What a bill says otherwise than the project, the base and the lock do; nothing, if it is theirs."""
    found = json.loads(text)
    image = found["metadata"]["component"]
    said = {one["bom-ref"]: one for one in found["components"]}
    built_on = said.pop(BASE)
    of_ours = said.pop(OURS)
    theirs = {name: (one["version"], _hashes(one)) for name, one in said.items()}
    locked = {package.name: (package.version, list(package.hashes)) for package in packages}
    wrong = [name for name in sorted(theirs.keys() | locked.keys()) if theirs.get(name) != locked.get(name)]
    return [
        *(f"the package {name}" for name in wrong),
        *(["the version"] if {image["version"], of_ours["version"]} != {project.version} else []),
        *(["the base"] if built_on["purl"] != _purl(base).to_string() else []),
        *(["the version of Python"] if image["properties"] != [{"name": PYTHON, "value": base.python}] else []),
    ]


def _ours(project: Project) -> Any:
    return _product(ComponentType.APPLICATION, OURS, project)


def _product(kind: ComponentType, ref: str, project: Project) -> Any:
    return Component(
        type=kind,
        name=project.name,
        version=project.version,
        bom_ref=ref,
        description=project.description,
        licenses=[_licence(project.licence)],
    )


def _base(base: Base) -> Any:
    digest = base.pin.digest if base.pin else None
    return Component(
        type=ComponentType.CONTAINER,
        name=base.name.partition(":")[0],
        version=base.name.partition(":")[2],
        bom_ref=BASE,
        purl=_purl(base),
        description="What the image is built on. What it brings itself is in its own bill.",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest.removeprefix("sha256:"))] if digest else [],
    )


def _purl(base: Base) -> PackageURL:
    folder, _, name = base.name.partition(":")[0].rpartition("/")
    tag = base.name.partition(":")[2]
    if base.pin:
        return PackageURL("docker", folder or None, name, base.pin.digest, {"tag": tag})
    return PackageURL("docker", folder or None, name, tag)


def _package(part: Part) -> Any:
    purl = PackageURL("pypi", None, part.locked.name, part.locked.version)
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=content) for content in part.locked.hashes]
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION, url=XsUri(purl.to_string()), comment=FILES, hashes=hashes
    )
    return Component(
        type=ComponentType.LIBRARY,
        name=part.locked.name,
        version=part.locked.version,
        bom_ref=part.locked.name,
        purl=purl,
        description=part.summary or None,
        licenses=[_licence(part.licence)],
        external_references=[files],
    )


def _licence(expression: str) -> Any:
    return LicenseExpression(expression) if " " in expression else DisjunctiveLicense(id=expression)


def _needs(image: Any, components: Mapping[str, Any], parts: Sequence[Part]) -> list[Any]:
    wanted: dict[str, list[Any]] = {name: [] for name in components}
    for part in parts:
        for name in part.locked.wanted_by:
            wanted.get(name, []).append(Dependency(components[part.locked.name].bom_ref))
    needs = [Dependency(components[name].bom_ref, dependencies=found) for name, found in wanted.items()]
    made_of = [Dependency(components[name].bom_ref) for name in (OURS, BASE)]
    return [*needs, Dependency(image.bom_ref, dependencies=made_of)]


def _deterministic(found: dict[str, Any]) -> str:
    """Leave out when it was made, and let its serial number follow from what it says."""
    del found["metadata"]["timestamp"]
    del found["serialNumber"]
    digest = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
    found["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, digest).urn
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _hashes(component: Mapping[str, Any]) -> list[str]:
    return sorted(one["content"] for file in component["externalReferences"] for one in file["hashes"])
