"""Write down the product's name and version for `importlib.metadata`: an image holds the product as source.

``python describe.py pyproject.toml FOLDER``; the folder is one that Python finds packages in.
"""  # noqa: INP001 - a script of the Dockerfile

import sys
import tomllib
from pathlib import Path


def main() -> None:
    """Write it."""
    project = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["project"]
    name, version = project["name"], project["version"]
    folder = Path(sys.argv[2]) / f"{name}-{version}.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
