"""From features to a fitted, exported, registered version."""
