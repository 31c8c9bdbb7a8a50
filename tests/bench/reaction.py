"""`python -m tests.bench.reaction`: where the milliseconds go between your note and the first event of a new plan.

Two measurements: a plan taken back through the pipes of a real player process, from asking to the answer; and what the
machine computes between that answer and the first schedule, on a clock that stands still, with notes played into music
under way (`duet`). Everything else that `tests.bench.together` measures is waiting for a processor.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from perfrnn_live.engines.card import DEFAULT_MODEL, find_model
from perfrnn_live.live.controls import AT_FIRST, Mode
from perfrnn_live.live.happenings import Time
from perfrnn_live.live.improviser import Improviser
from perfrnn_live.live.machine import Machine
from perfrnn_live.live.pads import Pads
from perfrnn_live.live.steering import Steering
from perfrnn_live.music.midi import note_off, note_on
from perfrnn_live.player.link import ProcessLink
from perfrnn_live.player.messages import Received, Schedule, Sent, Setup, TakeBack, TakenBack, Timed
from perfrnn_live.player.profiles import DAW
from perfrnn_live.sampling.controls import Controls
from perfrnn_live.sampling.opening import begin


def round_trips_ms(count: int) -> list[float]:
    """A plan taken back, again and again, with nothing else to do."""
    link = ProcessLink(Setup("none", (), False, DAW))
    link.ready()
    taken = []
    for plan in range(count):
        time.sleep(0.03)
        began_s = time.perf_counter()
        link.send(TakeBack(plan))
        while not isinstance(link.receive(1.0), TakenBack):
            pass
        taken.append((time.perf_counter() - began_s) * 1000)
    link.close()
    return taken


class Spans:
    """How long some function took since the last `reset`, and how often it was called."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self.reset()

    def reset(self) -> None:
        self.ms, self.calls = 0.0, 0

    def __call__(self, *arguments: Any) -> Any:
        began_s = time.perf_counter()
        result = self._function(*arguments)
        self.ms += (time.perf_counter() - began_s) * 1000
        self.calls += 1
        return result


class Playing:
    """A machine in a duet on a clock of its own, and a player that does all at once."""

    def __init__(self, model: Path, seed: int) -> None:
        continuation, start = begin(model)
        self.steps = Spans(continuation.engine.step)
        continuation.engine.step = self.steps  # type: ignore[method-assign, assignment]
        settings, controls, rng = (
            replace(AT_FIRST, mode=Mode.DUET),
            Controls(),
            np.random.default_rng(seed),
        )
        improviser = Improviser(continuation, start, controls, rng)
        pads = Pads(continuation.engine, "none", Path("none.npz"))
        self.machine = Machine(improviser, settings, Steering(controls), pads, 0.0)
        self.now_s = 0.0
        self._due: list[Timed] = []
        self._asked: list[int] = []

    def tell(self, fact: Any) -> bool:
        """Returns whether something was handed over."""
        handed_over = False
        for order in self.machine.react(fact):
            if isinstance(order, Schedule):
                self._due += order.messages
                handed_over = True
            elif isinstance(order, TakeBack):
                self._asked.append(order.plan)
        return handed_over

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.01)):
            self.now_s += 0.01
            for timed in [each for each in self._due if each.due_s <= self.now_s]:
                self._due.remove(timed)
                self.tell(Sent(timed.number, timed.due_s, timed.due_s, timed.message, timed.due_s))
            self.tell(Time(self.now_s))
            self.answer()

    def answer(self) -> None:
        while self._asked:
            self._due.clear()
            self.tell(TakenBack(self._asked.pop(0), self.now_s, asked=True))

    def strike(self, pitch: int) -> tuple[float, float, int]:
        """Milliseconds from the answer to the first schedule: in all, in steps of the model, and how many steps."""
        self.tell(Received(self.now_s, note_on(pitch, 70), "keys"))
        self.tell(Time(self.now_s))
        self.steps.reset()
        began_s = time.perf_counter()
        self._due.clear()
        handed_over = self.tell(TakenBack(self._asked.pop(0), self.now_s, asked=True))
        while not handed_over:
            handed_over = self.tell(Time(self.now_s))
        whole_ms = (time.perf_counter() - began_s) * 1000
        self.tell(Received(self.now_s, note_off(pitch), "keys"))
        return whole_ms, self.steps.ms, self.steps.calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--notes", type=int, default=100)
    asked = parser.parse_args()
    p50, p99 = np.percentile(round_trips_ms(3 * asked.notes), [50, 99])
    print(f"a plan taken back through the pipes: p50 {p50:.2f}, p99 {p99:.2f} ms")
    playing = Playing(find_model(asked.model), seed=1)
    playing.pass_time(3.0)
    spans = []
    for number in range(asked.notes):
        playing.pass_time(0.5)
        spans.append(playing.strike(40 + number % 40))
        playing.answer()
    whole_ms, steps_ms, steps = np.median(np.array(spans), axis=0)
    print(
        f"from the answer to the first schedule: {whole_ms:.2f} ms, of which {steps:.0f} steps take {steps_ms:.2f} ms"
    )


if __name__ == "__main__":
    main()
