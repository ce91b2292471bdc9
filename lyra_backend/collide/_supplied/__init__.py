"""What is done with triangles that came with a scene."""
