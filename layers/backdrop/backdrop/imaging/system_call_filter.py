"""What a process that decodes strangers' bytes gives up: connections, new files, other programs, and other processes.

Reading files stays allowed, because libraries load their parts late; a role has its credentials in no file. The filter
lists what is denied, rather than what is allowed: no test of this repository runs on Lambda's own kernel, and a call
that is missing in a list of allowed ones would refuse every photo.
"""

import ctypes
import os
import platform
import struct
from collections.abc import Iterator, Mapping

_X86_64, _ARM64 = "x86_64", "aarch64"
_AUDIT_ARCHITECTURES = {_X86_64: 0xC000003E, _ARM64: 0xC00000B7}
_DENIED: Mapping[str, tuple[int, int | None]] = {
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242), "socketpair": (53, 199), "sendto": (44, 206), "sendmsg": (46, 211),
    "sendmmsg": (307, 269), "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    "creat": (85, None), "unlink": (87, None), "unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38),
    "renameat2": (316, 276), "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36),
    "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "truncate": (76, 45), "mknod": (133, None),
    "mknodat": (259, 33), "chmod": (90, None), "fchmodat": (268, 53), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kill": (62, 129), "tkill": (200, 130),
    "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424), "io_uring_setup": (425, 425), "bpf": (321, 280),
    "perf_event_open": (298, 241), "userfaultfd": (323, 282), "mount": (165, 40), "unshare": (272, 97),
    "setns": (308, 268), "keyctl": (250, 219), "memfd_create": (319, 279), "shmget": (29, 194), "msgget": (68, 186),
    "semget": (64, 190), "mq_open": (240, 180),
}  # fmt: skip
"""Numbers on x86-64 and on arm64 (None: it has no such call), from Linux's asm/unistd_64.h and asm-generic/unistd.h."""
_OPEN = {_X86_64: ((2, 1), (257, 2)), _ARM64: ((56, 2),)}
"""The calls open and openat, and which argument has their flags."""
_UNSUPPORTED = {_X86_64: (437, 435), _ARM64: (437, 435)}
"""openat2 and clone3 have their flags in memory, which a filter cannot read. glibc falls back to openat and clone."""
_CLONE = {_X86_64: 56, _ARM64: 220}
_PRLIMIT = {_X86_64: 302, _ARM64: 261}
_WRITING_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CLONE_THREAD = 0x10000
_X32_BIT = 0x40000000
_EPERM, _ENOSYS = 1, 38

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16
_PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 4, 22, 38, 2

type _Instruction = tuple[int, int, int, int]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def forbid_inspection() -> None:
    """Lets no other process of the same user read this one's memory or environment. Raises OSError."""
    _prctl(_PR_SET_DUMPABLE, 0)


def deny_system_calls() -> None:
    """Applies the filter to this process, without a way back. Raises OSError if the kernel does not accept it."""
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in _build_program(platform.machine()))
    program = _Program(len(code) // 8, code)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(program))


def _build_program(machine: str) -> Iterator[_Instruction]:
    """Yields the filter's instructions: code, jump if true, jump if false, value."""
    refuse, unsupported = (_RETURN, 0, 0, _ERROR | _EPERM), (_RETURN, 0, 0, _ERROR | _ENOSYS)
    load_number = (_LOAD, 0, 0, _NUMBER_OFFSET)
    yield _LOAD, 0, 0, _ARCHITECTURE_OFFSET
    yield _EQUAL, 1, 0, _AUDIT_ARCHITECTURES[machine]
    yield _RETURN, 0, 0, _KILL
    yield load_number
    if machine == _X86_64:
        yield _AT_LEAST, 0, 1, _X32_BIT
        yield refuse
    column = (_X86_64, _ARM64).index(machine)
    for numbers in _DENIED.values():
        if (number := numbers[column]) is not None:
            yield _EQUAL, 0, 1, number
            yield refuse
    for number in _UNSUPPORTED[machine]:
        yield _EQUAL, 0, 1, number
        yield unsupported
    for number, argument in _OPEN[machine]:
        yield _EQUAL, 0, 4, number
        yield _LOAD, 0, 0, _ARGUMENTS_OFFSET + 8 * argument
        yield _ANY_BIT, 0, 1, _WRITING_FLAGS
        yield refuse
        yield load_number
    # A thread of this process, which decoders start, but no other process.
    yield _EQUAL, 0, 4, _CLONE[machine]
    yield _LOAD, 0, 0, _ARGUMENTS_OFFSET
    yield _ANY_BIT, 1, 0, _CLONE_THREAD
    yield refuse
    yield load_number
    # Its own limits, but not those of the worker.
    yield _EQUAL, 0, 3, _PRLIMIT[machine]
    yield _LOAD, 0, 0, _ARGUMENTS_OFFSET
    yield _EQUAL, 1, 0, 0
    yield refuse
    yield _RETURN, 0, 0, _ALLOW


def _prctl(*arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(*(ctypes.c_ulong(argument) for argument in arguments), *[ctypes.c_ulong(0)] * (5 - len(arguments))):
        raise OSError(ctypes.get_errno(), f"prctl {arguments[0]} was refused")
