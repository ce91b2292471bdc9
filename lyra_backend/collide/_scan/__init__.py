"""Gaussians on a lattice, and the free space between them."""
