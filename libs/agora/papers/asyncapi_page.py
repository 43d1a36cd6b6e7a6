"""A page that shows an AsyncAPI document with the assets beside it and asks nobody else for anything."""

import json
from collections.abc import Mapping
from html import escape
from typing import Any, Final

POLICY: Final = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)
"""What the browser lets the page do. The component compiles JSON Schemas, which needs ``unsafe-eval``."""


def page(document: Mapping[str, Any]) -> str:
    """The page as HTML. It holds the document itself, so that it can be opened as a file."""
    held = json.dumps(document, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(document["info"]["title"])}: every event</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="assets/default.min.css">
</head>
<body>
<!-- Written by `agora docs`. -->
<div id="page">This page needs JavaScript. The same is in <a href="asyncapi.json">asyncapi.json</a>.</div>
<script type="application/json" id="document">
{held}
</script>
<script src="assets/index.js"></script>
<script src="show.js"></script>
</body>
</html>
"""
