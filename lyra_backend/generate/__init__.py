"""Generators: plugins that turn a request into Gaussians. One file or folder each; its name is the registry name.

Does:
    define ``Params`` and ``run(request, params, progress) -> Outcome[Generation]``; hand over a roughly Z-up cloud,
    say how well its units are known to be metres, where its shape comes from and under which licence.

Does not:
    remove floaters or put the floor at z = 0 (``refine`` does), make colliders (``collide`` does) or write files.
    Generators never import each other or another stage; they meet in ``types`` and in ``pipeline``.
"""
