"""How the traffic of serving is counted: limits that its writer (``serving``) and its readers (the views) share."""

from __future__ import annotations

LATENCY_LIMITS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds. ``ml.serving_traffic.latency_counts`` holds, for each, how many requests took longer than the limit before
and up to this one; its last element, one more, counts those that took longer than all."""
