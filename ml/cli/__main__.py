"""`python -m ml.cli` is `mlp` where there is no embedded stack, as in the containers."""

from ml.cli.main import main

main(prog_name="mlp")
