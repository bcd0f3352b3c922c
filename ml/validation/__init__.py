"""Rows judged by the contract; what breaks it goes to quarantine."""
