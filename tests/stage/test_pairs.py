"""Features that meet: whole sessions in which every value of every feature is met by every value of every other one.

In each, somebody plays phrases (one of them held over what happens), steers, and rests for long; and then: no key is
stuck, no key of the performer's is cut or struck, nothing falls silent that nobody silenced, every answer ends, and the
model remembers what sounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import pytest

from perfrnn_live.live.beats import Quantise
from perfrnn_live.live.controls import Mode, Settings
from perfrnn_live.music.midi import note_off, note_on, releases, strikes
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS, EventKind
from perfrnn_live.player.messages import PAGE, Received, Sent
from perfrnn_live.player.profiles import DAW, DISKLAVIER, Profile
from tests.sittings import BEGAN_S, Sitting

FEATURES: dict[str, tuple[object, ...]] = {
    "mode": tuple(Mode),
    "beams": (1, 4),
    "hands": ("on a piano", "on keys", "on the page"),
    "profile": (DAW, DISKLAVIER),
    "action": ("none", "again", "freeze", "pad", "morph", "panic", "phrase over", "knob", "mode", "stop"),
    "pause_s": (0.0, 40.0),
    "recall": (0.0, 0.5),
    "likeness": (0.0, 1.0),
    "scale": ("any", "held"),
    "quantise": ("off", "beat"),
}
NAMES = tuple(FEATURES)
_CLOCKS_A_SECOND = 48  # 120 quarters a minute
HELD = 84  # the performer keeps this key down while the machine is asked for something


def all_pairs() -> Iterator[tuple[object, ...]]:
    """Few combinations in which each pair of values of two features occurs: always the one with the most new pairs."""

    def pairs(values: tuple[object, ...]) -> set[tuple[tuple[int, object], ...]]:
        return set(combinations(enumerate(values), 2))

    every = list(product(*FEATURES.values()))
    open_pairs = set().union(*map(pairs, every))
    while open_pairs:
        best = max(every, key=lambda values: len(pairs(values) & open_pairs))
        open_pairs -= pairs(best)
        yield best


@dataclass(frozen=True, slots=True)
class Case:
    """One session."""

    mode: Mode
    beams: int
    hands: str
    profile: Profile
    action: str
    pause_s: float
    recall: float
    likeness: float
    scale: str
    quantise: Quantise

    @property
    def thru(self) -> bool:
        """Whether what the performer plays is sent on: a piano sounds by itself, the others do not."""
        return self.hands != "on a piano"


CASES = [Case(*values) for values in all_pairs()]  # type: ignore[arg-type]


def named(case: Case) -> str:
    values = (getattr(case, name) for name in NAMES)
    return "-".join(str(value.value if isinstance(value, Mode) else getattr(value, "name", value)) for value in values)


def played(case: Case) -> Sitting:
    """Two phrases; the action, twice, while a key is held; perhaps a long rest; and a phrase at the end."""
    port = PAGE if case.hands == "on the page" else ""
    settings = Settings(mode=case.mode, recall=case.recall, likeness=case.likeness, scale=case.scale)
    sitting = Sitting(
        3, settings, beams=case.beams, thru=case.hands == "on keys", profile=case.profile, quantise=case.quantise
    )
    for at_s, key in ((0.4, "s"), (0.4, "1"), (3.4, "s"), (3.4, "2")):
        sitting.press_at(BEGAN_S + at_s, key)
    sitting.phrase_at(BEGAN_S + 0.5, range(60, 66), gap_s=0.2, port=port)
    sitting.phrase_at(BEGAN_S + 3.5, range(70, 74), gap_s=0.2, port=port)
    sitting.play_at(BEGAN_S + 5.6, note_on(HELD, 60), port)
    ask(sitting, case.action, BEGAN_S + 6.2)
    ask(sitting, case.action, BEGAN_S + 7.4)
    sitting.play_at(BEGAN_S + 8.4, note_off(HELD), port)
    last_s = 10.0 + case.pause_s
    sitting.phrase_at(BEGAN_S + last_s, range(50, 56), gap_s=0.2, port=port)
    if case.quantise != "off":
        for number in range(round((last_s + 10.0) * _CLOCKS_A_SECOND)):
            sitting.link.at(BEGAN_S + number / _CLOCKS_A_SECOND, lambda: sitting.link.bring(b"\xf8", "daw"))
    sitting.session.run(last_s + 10.0)
    return sitting


def ask(sitting: Sitting, action: str, at_s: float) -> None:
    """Ask for it, by a key or a controller."""
    keys = {"again": "a", "freeze": "f", "pad": "1", "panic": " ", "phrase over": "\n", "mode": "m"}
    if action in keys:
        sitting.press_at(at_s, keys[action])
    if action == "stop":  # and the second time, start
        message = b"\xfc" if at_s < BEGAN_S + 7 else b"\xfa"
        sitting.link.at(at_s, lambda: sitting.link.bring(message, "daw"))
    if action == "knob":
        sitting.link.turn_at(at_s, 100)
    if action == "morph":
        sitting.link.knob_at(at_s, 0, 27)
        for place in range(60):  # a sweep of half a second
            sitting.link.knob_at(at_s + place / 120, 2 * place, 27)
            sitting.link.knob_at(at_s + place / 120, place, 86)  # and across, which needs four pads


def spans(sitting: Sitting) -> list[tuple[int, float, float]]:
    """Which key the performer held from when to when."""
    down: dict[int, float] = {}
    found = []
    for at_s, message in sitting.played:
        if strikes(message):
            down[message[1]] = at_s
        elif releases(message):
            found.append((message[1], down.pop(message[1]), at_s))
    return found


@pytest.fixture(scope="module", params=CASES, ids=named)
def case(request: pytest.FixtureRequest) -> tuple[Case, Sitting]:
    return request.param, played(request.param)


def test_every_pair_is_among_the_cases() -> None:
    assert 27 <= len(CASES) <= 36
    values = [tuple(getattr(case, name) for name in NAMES) for case in CASES]
    for (one, firsts), (other, seconds) in combinations(enumerate(FEATURES.values()), 2):
        assert {(each[one], each[other]) for each in values} == set(product(firsts, seconds))


def test_features_meet(case: tuple[Case, Sitting]) -> None:
    what, sitting = case
    no_key_is_stuck(sitting)
    no_key_of_the_performers_is_touched(what, sitting)
    nothing_falls_silent_unasked(what, sitting)
    every_answer_ends(what, sitting)
    the_model_remembers_what_sounded(what, sitting)


def moves(sitting: Sitting) -> list[tuple[float, bytes]]:
    """What went out on keys: no pedal, no active sensing."""
    return [(at_s, m) for at_s, m in sitting.sent if strikes(m) or releases(m)]


def no_key_is_stuck(sitting: Sitting) -> None:
    sounding: Counter[int] = Counter()
    for _, message in moves(sitting):
        if strikes(message):
            sounding[message[1]] = 1
        elif releases(message):
            sounding[message[1]] = 0
    assert not +sounding
    assert sitting.port.closed


def no_key_of_the_performers_is_touched(what: Case, sitting: Sitting) -> None:
    """While it is held, what goes out on it is what the performer does, and that only with thru; but for a panic, and
    for what a piano that reports its own playing seems to have reported."""
    heard = {(fact.message[1], fact.arrival_s) for fact in sitting.facts if isinstance(fact, Received)}
    for pitch, from_s, until_s in spans(sitting):
        if what.action == "panic" and pitch == HELD:
            continue
        if (pitch, from_s - what.profile.input_delay_s) not in heard:
            assert what.profile.echo
            continue
        moved = [(at_s, m) for at_s, m in moves(sitting) if m[1] == pitch and from_s < at_s < until_s]
        assert not moved, f"the performer's {pitch} was moved at {moved}"


def nothing_falls_silent_unasked(what: Case, sitting: Sitting) -> None:
    """Between its strikes no five seconds pass while it is its turn, and after each phrase in turns it answers."""
    ended_s = BEGAN_S + 20.0 + what.pause_s
    struck_s = [at_s for at_s, m in sitting.sent if strikes(m) and m[0] & 0x0F == 0]
    if what.mode is Mode.TRADE:
        last_s = BEGAN_S + 10.0 + what.pause_s + 1.15  # the end of the last phrase
        if what.action not in ("mode", "freeze"):
            assert [at_s for at_s in struck_s if last_s < at_s < last_s + 3.0], "the last phrase was not answered"
        return
    theirs = {at_s for at_s, m in sitting.played if strikes(m)} if what.thru else set()
    own_s = [at_s for at_s in struck_s if at_s not in theirs]
    if what.action == "mode":
        own_s = [at_s for at_s in own_s if at_s < BEGAN_S + 6.2]
        ended_s = BEGAN_S + 6.2
    silenced_s = 1.3 if what.action == "panic" else 0.0
    gaps = [later - earlier for earlier, later in zip(own_s, [*own_s[1:], ended_s], strict=True)]
    assert max(gaps) < 5.0 + silenced_s, f"silent for {max(gaps):.1f} s"


def every_answer_ends(what: Case, sitting: Sitting) -> None:
    """The calls last a second: answers are over in seconds, with any number of beams."""
    if what.mode is not Mode.TRADE or what.action in ("mode", "freeze"):
        return
    assert sitting.machine.state in ("listening", "silent")


def the_model_remembers_what_sounded(what: Case, sitting: Sitting) -> None:
    """Every strike that it remembers sounded, as often as it did; and what sounded is remembered where nothing led the
    music elsewhere."""
    tokens = sitting.continuation.history(sitting.improviser.heard)
    events = [PERFORMANCE_8MS.decode(token) for token in tokens]
    remembered = Counter(event.value for event in events if event.kind is EventKind.NOTE_ON)
    sounded: Counter[int] = Counter()
    for fact in sitting.facts:
        if isinstance(fact, Sent | Received) and strikes(fact.message) and not getattr(fact, "steers", False):
            sounded[fact.message[1]] += 1
    if what.action in ("none", "knob", "phrase over", "panic"):
        late = Counter(m[1] for at_s, m in sitting.sent if strikes(m) and at_s > sitting.clock.now() - 0.8)
        assert not remembered - sounded
        assert not sounded - remembered - late
