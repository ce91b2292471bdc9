"""Learning: torch, with the kernels' gradients.

Does: what needs an optimiser. Does not: run when scenes are made.
"""
