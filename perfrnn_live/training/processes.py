"""One process or several under `torchrun`: what they agree on, beside the gradients."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist


@dataclass(frozen=True)
class Processes:
    """This process's `rank` among `count`."""

    rank: int
    count: int

    @classmethod
    def join(cls) -> Processes:
        """All that `torchrun` started, or this one alone."""
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count == 1:
            return cls(0, 1)
        if not dist.is_initialized():
            # gloo in either case: counts and clocks are agreed on in main memory
            dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo")
        return cls(dist.get_rank(), count)

    @property
    def device(self) -> torch.device:
        """A GPU each, or the processor."""
        if torch.cuda.is_available():
            return torch.device("cuda", self.rank % torch.cuda.device_count())
        return torch.device("cpu")

    def greatest(self, *values: float) -> list[float]:
        """The greatest of each value over all processes: clocks and signals differ between them."""
        if self.count == 1:
            return list(values)
        answers = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(answers, op=dist.ReduceOp.MAX)
        return answers.tolist()

    def total(self, count: int) -> int:
        """The sum of a count."""
        if self.count == 1:
            return count
        answer = torch.tensor(count)
        dist.all_reduce(answer)
        return int(answer)

    def gathered(self, mine: Any) -> list[Any]:
        """Everybody's, in the order of their ranks."""
        if self.count == 1:
            return [mine]
        everyone: list[Any] = [None] * self.count
        dist.all_gather_object(everyone, mine)
        return everyone
