"""The years of a file run through the platform's own functions, month by month."""
