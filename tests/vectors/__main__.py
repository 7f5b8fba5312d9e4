"""`python -m tests.vectors` writes `docs/vectors` anew, after a change of the wire."""

from tests.vectors.bodies import ARRAYS, BODIES, arrays, bodies, text_of

BODIES.write_text(text_of(bodies()), "utf-8")
ARRAYS.write_text(text_of(arrays()), "utf-8")
