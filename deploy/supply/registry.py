"""Ask a registry of images which digest a tag means now (the OCI distribution API), as anybody may who has no account.

The digest is not believed but computed from the bytes that the registry sent.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Annotated, Final
from urllib.parse import urlsplit

import requests
from pydantic import BaseModel, Field, StringConstraints, ValidationError

from deploy.supply import Refused
from deploy.supply.images import DIGEST, HUB, Pin, qualified

HUB_HOST: Final = "registry-1.docker.io"
MANY: Final = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
ONE: Final = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")
UNKNOWN: Final = "unknown"
TIMEOUT_SECONDS: Final = 30
MANIFEST_BYTES_MAX: Final = 4 * 2**20
UNAUTHORIZED: Final = 401
OK: Final = 200


@dataclass(frozen=True, slots=True)
class Reference:
    """Where an image is to be asked for."""

    host: str
    repository: str
    tag: str

    @property
    def url(self) -> str:
        scheme = "http" if _is_this_machine(self.host) else "https"
        return f"{scheme}://{self.host}/v2/{self.repository}/manifests/{self.tag}"


class Platform(BaseModel):
    """What an image is for. What attests to an image is for none."""

    os: str = UNKNOWN
    architecture: str = UNKNOWN
    variant: str = ""

    @property
    def name(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


class Of(BaseModel):
    """An image for one platform, in a list of several."""

    digest: Annotated[str, StringConstraints(pattern=f"^{DIGEST.pattern}$")]
    platform: Platform = Platform()


class Manifest(BaseModel):
    """As much of a manifest, or of a list of them, as is wanted here."""

    media_type: Annotated[str, Field(alias="mediaType", pattern=f"^({'|'.join(map(re.escape, MANY + ONE))})$")]
    manifests: list[Of] = []


def look_up(name: str) -> Pin:
    """Which digest a tag means now. Raises ``Refused`` if its registry does not say so."""
    reference = refer(name)
    try:
        body, said = _manifest(reference)
    except requests.RequestException as error:
        raise Refused(f"{reference.host} was asked for {name} and did not answer: {error}") from None
    digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
    if said not in {None, digest}:
        raise Refused(f"{reference.host} says that {name} is {said}, but what it sent is {digest}. Nothing is pinned.")
    return Pin(digest, _platforms(name, body))


def refer(name: str) -> Reference:
    """Where an image is, by the name it has in a Dockerfile. Raises ``Refused`` if it has no tag."""
    host, _, path = qualified(name).partition("/")
    repository, _, tag = path.rpartition(":")
    if not repository or not re.fullmatch(r"[\w.-]+", tag):
        raise Refused(f"{name} names no tag, so that there is nothing to look up.")
    return Reference(HUB_HOST if host == HUB else host, repository, tag)


def _manifest(reference: Reference) -> tuple[bytes, str | None]:
    """What the registry sends of it, and the digest that it says this has."""
    headers = {"Accept": ", ".join(MANY + ONE)}
    with requests.Session() as session:
        answer = _get(session, reference.url, headers)
        if answer.status_code == UNAUTHORIZED:
            headers["Authorization"] = f"Bearer {_token(session, reference, answer)}"
            answer = _get(session, reference.url, headers)
        if answer.status_code != OK:
            raise Refused(f"{reference.url} answers {answer.status_code} {answer.reason}. Is there such an image?")
        return _body(answer), answer.headers.get("Docker-Content-Digest")


def _get(
    session: requests.Session, url: str, headers: dict[str, str], params: dict[str, str] | None = None
) -> requests.Response:
    return session.get(url, headers=headers, params=params, timeout=TIMEOUT_SECONDS, stream=True)


def _body(answer: requests.Response) -> bytes:
    body = b""
    for part in answer.iter_content(64 * 1024):
        body += part
        if len(body) > MANIFEST_BYTES_MAX:
            raise Refused(f"{answer.url} sends more than {MANIFEST_BYTES_MAX:,} bytes, which is no manifest.")
    return body


def _token(session: requests.Session, reference: Reference, answer: requests.Response) -> str:
    """What the registry wants to see of everybody, also of those without an account."""
    wanted = answer.headers.get("WWW-Authenticate", "")
    fields = dict(re.findall(r'(\w+)="([^"]*)"', wanted))
    realm = urlsplit(fields.pop("realm", ""))
    safe = realm.scheme == "https" or _is_this_machine(realm.netloc)
    if not wanted.startswith("Bearer ") or not safe:
        raise Refused(f"{reference.host} gives {reference.repository} only to those who log in, and this cannot.")
    params = {name: fields[name] for name in ("service", "scope") if name in fields}
    given = _get(session, realm.geturl(), {}, params)
    match _json(_body(given)) if given.status_code == OK else None:
        case {"token": str(token)} | {"access_token": str(token)}:
            return token
        case _:
            raise Refused(f"{realm.netloc} gives no token for {reference.repository}: {given.status_code}.")


def _platforms(name: str, body: bytes) -> dict[str, str]:
    try:
        found = Manifest.model_validate_json(body)
    except ValidationError:
        raise Refused(f"What the registry sends of {name} is no manifest of an image.") from None
    each = {one.platform.name: one.digest for one in found.manifests if found.media_type in MANY}
    return {platform: digest for platform, digest in sorted(each.items()) if UNKNOWN not in platform}


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _is_this_machine(host: str) -> bool:
    return host.partition(":")[0] in {"localhost", "127.0.0.1"}
