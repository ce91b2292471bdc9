"""Networks and what they are fed with, for torch: the Gaussian decoder, the video diffusion model, cameras and rays.

Does: turn tensors into tensors, and load and save weights as diffusers does. Does not: know requests, runs or USD.
"""
