"""The command line: thin over the use-case functions, for people and for the Makefile."""

from ml.cli.main import main

__all__ = ["main"]
