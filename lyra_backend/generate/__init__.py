"""Generators: plugins that turn a request into Gaussians. One file or folder each; its name is the registry name.

Does:
    define ``Params``, ``INPUTS`` and ``run(request, params, progress) -> Outcome[Generation]``; hand over a roughly
    Z-up cloud, say how well its units are known to be metres, where its shape comes from and under which licence.
    One with weights may define ``depends_on(request, params) -> dict[str, str]``: what was kept of others is not used
    again.
    One that works long may define ``RESUMES = True`` to be given, as a fourth argument, a folder that outlives a killed
    run, and ``estimate(request, params) -> tuple[Estimate, ...]`` to say what it will take, refusing
    what ``run`` would.

Does not:
    remove floaters or put the floor at z = 0 (``refine`` does), make colliders (``collide`` does) or write files.
    Generators never import each other or another stage; they meet in ``types`` and in ``pipeline``.
"""
