"""The order of sending, for outputs that take their time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from perfrnn_live.music.midi import control_change, note_off, note_on, strikes
from perfrnn_live.player.messages import Timed
from perfrnn_live.player.profiles import DAW, DISKLAVIER
from perfrnn_live.player.send_queue import Outgoing, SendQueue
from tests.strategies import velocities

C, E = 60, 64


def drained(queue: SendQueue) -> list[Outgoing]:
    return [queue.pop() for _ in range(len(queue.upcoming()))]


def test_an_instrument_that_sounds_at_once_is_sent_at_the_moment_of_sounding() -> None:
    queue = SendQueue(DAW)
    assert queue.next is None
    queue.add([Timed(2.0, 1, note_off(C)), Timed(1.0, 0, note_on(C, 3))])
    assert queue.next == Outgoing(1.0, 1.0, 0, note_on(C, 3))
    assert (queue.strikes, queue.upcoming()) == (1, [(1.0, note_on(C, 3)), (2.0, note_off(C))])
    assert drained(queue) == [Outgoing(1.0, 1.0, 0, note_on(C, 3)), Outgoing(2.0, 2.0, 1, note_off(C))]


def test_a_soft_strike_leaves_before_a_loud_one_that_sounds_with_it() -> None:
    queue = SendQueue(DISKLAVIER)
    queue.add([Timed(1.0, 0, note_on(C, 110)), Timed(1.0, 1, note_on(E, 20)), Timed(1.0, 2, control_change(64, 0))])
    left = drained(queue)
    assert [outgoing.number for outgoing in left] == [1, 0, 2]
    assert [round(outgoing.sounds_s - outgoing.due_s, 6) for outgoing in left] == [0.19, 0.05, 0.05]


def test_a_strike_too_soft_for_its_floor_leaves_as_early_as_the_one_that_is_sent() -> None:
    queue = SendQueue(DISKLAVIER)
    queue.add([Timed(1.0, 0, note_on(C, 1))])
    assert drained(queue) == [Outgoing(1.0 - DISKLAVIER.output_delay_s(note_on(C, 10)), 1.0, 0, note_on(C, 1))]


def test_the_release_makes_room_for_the_next_strike_of_its_key() -> None:
    queue = SendQueue(DISKLAVIER)
    queue.add([Timed(0.5, 0, note_on(C, 110)), Timed(1.0, 1, note_off(C))])
    queue.add([Timed(1.05, 2, note_on(C, 20)), Timed(1.5, 3, note_off(C))])
    left = drained(queue)
    assert [outgoing.number for outgoing in left] == [0, 1, 2, 3]
    strike_s = 1.05 - DISKLAVIER.output_delay_s(note_on(C, 20))
    assert left[2].due_s == strike_s  # so it sounds in time
    assert left[1].due_s == strike_s - DISKLAVIER.min_gap_s


def test_no_note_is_cut_shorter_than_the_piano_can_play_it() -> None:
    queue = SendQueue(DISKLAVIER)
    queue.add([Timed(0.9, 0, note_on(C, 110)), Timed(1.0, 1, note_off(C)), Timed(1.05, 2, note_on(C, 20))])
    left = drained(queue)
    assert [outgoing.number for outgoing in left] == [0, 1, 2]
    release_s = 0.9 + DISKLAVIER.min_note_s - DISKLAVIER.base_delay_s
    assert left[1].due_s == left[2].due_s == release_s  # the strike is late: there is no room
    queue.clear()
    queue.add([Timed(1.05, 3, note_on(C, 20))])  # the release it waited for was dropped
    assert drained(queue)[0].due_s < 0.95


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(60, 62), st.none() | velocities)))
def test_what_moves_one_key_leaves_in_the_order_of_the_plan(plan: list[tuple[float, int, int | None]]) -> None:
    plan.sort(key=lambda each: each[0])
    queue = SendQueue(DISKLAVIER)
    for number, (due_s, pitch, velocity) in enumerate(plan):
        message = note_off(pitch) if velocity is None else note_on(pitch, velocity)
        queue.add([Timed(due_s, number, message)])
    assert queue.strikes == sum(velocity is not None for _, _, velocity in plan)
    left = drained(queue)
    assert [outgoing.due_s for outgoing in left] == sorted(outgoing.due_s for outgoing in left)
    for pitch in (60, 61, 62):
        numbers = [outgoing.number for outgoing in left if outgoing.message[1] == pitch]
        assert numbers == sorted(numbers)
    for outgoing in left:
        needs_s = DISKLAVIER.output_delay_s(DISKLAVIER.to_output(outgoing.message))
        assert outgoing.due_s >= outgoing.sounds_s - needs_s or not strikes(outgoing.message)
