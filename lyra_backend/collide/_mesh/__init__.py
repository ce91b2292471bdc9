"""From sheets of Gaussians to a mesh: planes, contour, ground."""
