"""What a stack of containers needs before its services start: one-shot, safe to repeat."""
