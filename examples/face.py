"""A face of one's own: it shows one line, and turns the temperature up. `python examples/face.py`"""

from perfrnn_live import Clock, LocalLink, MemoryPort, Put, Shown, Status, SystemClock, begin, find_model, open_session


class Line:
    def show(self, status: Status) -> None:
        warmth = status.settings.temperature
        print(f"{status.elapsed_s:5.1f} s  {status.state} at temperature {warmth}: {len(status.sounding):2} keys")

    def close(self) -> None:
        print("the end")


def main(clock: Clock, seconds: float = 10.0, model: str = "maestro") -> None:
    port = MemoryPort(clock)
    face = Shown(Line)  # on a thread of its own: however slow, it holds nothing up
    session = open_session(LocalLink(port, clock), clock, *begin(find_model(model)), faces=[face], seed=1)
    session.wish(Put("temperature", 1.2))  # a wish may come from any thread, at any time
    print(session.run(seconds))


if __name__ == "__main__":
    main(SystemClock())
