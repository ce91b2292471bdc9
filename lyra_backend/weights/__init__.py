"""Weights of the networks: which there are, fetching them, converting them, and where they lie.

Does: turn what is published into folders that diffusers and transformers load, checked and with their licence beside
them. Does not: run a network.
"""
