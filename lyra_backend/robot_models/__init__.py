"""Robots that walk in scenes to try them: their bodies, their policies, and where both come from."""
