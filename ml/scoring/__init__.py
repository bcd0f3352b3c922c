"""Batches predicted with the version in production."""
