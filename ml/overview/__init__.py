"""What the operator's views show, read from the platform's tables only and summed up by the database."""
