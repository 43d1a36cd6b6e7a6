"""What the image is made of, where each part comes from, and what is known against it.

``python -m deploy.supply``: the bill of materials, the digests of images, the audit of packages, and how the image is
built.
"""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
REQUIREMENTS: Final = ROOT / "requirements-image.txt"
BILL: Final = ROOT / "deploy" / "supply" / "sbom.json"
DIGESTS: Final = ROOT / "deploy" / "supply" / "images.json"


class Refused(Exception):
    """What was asked is not done; the message says why, and what to do next."""
