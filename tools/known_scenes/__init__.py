"""Gaussian scenes whose exact surface is known."""
