"""Generated scenes in Isaac Sim: made in batches, pictured, checked; and one command that tests an installation.

What calls Kit is in `kit_session`, `rendering` and `simulation`; all else runs in any Python and is tested there. Kit
was never run by this project.
"""
