"""Things that stand free: what they are, and shapes for them."""
