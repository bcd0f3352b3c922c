"""From a file in the landing folder to rows of the raw table."""
