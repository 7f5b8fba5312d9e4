"""A hint to the processor, for kernels: this element will be wanted soon.

A search for a few hundred places in arrays of many megabytes waits for memory and for nothing else.
A place that is asked for one step ahead is there when its turn comes, and many are on their way at
once (docs/decisions/0009-prefetch-and-no-branches.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from replay_server.memory.arrays import AnyArray

__all__ = ["prefetch"]

_READ: Final = 0
_INTO_EVERY_CACHE: Final = 3
_DATA: Final = 1


def _prefetch(_typing: Any, array: Any, index: Any) -> Any:
    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        byte_pointer = ir.IntType(8).as_pointer()
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte_pointer)
        flag = ir.IntType(32)
        hint = cast("Any", cgutils.get_or_insert_function)(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte_pointer, flag, flag, flag]),
            "llvm.prefetch.p0",
        )
        builder.call(hint, [place, flag(_READ), flag(_INTO_EVERY_CACHE), flag(_DATA)])
        return context.get_dummy_value()

    return types.void(array, types.intp), build


prefetch = cast("Callable[[AnyArray, int], None]", intrinsic(_prefetch))
"""Have the cache line of `array[index]` fetched, from compiled code only.

The array is contiguous and of one axis. Nothing is read, and nothing can fail: only an address is
reckoned, and any index is harmless.
"""
