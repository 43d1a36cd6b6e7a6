"""What the marketplace costs, measured on this machine: see ``bench/main.py``."""
