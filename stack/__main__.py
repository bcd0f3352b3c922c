"""`python -m stack` is `mlp` of a clone."""

from stack.cli import mlp

mlp(prog_name="mlp")
