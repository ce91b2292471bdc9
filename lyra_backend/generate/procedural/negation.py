"""What a prompt rules out: "no chairs or stools", "without windows", "a windowless room", "not at night"."""

from __future__ import annotations

from collections.abc import Sequence

from .lexicon import Lexeme, lexeme_of

__all__ = ["NONE", "spelled_out"]

#: The word that stands before each noun that is ruled out; its amount is zero.
NONE = "no"
_NEGATORS = frozenset("no without not never neither nor lacking lacks lack excluding except sans minus".split())
#: Words that a negator swallows: "not a single chair", "doesn't have any chairs".
_FILLERS = frozenset("a an any the single one have has with be been at of in contain include is are to".split())
#: Words that join what is ruled out.
_EITHER = frozenset(("or", "nor"))
_JOINTS = _EITHER | {"and", ",", "&"}
#: Words that end what is ruled out.
_ENDS = frozenset(
    ". ; : ( ) with but on onto beside near by next in at along against behind between under from into where which "
    "that has full containing plus around for".split()
)
_NOUNS = frozenset(("object", "part", "family"))
#: What no scene has: to rule it out asks for nothing.
_NEVER_THERE = frozenset(
    "people person human humans pedestrian pedestrians animal animals dog dogs cat cats text logo logos watermark "
    "watermarks traffic".split()
)


def spelled_out(lexemes: Sequence[Lexeme]) -> list[Lexeme]:
    """Return the phrases with one "no" before each noun that is ruled out.

    A negation reaches over "or" and "nor" ("no cars, trees or lamps"), over "and" to a bare noun ("without windows
    and doors"), and ends at an article or number ("no chairs and a table"). What is ruled out and is no noun ("not at
    night") is left out.
    """
    found: list[Lexeme] = []
    at = 0
    while at < len(lexemes):
        free = at + 1 < len(lexemes) and lexemes[at + 1].text == "free" and not _negates(lexemes, at + 1)
        if _negates(lexemes, at):
            length, kept = _ruled_out(lexemes, at)
            found += kept
            at += length
        elif free and _NOUNS & lexemes[at].roles.keys():  # "a car-free street"
            found += [lexeme_of(NONE), lexemes[at]]
            at += 2
        else:
            found += _without(lexemes[at])
            at += 1
    return found


def _negates(lexemes: Sequence[Lexeme], at: int) -> bool:
    text = lexemes[at].text
    following = lexemes[at + 1].text if at + 1 < len(lexemes) else ""
    if text == "free":
        return following == "of"
    if text == "not":
        return following not in ("only", "just")
    return text in _NEGATORS or text.endswith("n't")


def _without(lexeme: Lexeme) -> list[Lexeme]:
    """Return "windowless" as "no window", and other words as they are."""
    stem = lexeme.text.removesuffix("less")
    noun = lexeme_of(stem) if not lexeme.roles and stem and stem != lexeme.text else None
    if noun is not None and {"object", "part"} & noun.roles.keys():
        # It stands before a noun of its own, "a windowless office": the comma keeps the two apart.
        return [lexeme_of(NONE), noun, lexeme_of(",")]
    return [lexeme]


def _ruled_out(lexemes: Sequence[Lexeme], start: int) -> tuple[int, list[Lexeme]]:
    """Return how many lexemes a negator and what it rules out are, and what is left of them."""
    at, kept = start + 1, []
    segment, length = _segment(lexemes, at)
    while length:
        kept += _negated(segment)
        at += length
        joint = at
        while joint < len(lexemes) and lexemes[joint].text in _JOINTS:
            joint += 1
        segment, length = _segment(lexemes, joint)
        if joint == at or not _goes_on(lexemes, at, joint, segment):
            break
        at = joint
    return at - start, kept


def _segment(lexemes: Sequence[Lexeme], at: int) -> tuple[list[Lexeme], int]:
    """Return the lexemes up to the next joint, end or negator, and how many they are; fillers in front are left out."""
    end, begin = at, at
    while end < len(lexemes):
        text = lexemes[end].text
        leading = end == begin and text in _FILLERS
        if not leading and (text in _JOINTS or text in _ENDS or (end > at and _negates(lexemes, end))):
            break
        end += 1
        begin += leading
        if not leading and _NOUNS & lexemes[end - 1].roles.keys() and not _compound(lexemes, end):
            break
    return list(lexemes[begin:end]), end - at


def _compound(lexemes: Sequence[Lexeme], at: int) -> bool:
    return at < len(lexemes) and bool(_NOUNS & lexemes[at].roles.keys())


def _goes_on(lexemes: Sequence[Lexeme], at: int, joint: int, segment: Sequence[Lexeme]) -> bool:
    """Return whether the negation before the joints at `at` to `joint` reaches `segment` after them."""
    joints = {lexeme.text for lexeme in lexemes[at:joint]}
    if not segment or _negates(lexemes, joint):
        return bool(joints & _EITHER) and bool(segment)
    if joints & _EITHER:
        return True
    bare = bool(_NOUNS & segment[0].roles.keys()) and lexemes[joint] is segment[0]
    if "," not in joints:
        return bare and (segment[0].plural or joint + 1 >= len(lexemes))
    return bare and _list_of_either(lexemes, joint)


def _list_of_either(lexemes: Sequence[Lexeme], at: int) -> bool:
    """Return whether the list that goes on at `at` closes with "or"."""
    for lexeme in lexemes[at:]:
        if lexeme.text in _EITHER:
            return True
        if lexeme.text in _ENDS or "amount" in lexeme.roles:
            return False
    return False


def _negated(segment: Sequence[Lexeme]) -> list[Lexeme]:
    """Return what is left of one thing that is ruled out."""
    nouns = [lexeme for lexeme in segment if {"object", "part"} & lexeme.roles.keys()]
    if nouns:
        return [lexeme_of(NONE), nouns[-1]]
    return [lexeme for lexeme in segment if not lexeme.roles and lexeme.text not in _NEVER_THERE]
