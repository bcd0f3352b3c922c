"""What stops the embedded stack, each with what to do about it."""

from __future__ import annotations


class StackError(Exception):
    """One clear line for the person at the terminal."""
