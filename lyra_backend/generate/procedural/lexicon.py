"""Cutting prompts into the longest phrases that mean something."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from . import object_words
from . import vocabulary as words

__all__ = ["SEATS", "Lexeme", "lexeme_of", "lexemes_of", "number_in", "singular_forms", "unit_in"]

#: Stands for "chairs" in "a table for six people", which names none.
SEATS = "chairs for people"
_TOKEN = re.compile(r"-?\d+(?:[.,]\d+)?|[^\W\d_]+(?:'[^\W\d_]+)?|[,.;:()&]")
_LONGEST_PHRASE = 4
_TENS = frozenset(("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"))
_PEOPLE = frozenset(("people", "persons", "guests", "participants", "attendees"))


@dataclass(frozen=True)
class Lexeme:
    """A phrase with everything it may mean: role -> value."""

    text: str
    roles: dict[str, str]
    plural: bool = False

    @property
    def exact_amount(self) -> float | None:
        """The number that the phrase stands for, None if it stands for none or for several."""
        low, high = words.AMOUNTS.get(self.roles.get("amount", ""), (0, 0))
        return float(low) if low == high and low > 0 else None


@cache
def lexicon() -> dict[str, dict[str, str]]:
    """Return phrase -> {role: value}."""
    found: dict[str, dict[str, str]] = {}
    tables = (
        ("object", object_words.OBJECT_WORDS),
        ("family", words.FAMILY_WORDS),
        ("color", words.COLOR_WORDS),
        ("material", words.MATERIAL_WORDS),
        ("light", words.LIGHTS),
        ("weather", words.WEATHERS),
        ("mood", words.MOODS),
        ("style", words.STYLES),
        ("ground", words.GROUNDS),
        ("arrangement", words.ARRANGEMENTS),
        ("part", words.ROOM_PARTS),
    )
    for role, table in tables:
        for value, phrases in table.items():
            for phrase in phrases.split(","):
                found.setdefault(" ".join(phrase.split()), {})[role] = value
    for role, names in (("amount", words.AMOUNTS), ("size", words.SIZES)):
        for name in names:
            found.setdefault(name, {})[role] = name
    for phrase in words.OTHER_THINGS.split(","):
        found[" ".join(phrase.split())] = {}
    found[SEATS] = {"object": "chair"}
    return found


def _tokens(prompt: str) -> list[str]:
    text = prompt.lower().replace("’", "'").replace("²", "2").replace("×", " x ")
    text = re.sub(r"(\d)\s*(?:m2|sqm|sq m|square met(?:er|re)s?)\b", r"\1 squaremetre", text)
    text = re.sub(r"(?<=\d)\s*[-–]\s*(?=\d)", " to ", text.replace("−", "-"))
    text = re.sub(r"[^\W_]+[- ]seater\b", "seater", text)  # "a 3-seater" are not three
    # The dash of a number below zero stands alone before it; all others join words.
    text = re.sub(r"(?<![\s(,;:])-|(?<!\S)-(?!\d)|-(?=[^\d])", " ", text)
    tokens = _TOKEN.findall(text.replace("/", " , "))
    return _seated(_ranged(_counted(_bounded(tokens))))


def _bounded(tokens: list[str]) -> list[str]:
    """Leave out "at least", "no more than" and the like: as many as they say are as good as any."""
    found, at = [], 0
    while at < len(tokens):
        length = next((n for n in (3, 2) if " ".join(tokens[at : at + n]) in words.BOUNDS), 0)
        if not length:
            found.append(tokens[at])
        at += length or 1
    return found


def _ranged(tokens: list[str]) -> list[str]:
    """Write numbers around "to" as figures: "three to five"; and numbers below zero: "minus three"."""
    found = list(tokens)
    for at in range(len(found) - 1):
        after = _small_number(found[at + 1])
        if found[at] == "minus" and after is not None:
            found[at : at + 2] = ["", f"-{after}"]
        before = _small_number(found[at - 1]) if at else None
        if found[at] == "to" and before is not None and after is not None:
            found[at - 1], found[at + 1] = str(before), str(after)
    return [token for token in found if token]


def _counted(tokens: list[str]) -> list[str]:
    """Write numbers of several words as one: "twenty four", "two hundred"."""
    found: list[str] = []
    for token in tokens:
        before = found[-1] if found else ""
        if token == "hundred":
            factor = _small_number(before)
            found = [*(found[:-1] if factor else found), str(100 * (factor or 1))]
        elif before in _TENS and 0 < (_small_number(token) or 0) < 10:
            found[-1] = str(words.AMOUNTS[before][0] + (_small_number(token) or 0))
        else:
            found.append(token)
    return found


def _small_number(token: str) -> int | None:
    """Return the number that a single word or figure stands for."""
    if token.isdigit():
        return int(token)
    low, high = words.AMOUNTS.get(token, (0, 1))
    return low if low == high else None


def _seated(tokens: list[str]) -> list[str]:
    """Read "for ten people" as "with ten chairs"."""
    for at in range(len(tokens) - 2):
        if tokens[at] == "for" and tokens[at + 2] in _PEOPLE and _small_number(tokens[at + 1]):
            tokens = [*tokens[:at], "with", tokens[at + 1], SEATS, *tokens[at + 3 :]]
    return tokens


def singular_forms(word: str) -> list[str]:
    """Return the ways `word` may be a plural."""
    forms = [words.IRREGULAR[word]] if word in words.IRREGULAR else []
    if word.endswith("ies"):
        forms.append(word[:-3] + "y")
    if word.endswith("es"):
        forms.append(word[:-2])
    if word.endswith("s") and not word.endswith("ss"):
        forms.append(word[:-1])
    return forms


def lexemes_of(prompt: str) -> list[Lexeme]:
    """Cut the prompt into the longest known phrases."""
    tokens, found, at = _tokens(prompt), [], 0
    known = lexicon()
    while at < len(tokens):
        for length in range(min(_LONGEST_PHRASE, len(tokens) - at), 0, -1):
            lexeme = _phrase(tokens[at : at + length], known)
            if lexeme is not None:
                found.append(lexeme)
                at += length
                break
        else:
            found.append(Lexeme(tokens[at], {}))
            at += 1
    return found


def lexeme_of(text: str) -> Lexeme:
    """Return what one phrase may mean."""
    return _phrase([text], lexicon()) or Lexeme(text, {})


def _phrase(tokens: list[str], known: dict[str, dict[str, str]]) -> Lexeme | None:
    text = " ".join(tokens)
    if text in known:
        return Lexeme(text, known[text])
    for form in singular_forms(tokens[-1]):
        candidate = " ".join([*tokens[:-1], form])
        if candidate not in known:
            continue
        roles = known[candidate].keys()
        if not roles or {"object", "part", "family", "material", "arrangement", "weather"} & roles:
            return Lexeme(text, known[candidate], plural=True)
    return None


def number_in(text: str) -> float | None:
    return float(text.replace(",", ".")) if text[:1].isdigit() or text[:2].strip("-").isdigit() else None


def unit_in(text: str) -> float | None:
    if text in words.UNITS:
        return words.UNITS[text]
    return next((words.UNITS[form] for form in singular_forms(text) if form in words.UNITS), None)
