"""A live session inside another program, on a port of its own. `python examples/embed.py` plays for ten seconds."""

from perfrnn_live import Clock, LocalLink, MemoryPort, Sent, SystemClock, begin, find_model, open_session


class Piano(MemoryPort):  # any object that can send, look, reopen and close is an output
    def send(self, message: bytes, due_s: float | None = None) -> None:
        super().send(message)
        print(message.hex(" "))


class Counter:  # is told every fact: what was sent, what came in, what was wished, that time passed
    notes = 0

    def hear(self, fact: object) -> None:
        self.notes += isinstance(fact, Sent) and fact.message[0] == 0x90

    def flush(self, now_s: float) -> None:
        pass

    def close(self) -> None:
        print(f"{self.notes} notes")


def main(clock: Clock, seconds: float = 10.0, model: str = "maestro") -> None:
    link = LocalLink(Piano(clock), clock)  # link.bring(message) lets it hear a key
    continuation, start = begin(find_model(model))
    session = open_session(link, clock, continuation, start, listeners=[Counter()], seed=1)
    print(session.run(seconds))


if __name__ == "__main__":
    main(SystemClock())
