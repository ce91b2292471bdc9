"""How far a collider is from what its Gaussians show, measured without the truth."""
