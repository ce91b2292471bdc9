"""Files in and out: Gaussian splats, images, depth maps, camera intrinsics and run directories.

Does:
    read what users have into checked nouns, say clearly what is wrong with a file that cannot be used, write files
    whole or not at all, and give equal bytes for equal data.

Does not:
    change coordinates or scale (``generate.splat_file`` does), clean scenes (``refine`` does), write USD (``author``
    does), or know any stage.
"""
