"""``python -m lyra_backend``: the command line."""

from .cli import main

main()
