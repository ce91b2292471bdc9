"""A scene without colliders says so."""

from lyra_backend.collide import none
from lyra_backend.progress import Progress
from lyra_backend.types import Severity

from .clouds import room


def test_there_is_no_collider_and_a_word_about_it():
    outcome = none.run(room(), (), none.Params(), Progress())
    assert outcome.value.parts == ()
    assert outcome.value.method == "none"
    (finding,) = outcome.findings
    assert (finding.code, finding.severity) == ("collide.none", Severity.INFO)
