"""Examples do what they say, and are as short as they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from examples import embed, face, generate
from examples.markov import Markov
from perfrnn_live.engines.card import write_card
from perfrnn_live.engines.registry import ENGINES, load
from perfrnn_live.live.pads import Pads
from perfrnn_live.music.codec import encode
from perfrnn_live.music.midi import strikes
from perfrnn_live.music.midifile import read_notes, write_notes
from perfrnn_live.music.vocabulary import PERFORMANCE_8MS
from perfrnn_live.player.clock import FakeClock
from perfrnn_live.sampling.continuation import Continuation
from perfrnn_live.sampling.controls import Controls
from tests.networks import random_notes
from tests.sittings import BEGAN_S, Sitting

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def chain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Markov:
    """One of two recordings, loaded as any model is."""
    for seed in range(2):
        write_notes(tmp_path / f"{seed}.mid", random_notes(seed, 200))
    write_card(tmp_path, {"engine": "markov", "vocabulary": PERFORMANCE_8MS.name, "network": {}})
    monkeypatch.setitem(ENGINES, "markov", Markov)
    engine = load(tmp_path)
    assert isinstance(engine, Markov)
    return engine


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n") <= 40


def test_music_is_generated_into_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generate.main(tmp_path / "out.mid", seconds=5.0)
    notes = read_notes(tmp_path / "out.mid")
    assert len(notes) > 10
    assert f"{len(notes)} notes" in capsys.readouterr().out


def test_a_session_is_embedded(capsys: pytest.CaptureFixture[str]) -> None:
    embed.main(FakeClock(), seconds=5.0)
    *sent, notes, summary = capsys.readouterr().out.splitlines()
    strikes_sent = sum(line.startswith("90 ") for line in sent)
    assert strikes_sent > 10
    assert notes == f"{strikes_sent} notes" and summary.startswith(notes)


def test_a_face_shows_and_wishes(capsys: pytest.CaptureFixture[str]) -> None:
    face.main(FakeClock(), seconds=5.0)
    shown = capsys.readouterr().out
    assert "playing at temperature 1.2" in shown
    assert "the end" in shown


def test_the_markov_chain_expects_what_followed(chain: Markov, tmp_path: Path) -> None:
    streams = [[PERFORMANCE_8MS.start, *encode(read_notes(tmp_path / f"{n}.mid"), PERFORMANCE_8MS)] for n in range(2)]
    followed = [stream[place + 1] for stream in streams for place in range(len(stream) - 1) if stream[place] == 60]
    assert followed
    logits, (state,) = chain.step([60], chain.start(1), [])
    share = np.exp(logits[0]) / np.exp(logits[0]).sum()
    assert state == 60
    for token in {*followed}:
        assert share[token] == pytest.approx((followed.count(token) + 0.01) / (len(followed) + 4.13), rel=1e-4)


@pytest.mark.parametrize("beams", [1, 3])
def test_the_markov_chain_plays_live(beams: int, chain: Markov) -> None:
    """With a player above it and a knob that it knows nothing of; all is released, and a seed plays the same again."""
    sittings = [Sitting(seed, base=Controls(highest=59), engine=chain, beams=beams) for seed in (1, 1, 2)]
    for sitting in sittings:
        ended_s = sitting.phrase_at(BEGAN_S + 3.0, range(60, 72))
        sitting.link.turn_at(ended_s + 1.0, 127, 21)  # density
        summary = sitting.session.run(10.0)
        assert (summary.dropped, summary.lateness_max_ms) == (0, 0.0)
        sitting.check_silent()
        assert sum(strikes(message) for _, message in sitting.sent) > 20
    one, again, other = (sitting.sent for sitting in sittings)
    assert one == again != other


def test_the_markov_chains_pads_come_back(chain: Markov, tmp_path: Path) -> None:
    continuation = Continuation(chain)
    stored = continuation.primed([200, 60, 300])
    pads = Pads(chain, "markov", tmp_path / "pads.npz")
    pads.store(1, stored)
    kept = Pads(load(tmp_path), "markov", pads.save())
    kept.load(kept.path)
    moment = kept.recall(1)
    assert moment is not None and moment.state == stored.state
    draws = [
        [continuation.choose(each, Controls(), np.random.default_rng(seed)) for seed in range(50)]
        for each in (stored, moment)
    ]
    assert draws[0] == draws[1]
