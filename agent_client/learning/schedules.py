"""Values that move linearly while an agent trains: epsilon, beta, the step size.

Mnih et al. (2015) anneal epsilon this way, Schaul et al. (2016, section 3.4) beta.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinearSchedule:
    """A straight line from ``start`` to ``final`` over ``period_steps``, then constant.

    Attributes:
        start: value at step 0.
        final: value from step ``period_steps`` on.
        period_steps: environment steps in between; 0 means ``final`` from the beginning.
    """

    start: float
    final: float
    period_steps: int

    def value(self, step: int) -> float:
        """Return the value at environment step ``step`` (0 is the first)."""
        if step >= self.period_steps:
            return self.final
        return self.start + (self.final - self.start) * step / self.period_steps
