"""How good predictions turn out to be: by the labels that arrive later, and estimated before they do."""
