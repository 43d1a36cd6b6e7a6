"""``python -m console``."""

import sys

from console.early import leave_when_told

leave_when_told(sys.argv[1:])  # before what takes long to import

from console.main import main  # noqa: E402

main()
