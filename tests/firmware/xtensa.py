"""Executes the Xtensa machine code that mpy-cross puts into a .mpy: as much as viper kernels need.

Every instruction is decoded once into a closure. What the kernels do not use raises an error, so
a new opcode can never be skipped in silence. Calls into MicroPython's runtime are let through only where they
change nothing for a buffer (mp_native_from_obj, mp_native_to_obj). Register windows are not modelled: the
kernels call nothing else.
"""

from __future__ import annotations

import operator
import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

MASK = 0xFFFFFFFF
VIPER = 2  # kinds of raw code: 0 bytecode, 1 native, 2 viper, 3 assembler
FROM_OBJ, TO_OBJ = 3, 4  # places in mp_fun_table
COMPARE_WITH = (
    -1,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    10,
    12,
    16,
    32,
    64,
    128,
    256,
)  # constants of the BxxI instructions
MEMORY_BYTES = 1 << 18
BASE = 0x10_0000
RUNTIME = 0x8_0000  # where the entries of mp_fun_table seem to be


class UnknownInstructionError(Exception):
    pass


def signed(value: int, bits: int = 32) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


class Mpy:
    """The parts of a .mpy file (version 6) that lead to its machine code."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 4
        if content[:2] != b"M\x06":
            raise ValueError("not a .mpy file of version 6")
        names, objects = self._number(), self._number()
        for _ in range(names):
            self._skip_name()
        for _ in range(objects):
            self._skip_object()
        self.viper: list[bytes] = []  # code of the viper functions, in the order of the source
        self._read_code()

    def _number(self) -> int:
        value = 0
        while True:
            byte = self._content[self._at]
            self._at += 1
            value = value << 7 | byte & 127
            if not byte & 128:
                return value

    def _skip_name(self) -> None:
        length = self._number()
        if not length & 1:  # an odd number names a string that the firmware has built in
            self._at += (length >> 1) + 1

    def _skip_object(self) -> None:
        kind = self._content[self._at]
        self._at += 1
        if kind <= 4:  # None, False, True, …: no content
            return
        length = self._number()
        if kind == 10:
            for _ in range(length):
                self._skip_object()
        else:
            self._at += length + (kind in (5, 6))  # str and bytes end with a zero

    def _read_code(self) -> None:
        head = self._number()
        kind, has_children, length = head & 3, head & 4, head >> 3
        code = self._content[self._at : self._at + length]
        self._at += length
        if kind == 1:
            self._number()
        elif kind >= VIPER:
            self._number()
            if kind == 3:
                self._number(), self._number()
        if kind == VIPER:
            self.viper.append(code)
        if has_children:
            for _ in range(self._number()):
                self._read_code()


@dataclass
class Machine:
    """One processor with one function loaded. `counts` has instructions by what they cost."""

    code: bytes
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._memory = bytearray(MEMORY_BYTES)
        self._top = 256
        self._r = [0] * 16
        self._shift = 0
        self._pc = 0
        self._is_done = False
        self._decoded: dict[int, Callable[[], None]] = {}
        self._start = self.place(self.code)
        table = self.place(b"".join(struct.pack("<I", RUNTIME + 4 * i) for i in range(128)))
        objects = self.place(struct.pack("<I", table) * 16)  # mp_fun_table comes after the module's objects
        context = self.place(struct.pack("<4I", 0, 0, 0, objects))
        self._function = self.place(struct.pack("<2I", 0, context))

    def place(self, content: bytes) -> int:
        """Put bytes into memory; returns their address."""
        at = (self._top + 15) & ~15
        self._memory[at : at + len(content)] = content
        self._top = at + len(content)
        return BASE + at

    def write(self, address: int, content: bytes) -> None:
        self._memory[address - BASE : address - BASE + len(content)] = content

    def read(self, address: int, length: int) -> bytes:
        return bytes(self._memory[address - BASE : address - BASE + length])

    def call(self, *buffers: int) -> None:
        """Call the function with the addresses of its buffers."""
        r, decoded = self._r, self._decoded
        arguments = BASE + MEMORY_BYTES - 256
        self.write(arguments, struct.pack(f"<{len(buffers)}I", *buffers))
        r[1], r[2], r[3], r[4], r[5] = BASE + MEMORY_BYTES - 1024, self._function, len(buffers), 0, arguments
        self._pc, self._is_done = self._start, False
        count = 0
        while not self._is_done:
            pc = self._pc
            step = decoded.get(pc)
            if step is None:
                step = decoded[pc] = self._decode(pc)
            step()
            count += 1
        self.counts["instructions"] += count

    # decoding: field names as in the Xtensa ISA reference

    def _decode(self, pc: int) -> Callable[[], None]:
        word = self._load(pc, 3)
        op0, t, s, r = word & 15, word >> 4 & 15, word >> 8 & 15, word >> 12 & 15
        if op0 >= 8:
            return self._narrow(pc, op0, t, s, r)
        decoders = {
            0: self._arithmetic,
            1: self._literal,
            2: self._memory_access,
            6: self._jump,
            7: self._branch,
        }
        if op0 not in decoders:
            raise UnknownInstructionError(f"{word:06x} at {pc - self._start}")
        return decoders[op0](pc, word, t, s, r)

    def _unknown(self, pc: int) -> UnknownInstructionError:
        return UnknownInstructionError(f"{self._load(pc, 3):06x} at {pc - self._start}")

    def _then(self, after: int, work: Callable[[], None]) -> Callable[[], None]:
        def step() -> None:
            work()
            self._pc = after

        return step

    def _set(self, after: int, target: int, value: Callable[[], int]) -> Callable[[], None]:
        registers = self._r

        def step() -> None:
            registers[target] = value() & MASK
            self._pc = after

        return step

    def _when(self, after: int, target: int, condition: Callable[[], bool]) -> Callable[[], None]:
        counts = self.counts

        def step() -> None:
            if condition():
                counts["taken"] += 1
                self._pc = target
            else:
                self._pc = after

        return step

    def _load(self, address: int, length: int) -> int:
        at = address - BASE
        if not 0 <= at < MEMORY_BYTES:
            raise IndexError(f"read at {address:#x}")
        return int.from_bytes(self._memory[at : at + length], "little")

    def _store(self, address: int, length: int, value: int) -> None:
        at = address - BASE
        if not 0 <= at < MEMORY_BYTES:
            raise IndexError(f"write at {address:#x}")
        self._memory[at : at + length] = (value & (1 << 8 * length) - 1).to_bytes(length, "little")

    def _narrow(self, pc: int, op0: int, t: int, s: int, r: int) -> Callable[[], None]:
        reg, after = self._r, pc + 2
        if op0 == 8:  # l32i.n
            return self._read(after, t, s, 4 * r, 4)
        if op0 == 9:  # s32i.n
            return self._then(after, lambda: self._store(reg[s] + 4 * r, 4, reg[t]))
        if op0 == 10:  # add.n
            return self._set(after, r, lambda: reg[s] + reg[t])
        if op0 == 11:  # addi.n
            number = t or -1
            return self._set(after, r, lambda: reg[s] + number)
        if op0 == 12 and not t & 8:  # movi.n
            number = (t & 7) << 4 | r
            number -= 128 if number >= 96 else 0
            return self._set(after, s, lambda: number)
        if op0 == 12:  # beqz.n, bnez.n
            target = pc + 4 + ((t & 3) << 4 | r)
            return self._when(after, target, (lambda: reg[s] != 0) if t & 4 else (lambda: reg[s] == 0))
        if op0 == 13 and r == 0:  # mov.n
            return self._set(after, t, lambda: reg[s])
        if op0 == 13 and (r, t) == (15, 1):  # retw.n
            return self._finish
        if op0 == 13 and (r, t) == (15, 3):  # nop.n
            return self._then(after, lambda: None)
        raise self._unknown(pc)

    def _finish(self) -> None:
        self._is_done = True

    def _read(self, after: int, target: int, base: int, offset: int, length: int) -> Callable[[], None]:
        reg, counts = self._r, self.counts

        def step() -> None:
            counts["loads"] += 1
            reg[target] = self._load(reg[base] + offset, length)
            self._pc = after

        return step

    def _arithmetic(self, pc: int, word: int, t: int, s: int, r: int) -> Callable[[], None]:
        reg, after = self._r, pc + 3
        op1, op2 = word >> 16 & 15, word >> 20 & 15
        if op1 == 0:
            return self._group_zero(pc, op2, t, s, r, word)
        if op1 == 1:
            return self._shifts(pc, op2, t, s, r)
        if (op1, op2) == (2, 8):  # mull

            def multiply() -> None:
                self.counts["multiplications"] += 1
                reg[r] = reg[s] * reg[t] & MASK
                self._pc = after

            return multiply
        if op1 in (4, 5):  # extui
            shift, mask = s | (op1 & 1) << 4, (1 << op2 + 1) - 1
            return self._set(after, r, lambda: reg[t] >> shift & mask)
        if op1 == 3 and op2 in (8, 9, 10, 11):  # moveqz, movnez, movltz, movgez
            test = (operator.eq, operator.ne, operator.lt, operator.ge)[op2 - 8]
            return self._set(after, r, lambda: reg[s] if test(signed(reg[t]), 0) else reg[r])
        raise self._unknown(pc)

    def _group_zero(self, pc: int, op2: int, t: int, s: int, r: int, word: int) -> Callable[[], None]:
        reg, after = self._r, pc + 3
        two = {
            1: operator.and_,
            2: operator.or_,
            3: operator.xor,
            8: operator.add,
            9: lambda a, b: (a << 1) + b,
            10: lambda a, b: (a << 2) + b,
            11: lambda a, b: (a << 3) + b,
            12: operator.sub,
            13: lambda a, b: (a << 1) - b,
        }
        if op2 in two:
            combine = two[op2]
            return self._set(after, r, lambda: combine(reg[s], reg[t]))
        if op2 == 0 and (r, t) == (0, 14):  # callx8
            return self._then(after, lambda: self._call_runtime(reg[s]))
        if op2 == 0 and r == 2:  # the synchronisation family: nothing to wait for
            return self._then(after, lambda: None)
        if op2 == 4:
            return self._set_shift(pc, r, s, t)
        if op2 == 6 and s == 0:
            return self._set(after, r, lambda: -signed(reg[t]))
        if op2 == 6 and s == 1:
            return self._set(after, r, lambda: abs(signed(reg[t])))
        raise self._unknown(pc)

    def _set_shift(self, pc: int, r: int, s: int, t: int) -> Callable[[], None]:
        reg = self._r
        amounts = {0: lambda: reg[s] & 31, 1: lambda: 32 - (reg[s] & 31), 4: lambda: s | (t & 1) << 4}
        if r not in amounts:
            raise self._unknown(pc)

        def work() -> None:
            self._shift = amounts[r]()

        return self._then(pc + 3, work)

    def _call_runtime(self, address: int) -> None:
        place = (address - RUNTIME) // 4
        if place not in (FROM_OBJ, TO_OBJ):
            raise UnknownInstructionError(f"a call into MicroPython's runtime ({place})")
        self.counts["calls"] += 1

    def _shifts(self, pc: int, op2: int, t: int, s: int, r: int) -> Callable[[], None]:
        reg, after = self._r, pc + 3
        if op2 in (0, 1):  # slli
            left = 32 - (t | (op2 & 1) << 4)
            return self._set(after, r, lambda: reg[s] << left)
        if op2 in (2, 3):  # srai
            right = s | (op2 & 1) << 4
            return self._set(after, r, lambda: signed(reg[t]) >> right)
        by_register = {
            9: lambda: reg[t] >> self._shift,  # srl
            10: lambda: reg[s] << 32 - self._shift,  # sll
            11: lambda: signed(reg[t]) >> self._shift,  # sra
        }
        if op2 == 4:  # srli
            return self._set(after, r, lambda: reg[t] >> s)
        if op2 in by_register:
            return self._set(after, r, by_register[op2])
        raise self._unknown(pc)

    def _literal(self, pc: int, word: int, t: int, s: int, r: int) -> Callable[[], None]:
        address = (pc + 3 & ~3) + ((word >> 8 & 0xFFFF) - 0x10000) * 4  # l32r: always behind
        return self._then(pc + 3, lambda: self._r.__setitem__(t, self._load(address, 4)))

    def _memory_access(self, pc: int, word: int, t: int, s: int, r: int) -> Callable[[], None]:
        reg, after, number = self._r, pc + 3, word >> 16 & 255
        sizes = {0: 1, 1: 2, 2: 4}
        if r in sizes:  # l8ui, l16ui, l32i
            return self._read(after, t, s, number * sizes[r], sizes[r])
        if r - 4 in sizes:  # s8i, s16i, s32i
            length = sizes[r - 4]
            return self._then(after, lambda: self._store(reg[s] + number * length, length, reg[t]))
        if r == 10:  # movi
            constant = signed(number | s << 8, 12)
            return self._set(after, t, lambda: constant)
        if r in (12, 13):  # addi, addmi
            constant = signed(number, 8) << (8 if r == 13 else 0)
            return self._set(after, t, lambda: reg[s] + constant)
        raise self._unknown(pc)

    def _jump(self, pc: int, word: int, t: int, s: int, r: int) -> Callable[[], None]:
        reg, after = self._r, pc + 3
        kind, test = t & 3, t >> 2
        if kind == 0:  # j
            return self._when(after, pc + 4 + signed(word >> 6, 18), lambda: True)
        compare = (operator.eq, operator.ne, operator.lt, operator.ge)[test]
        if kind == 1:  # beqz, bnez, bltz, bgez
            return self._when(after, pc + 4 + signed(word >> 12, 12), lambda: compare(signed(reg[s]), 0))
        if kind == 2:  # beqi, bnei, blti, bgei
            number = COMPARE_WITH[r]
            return self._when(after, pc + 4 + signed(word >> 16, 8), lambda: compare(signed(reg[s]), number))
        if test == 0:  # entry
            frame = 8 * (word >> 12)
            return self._set(after, 1, lambda: reg[s] - frame)
        raise self._unknown(pc)

    def _branch(self, pc: int, word: int, t: int, s: int, r: int) -> Callable[[], None]:
        reg = self._r
        tests: dict[int, Callable[[], bool]] = {
            0: lambda: reg[s] & reg[t] == 0,
            1: lambda: reg[s] == reg[t],
            2: lambda: signed(reg[s]) < signed(reg[t]),
            3: lambda: reg[s] < reg[t],
            4: lambda: reg[s] & reg[t] == reg[t],
            5: lambda: not reg[s] >> (reg[t] & 31) & 1,
            6: lambda: not reg[s] >> t & 1,
            7: lambda: not reg[s] >> t + 16 & 1,
            8: lambda: reg[s] & reg[t] != 0,
            9: lambda: reg[s] != reg[t],
            10: lambda: signed(reg[s]) >= signed(reg[t]),
            11: lambda: reg[s] >= reg[t],
            12: lambda: reg[s] & reg[t] != reg[t],
            13: lambda: bool(reg[s] >> (reg[t] & 31) & 1),
            14: lambda: bool(reg[s] >> t & 1),
            15: lambda: bool(reg[s] >> t + 16 & 1),
        }
        return self._when(pc + 3, pc + 4 + signed(word >> 16, 8), tests[r])
