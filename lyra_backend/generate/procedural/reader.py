"""Binding adjectives, numbers and sizes to the nouns of a prompt."""

from __future__ import annotations

from dataclasses import dataclass, field

from . import vocabulary as words
from .lexicon import Lexeme, lexemes_of, number_in, singular_forms, unit_in
from .measures import two_sides
from .negation import spelled_out
from .object_words import HOMES
from .palette import COLORS, Rgb, blend
from .wishes import Size

__all__ = ["NounDraft", "Reader"]


@dataclass
class NounDraft:
    """A mention while its words are still coming in."""

    kind: str = ""
    count: tuple[int, int] | None = None
    counted: bool = False
    definite: bool = False
    plural: bool = False
    colors: list[Rgb] = field(default_factory=list)
    pattern: str | None = None
    sizes: list[Size] = field(default_factory=list)
    arrangement: str = ""
    near: str = ""
    on: str = ""
    shape: str = ""
    text: str = ""

    def absorb(self, other: NounDraft) -> None:
        """Take over another draft's attributes."""
        self.colors += other.colors
        self.pattern = other.pattern or self.pattern
        self.sizes += other.sizes
        self.arrangement = other.arrangement or self.arrangement
        self.shape = other.shape or self.shape
        if other.counted and not self.counted:
            self.count, self.counted = other.count, True

    @property
    def empty(self) -> bool:
        return not (self.colors or self.pattern or self.sizes or self.arrangement or self.counted)


class Reader:
    """Walks over the lexemes and binds adjectives, numbers and sizes to nouns."""

    def __init__(self, prompt: str) -> None:
        self._lexemes = spelled_out(lexemes_of(prompt))
        self._pending = NounDraft()
        self._last: NounDraft | None = None  # last noun of the present clause
        self._before: NounDraft | None = None  # last noun at all
        self._relation = ""
        self._shade = 0.0
        self._clause = 0
        self._families: list[tuple[int, str, str]] = []  # clause, family, word
        self._dimension = ""  # named before its measure: "a width of 2 m"
        self.objects: list[NounDraft] = []
        self.parts: list[NounDraft] = []
        self.tags: dict[str, list[str]] = {}
        self.tag_words: dict[str, list[str]] = {}
        self.unknown: list[str] = []

    def read(self) -> None:
        """Read everything."""
        at = 0
        while at < len(self._lexemes):
            at += self._step(at)
        self._break()
        if not self._pending.empty:
            self.room().absorb(self._pending)

    def family(self) -> str:
        """Return the family that the words speak for."""
        named = self._named()
        if named:
            return named[-1][0]
        votes = self._votes()
        if max(votes.values()) > 0:
            return max(votes, key=lambda name: votes[name])
        return "terrain" if self.tags.get("ground") else "living_room"

    @property
    def guessed(self) -> bool:
        """Whether no word speaks for any family."""
        return not (self._named() or any(self._votes().values()) or self.tags.get("ground"))

    def _votes(self) -> dict[str, float]:
        """Return how much the objects speak for each family."""
        votes = {name: 0.0 for name in HOMES}
        for rank, draft in enumerate(self.objects):
            for name, kinds in HOMES.items():
                if draft.kind in kinds.split() and draft.count != (0, 0):
                    votes[name] += 1.0 - 0.01 * rank
        return votes

    @property
    def place(self) -> str:
        """The words that name the family, "" if none do."""
        named = self._named()
        return named[-1][1] if named else ""

    def _named(self) -> list[tuple[str, str]]:
        """Return the families of the first clause that names any, with their words."""
        return [(name, word) for clause, name, word in self._families if clause == self._families[0][0]]

    def _step(self, at: int) -> int:
        """Read one lexeme, or a measure of several; return how many."""
        lexeme = self._lexemes[at]
        measured = self._measure(at)
        if measured:
            return measured
        following = self._lexemes[at + 1] if at + 1 < len(self._lexemes) else None
        made_of = at > 0 and self._lexemes[at - 1].text in ("of", "in") and self._last is not None
        shade = lexeme.text in _SHADES and following is not None and {"color", "material"} & following.roles.keys()
        of_part = self._last is not None and self._last in self.parts
        adjective = shade or (
            made_of and {"material", "color"} & lexeme.roles.keys() and (of_part or not lexeme.plural)
        )
        noun = "" if adjective else self._noun_role(lexeme, following)
        if noun:
            self._noun(lexeme, noun, following)
        elif shade:
            self._shade = _SHADES[lexeme.text]
        elif self._names_heap(lexeme, following) or not self._modifier(lexeme, following):
            self._other(lexeme, following)
        return 1

    def _names_heap(self, lexeme: Lexeme, following: Lexeme | None) -> bool:
        """Return whether a material stands for a thing that does not exist here: "a stack of tiles"."""
        wanted = self._pending.arrangement or self._pending.counted
        described = following is not None and bool(_DESCRIBED & following.roles.keys())
        return "material" in lexeme.roles and bool(wanted) and not described

    def _measure(self, at: int) -> int:
        """Read "2 m wide", "4 by 5 m", "30 square metres"; return the number of lexemes, 0 if none."""
        texts = [lexeme.text for lexeme in self._lexemes[at : at + 8]]
        number = number_in(texts[0]) if texts else None
        if number is None and len(texts) > 1 and unit_in(texts[1]) is not None and texts[1] != "m":
            number = self._lexemes[at].exact_amount
        if number is None:
            return 0
        if len(texts) > 1 and texts[1] == "squaremetre":
            self._pending.sizes.append(Size("area", number, True))
            return 2
        count, sizes = two_sides(texts, number)
        self._pending.sizes += sizes
        return count or self._one_side(texts, number) or self._plain_number(texts, number)

    def _one_side(self, texts: list[str], number: float) -> int:
        unit = unit_in(texts[1]) if len(texts) > 1 else None
        if unit is None:
            return 0
        dimension = words.DIMENSIONS.get(texts[2]) if len(texts) > 2 else None
        self._pending.sizes.append(Size(dimension or self._dimension, number * unit, True))
        self._dimension = ""
        return 3 if dimension else 2

    def _plain_number(self, texts: list[str], number: float) -> int:
        if number_in(texts[0]) is None:
            return 0
        highest = number_in(texts[2]) if texts[1:2] == ["to"] and len(texts) > 2 else None
        if highest is not None and len(texts) > 3 and unit_in(texts[3]) is not None:
            return 2  # "3 to 5 m wide": as wide as may be
        if highest is not None and 0 <= number <= highest and number.is_integer() and highest.is_integer():
            self._pending.count, self._pending.counted = (int(number), int(highest)), True
            return 3
        if number < 0 or not number.is_integer():
            self.unknown.append(texts[0])  # there is no such number of things
            return 1
        self._pending.count, self._pending.counted = (int(number), int(number)), True
        return 1

    def _noun_role(self, lexeme: Lexeme, following: Lexeme | None) -> str:
        """Return which kind of noun a lexeme is here, "" if none."""
        roles = lexeme.roles
        if following is not None and not lexeme.plural and {"material", "color"} & roles.keys():
            before_noun = bool({"object", "part", "family"} & following.roles.keys())
            before_adjective = "size" in following.roles or following.text in ("and", ",")
            if before_noun or (before_adjective and "object" not in roles):
                return ""
        if "family" in roles and not (self._families and {"object", "part"} & roles.keys()):
            return "family"
        return next((role for role in ("object", "part") if role in roles), "family" if "family" in roles else "")

    def _noun(self, lexeme: Lexeme, role: str, following: Lexeme | None) -> None:
        for tag in ("ground", "style"):
            self._tag(tag, lexeme)
        if role == "family":
            self._families.append((self._clause, str(lexeme.roles["family"]), lexeme.text))
            compound = following is not None and {"object", "part", "family"} & following.roles.keys()
            if compound or self._clause > self._families[0][0]:
                return
            self._bind(self.room())
            return
        kind = str(lexeme.roles[role])
        draft = NounDraft(words.SHAPED.get((self._pending.shape, kind), kind), text=lexeme.text)
        draft.plural, draft.definite = lexeme.plural, self._pending.definite
        if role == "part":
            if self._relation == "near" and self._before is not None and self._before in self.objects:
                self._before.near = draft.kind
            draft = next((d for d in self.parts if d.kind == draft.kind), draft)
            if draft not in self.parts:
                draft.plural = lexeme.plural
                self.parts.append(draft)
        else:
            draft = self._placed(draft)
        self._bind(draft)

    def _placed(self, draft: NounDraft) -> NounDraft:
        """Add an object, or find the one that "the table" points back to; follow "on" and "beside"."""
        head = (singular_forms(draft.text.split()[-1]) or [draft.text.split()[-1]])[0]
        same = [
            d
            for d in self.objects
            if d.kind == draft.kind or head in (d.text.split()[-1], *singular_forms(d.text.split()[-1]))
        ]
        known = same[-1] if same and draft.definite else None
        if self._relation and self._before is not None and self._before in self.objects:
            setattr(self._before, self._relation, (known or draft).kind)
        if known is None:
            self.objects.append(draft)
        return known or draft

    def _bind(self, draft: NounDraft) -> None:
        draft.absorb(self._pending)
        self._pending, self._relation = NounDraft(), ""
        self._last = self._before = draft

    def room(self) -> NounDraft:
        """Return the draft of the room itself."""
        room = next((d for d in self.parts if d.kind == "room"), None)
        if room is None:
            room = NounDraft("room")
            self.parts.append(room)
        return room

    def _tag(self, tag: str, lexeme: Lexeme) -> bool:
        if tag not in lexeme.roles:
            return False
        self.tags.setdefault(tag, []).append(str(lexeme.roles[tag]))
        self.tag_words.setdefault(tag, []).append(lexeme.text)
        return True

    def _modifier(self, lexeme: Lexeme, following: Lexeme | None) -> bool:
        """Take an adjective or number; return whether it was one."""
        roles, pending = lexeme.roles, self._pending
        if "amount" in roles:
            # "a" before "single" or "a red" before "pair": the later, stronger number holds.
            amount = words.AMOUNTS[str(roles["amount"])]
            if amount == (0, 0):  # "2 m wide without doors"
                self._break()
                pending = self._pending
            if not (pending.counted and amount == (1, 1)):
                pending.count, pending.counted = amount, True
        elif "color" in roles:
            pending.colors.append(self._shaded(COLORS[str(roles["color"])]))
        elif "material" in roles:
            pending.pattern = str(roles["material"])
            if lexeme.text in _MATERIAL_COLORS:
                pending.colors.append(self._shaded(_MATERIAL_COLORS[lexeme.text]))
        elif "size" in roles:
            pending.sizes.append(Size(*words.SIZES[str(roles["size"])]))
        elif "arrangement" in roles:
            opens = lexeme.text.endswith(" of") or (following is not None and following.text == "of")
            self._arrange(str(roles["arrangement"]), opens)
        elif lexeme.text in words.SHAPES:
            pending.shape = lexeme.text
        else:
            return any([self._tag(tag, lexeme) for tag in ("light", "weather", "mood", "style", "ground")])
        return True

    def _arrange(self, arrangement: str, opens: bool) -> None:
        """Bind "in the corner" to the noun before it and "a row of" (one that `opens` a group) to the one after it."""
        owner = self._last or self._before
        owner = owner if owner in self.objects else None
        numbered = NounDraft(count=self._pending.count, counted=self._pending.counted)
        if owner is not None and self._pending == numbered and not opens:
            owner.arrangement, self._pending = arrangement, NounDraft()  # "in two rows" has no two of anything
            return
        # "a row of crates" has several, and so have "two stacks of crates".
        self._pending.count, self._pending.counted = None, False
        self._pending.arrangement = arrangement

    def _shaded(self, color: Rgb) -> Rgb:
        shade, self._shade = self._shade, 0.0
        return blend(color, (1.0, 1.0, 1.0) if shade > 0 else (0.0, 0.0, 0.0), abs(shade))

    def _other(self, lexeme: Lexeme, following: Lexeme | None) -> None:
        """Take a word that only joins others, or one that means nothing here."""
        text = lexeme.text
        if text == "the":
            self._pending.definite = True
        elif text in words.MEASURES:
            self._measured(words.DIMENSIONS[text])
        elif text in ("of", "is", "are", "painted", "made") or (text == "in" and _is_adjective(following)):
            self._relation = ""
        elif text in _RELATIONS:
            self._break()
            self._relation = _RELATIONS[text]
        elif text in _BREAKS:
            self._break()
        elif text not in words.STOP_WORDS:
            self.unknown.append(text)
            if following is None or following.text in _BREAKS or following.text in _RELATIONS:
                self._pending = NounDraft()  # they described something that does not exist here

    def _measured(self, dimension: str) -> None:
        """Say of the measure just read, or else of the next one, what it measures."""
        noun = self._last or self._before
        sizes = noun.sizes if noun is not None else []
        if sizes and sizes[-1].metric and not sizes[-1].dimension:
            sizes[-1] = Size(dimension, sizes[-1].value, True)
        elif self._pending.sizes and not self._pending.sizes[-1].metric:
            self._pending.sizes[-1] = Size(dimension, self._pending.sizes[-1].value)  # "low height"
        else:
            self._dimension = dimension

    def _break(self) -> None:
        """End a clause: adjectives after its last noun belong to that noun."""
        pending = self._pending
        measures = pending.sizes and all(s.metric for s in pending.sizes) and not (pending.colors or pending.counted)
        owner = self._last or (self._before if measures else None)
        if owner is not None and not pending.empty:
            owner.absorb(pending)
            self._pending = NounDraft()
        if self._last is not None:
            self._clause += 1
        self._last = None


def _is_adjective(lexeme: Lexeme | None) -> bool:
    """Return whether a lexeme is a colour or material and nothing more: "in red", but not "in rocks"."""
    return lexeme is not None and bool({"color", "material"} & lexeme.roles.keys()) and not lexeme.plural


_MATERIAL_COLORS: dict[str, Rgb] = {
    "oak": (0.72, 0.55, 0.36),
    "pine": (0.80, 0.66, 0.45),
    "walnut": (0.36, 0.24, 0.16),
    "birch": (0.84, 0.74, 0.58),
    "maple": (0.80, 0.64, 0.44),
    "beech": (0.78, 0.58, 0.40),
    "bamboo": (0.80, 0.70, 0.45),
    "terracotta": (0.72, 0.40, 0.28),
    "leather": (0.40, 0.24, 0.15),
    "rubber": (0.12, 0.12, 0.13),
    "granite": (0.42, 0.41, 0.42),
    "sand": (0.80, 0.70, 0.52),
    "gravel": (0.55, 0.53, 0.50),
}
_SHADES = {"light": 0.4, "pale": 0.45, "dark": -0.35, "deep": -0.3, "bright": 0.0}
#: Roles that a material describes when they follow it.
_DESCRIBED = frozenset(("object", "part", "family", "color", "material", "size"))
_RELATIONS = {
    "on": "on",
    "onto": "on",
    "beside": "near",
    "near": "near",
    "by": "near",
    "next": "near",
    "around": "near",
}
_BREAKS = frozenset((",", ".", ";", ":", "(", ")", "&", "and", "with", "containing", "plus", "behind", "between", "in"))
_BREAKS |= {
    "at",
    "along",
    "against",
    "full",
    "where",
    "which",
    "has",
    "featuring",
    "including",
    "from",
    "under",
    "into",
}
