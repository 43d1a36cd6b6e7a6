"""Under which licences the image's packages come."""

from email.message import Message
from importlib.metadata import metadata
from typing import Any

import pytest

from deploy.supply import Refused
from deploy.supply.licences import ALLOWED, REVIEWED, is_allowed, licence


def package(name: str = "some-package", **fields: str | list[str]) -> Any:
    """What a package says of itself, as its METADATA has it."""
    said = Message()
    for key, value in {"Name": name, "Version": "1.0", **fields}.items():
        for one in [value] if isinstance(value, str) else value:
            said[key.replace("_", "-")] = one
    return said


MIT = "License :: OSI Approved :: MIT License"
APACHE = "License :: OSI Approved :: Apache Software License"


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (package(License_Expression="Apache-2.0 AND MIT"), "Apache-2.0 AND MIT"),
        (package(License_Expression="MIT", Classifier=[APACHE]), "MIT"),
        (package(License="Apache 2.0"), "Apache-2.0"),
        (package(License="MIT", Classifier=[MIT, "Topic :: Internet"]), "MIT"),
        (package(Classifier=["License :: OSI Approved", MIT]), "MIT"),
    ],
)
def test_a_licence_is_what_the_package_says_in_words_of_spdx(said: Any, meant: str) -> None:
    assert licence(said) == meant


@pytest.mark.parametrize(
    "said",
    [
        package(),
        package(License="UNKNOWN"),
        package(License="see the file"),
        package(Classifier=["License :: OSI Approved :: BSD License"]),
        package(License="MIT", Classifier=[APACHE]),
        package(License_Expression="LicenseRef-Ours"),
        package(License="Copyright (c) somebody.\n\nDo as you like."),
    ],
)
def test_what_leaves_it_open_is_for_a_person_to_read(said: Any) -> None:
    with pytest.raises(Refused, match=r"some-package 1\.0 says .* REVIEWED"):
        licence(said)


@pytest.mark.parametrize("name", sorted(REVIEWED))
def test_what_a_person_read_is_still_left_open_by_the_package(name: str) -> None:
    said = metadata(name)
    asked = package(
        License=next(iter(said.get_all("License") or []), ""),
        Classifier=[text for text in said.get_all("Classifier") or [] if text.startswith("License")],
        License_Expression=next(iter(said.get_all("License-Expression") or []), ""),
    )
    with pytest.raises(Refused):
        licence(asked)


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("Apache-2.0 AND MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("MIT OR GPL-3.0-only", True),
        ("AGPL-3.0-only OR GPL-3.0-only", False),
        ("(MIT OR GPL-2.0-only) AND (BSD-3-Clause OR SSPL-1.0)", True),
        ("MIT AND (GPL-2.0-only OR SSPL-1.0)", False),
        ("Apache-2.0 WITH LLVM-exception", False),
    ],
)
def test_of_alternatives_one_is_enough_and_of_several_each_must_be_allowed(expression: str, allowed: bool) -> None:  # noqa: FBT001
    assert is_allowed(expression) is allowed


def test_no_licence_is_allowed_that_binds_what_stands_beside_it() -> None:
    assert not any(name.startswith(("GPL", "AGPL", "LGPL", "SSPL", "BUSL")) for name in ALLOWED)
