"""Where robots can be in a scene, and which robots there are."""
