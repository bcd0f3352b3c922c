"""How good a model is, and why: figures, curves, slices, importances, the model card."""
