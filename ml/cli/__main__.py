"""`python -m ml.cli` is `mlp`."""

from ml.cli.main import main

main()
