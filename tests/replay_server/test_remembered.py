from collections.abc import Callable

from replay_server.remembered import Remembered


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0
        self.made = 0

    def __call__(self) -> float:
        return self.now_s

    def making(self, takes_s: float) -> Callable[[], int]:
        def make() -> int:
            self.now_s += takes_s
            self.made += 1
            return self.made

        return make


def test_a_result_is_good_for_a_while():
    clock = Clock()
    remembered: Remembered[int] = Remembered(1.0, clock)
    make = clock.making(0.0)

    assert remembered.get(make) == 1
    clock.now_s = 0.9
    assert remembered.get(make) == 1
    clock.now_s = 1.0
    assert remembered.get(make) == 2


def test_what_takes_long_to_make_takes_a_hundredth_of_the_time():
    clock = Clock()
    remembered: Remembered[int] = Remembered(1.0, clock)
    make = clock.making(0.05)

    while clock.now_s < 100.0:
        remembered.get(make)
        clock.now_s += 0.1

    assert clock.made * 0.05 <= 1.0 + 0.05


def test_what_can_not_be_made_is_tried_again():
    remembered: Remembered[int] = Remembered(1.0, Clock())

    def fail() -> int:
        raise KeyError

    for _ in range(2):
        try:
            remembered.get(fail)
        except KeyError:
            continue
        raise AssertionError
    assert remembered.get(lambda: 3) == 3
