"""What a physics engine makes of colliders: things pushed, thrown and rolled in scenes whose surface is known."""
