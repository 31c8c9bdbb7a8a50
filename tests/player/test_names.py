"""Which port a name means, and which one is back."""

from __future__ import annotations

import sys

import pytest

from perfrnn_live.player.names import matching, returned

KEYBOARDS = ("Roland FP-30", "Roland FP-30X", "Yamaha P-125", "Yamaha P-125")
COMPOSED, DECOMPOSED = "Fl\u00fcgel", "Flu\u0308gel"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Roland FP-30", ["Roland FP-30"]),  # exact beats the longer name that contains it
        ("fp-30x", ["Roland FP-30X"]),
        ("yamaha", ["Yamaha P-125"]),  # twice the same name: the first, for nothing tells them apart
        ("roland", ["Roland FP-30", "Roland FP-30X"]),
        ("Korg", []),
        ("", []),
    ],
)
def test_names_match_exactly_or_in_part(name: str, meant: list[str]) -> None:
    assert matching(name, KEYBOARDS) == meant


@pytest.mark.parametrize("listed", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize("asked", [COMPOSED, DECOMPOSED, "FL\u00dcGEL", "FLU\u0308GEL", "u\u0308g"])
def test_an_accent_is_the_same_however_it_is_written(asked: str, listed: str) -> None:
    assert matching(asked, ["Piano", listed]) == [listed]


def test_an_exact_name_is_exact_in_either_writing() -> None:
    assert matching(COMPOSED, [f"{COMPOSED} 2", DECOMPOSED]) == [DECOMPOSED]


@pytest.mark.parametrize(
    ("asked", "listed", "now", "back"),
    [
        ("Piano", "Piano", ["Organ", "Piano"], ["Piano"]),
        ("Piano", "Piano", ["Organ"], []),
        # asked for in part: whatever fits, the nearest to the old name first
        ("keystation", "Keystation 61 [20]", ["Organ", "Keystation 61 [24]"], ["Keystation 61 [24]"]),
        ("keystation", "Keystation", ["Keystation-01"], ["Keystation-01"]),
        ("fluid", "FLUID Synth (1234)", ["FLUID Synth (5678)"], ["FLUID Synth (5678)"]),
        ("fluid", "FLUID Synth (1234):in", ["fluidsynth:midi"], ["fluidsynth:midi"]),
        ("key", "Keystation 61 MIDI 1", ["Keylab", "Keystation 49 MIDI 1"], ["Keystation 49 MIDI 1", "Keylab"]),
        ("key", "Keystation [20]", ["Keystation 49", "Keystation", "Keystation [24]"],
         ["Keystation [24]", "Keystation", "Keystation 49"]),
        # asked for by its whole name: the same but for its number
        ("FP-30 1 20:0", "FP-30 1 20:0", ["Organ", "FP-30 1 24:0"], ["FP-30 1 24:0"]),
        ("FP-30 1 20:0", "FP-30 1 20:0", ["FP-30 2 20:1"], []),
        ("Keystation 61 [20]", "Keystation 61 [20]", ["Keystation 61 [24]"], ["Keystation 61 [24]"]),
        ("Keystation:out", "Keystation:out", ["Keystation-01:out", "Keystation-01:in"], ["Keystation-01:out"]),
        ("FLUID Synth (1234)", "FLUID Synth (1234)", ["FLUID Synth (5678)"], ["FLUID Synth (5678)"]),
        ("a2j:Keys [20] (capture): 1", "a2j:Keys [20] (capture): 1",
         ["a2j:Keys [24] (playback): 1", "a2j:Keys [24] (capture): 1"], ["a2j:Keys [24] (capture): 1"]),
        ("Keystation", "Keystation", ["2- Keystation"], ["2- Keystation"]),  # Windows, in another socket
        ("2- Keystation", "2- Keystation", ["Keystation"], ["Keystation"]),
        ("piano 1:in", "piano 1:in", ["piano 2:in"], []),
        (COMPOSED, COMPOSED, [DECOMPOSED], [DECOMPOSED]),
    ],
)  # fmt: skip
def test_a_port_is_known_again_under_another_name(asked: str, listed: str, now: list[str], back: list[str]) -> None:
    assert returned(listed, asked, now) == back


def test_windows_places_in_the_list_are_no_part_of_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert returned("FP-30 1", "FP-30 1", ["FP-30 0"]) == []
    monkeypatch.setattr(sys, "platform", "win32")
    assert returned("FP-30 1", "FP-30 1", ["Organ 1", "FP-30 0"]) == ["FP-30 0"]
    assert returned("2- FP-30 1", "2- FP-30 1", ["FP-30 0"]) == ["FP-30 0"]
