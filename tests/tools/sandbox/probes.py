# ruff: noqa: E501 - code is data here, and easier to read in one piece
"""What hostile code tries, as data: a class of abuse, a name, the code, and the outcome that it must have."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from llama3_tools.sandbox import Execution, LocalSandbox, SandboxFileError
from llama3_tools.sandbox._syscalls import REFUSED

Check = Callable[[Execution], bool]
Look = Callable[[LocalSandbox], bool]

PREAMBLE = """
for name in [name for name in globals() if not name.startswith("__") and name != "display"]: del globals()[name]
import ctypes, errno, json, mmap, os, re, resource, signal, socket, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    ctypes.set_errno(0)
    return errno.errorcode[ctypes.get_errno()] if libc.syscall(number, *arguments) < 0 else "done"
def children(work, count):
    pids = []
    try:
        for _ in range(count):
            pid = os.fork()
            if pid == 0:
                try: work()
                finally: os._exit(0)
            pids.append(pid)
        time.sleep(20)
    finally:
        for pid in pids: os.kill(pid, 9)
        for pid in pids: os.waitpid(pid, 0)
def is_socket(fd):
    try: return os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")
    except OSError: return False
def channel():
    return socket.socket(fileno=os.dup(next(fd for fd in range(3, 64) if is_socket(fd))))
def say(body, length=None):
    body = body if isinstance(body, bytes) else body.encode()
    channel().sendall((len(body) if length is None else length).to_bytes(4, "big") + body)
"""


@dataclass(frozen=True)
class Probe:
    """One attempt.

    `{secret}`, `{home}`, `{project}`, `{port}`, `{pid}` and `{mark}` in the code stand for the host's.
    """

    kind: str
    name: str
    code: str
    holds: Check
    timeout: float = 40.0
    after: Look | None = None
    """What must be true of the sandbox afterwards, seen from the host."""
    root_only: bool = False
    """An ordinary user's init belongs to the same user as the code, and is as confined."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


def fails(*kinds: type[BaseException] | str) -> Check:
    """It ends with one of these exceptions, and the session lives."""

    def check(execution: Execution) -> bool:
        if execution.error is None or execution.state_lost:
            return False
        raised = getattr(builtins, execution.error.name, None)
        known = tuple(kind for kind in kinds if not isinstance(kind, str))
        return execution.error.name in kinds or (raised is not None and issubclass(raised, known))

    return check


def says(pattern: str) -> Check:
    """Its last expression has a text that matches as a whole."""
    return lambda execution: re.fullmatch(pattern, execution.text or "") is not None


def prints(text: str) -> Check:
    """It prints exactly this."""
    return lambda execution: execution.stdout == text and execution.error is None


def ends(*names: str) -> Check:
    """The host ended it, with an error of one of these names."""
    return lambda execution: execution.error is not None and execution.error.name in names


def either(*checks: Check) -> Check:
    """One of them."""
    return lambda execution: any(check(execution) for check in checks)


def _no_download(*names: str) -> Look:
    def look(box: LocalSandbox) -> bool:
        if set(names) & {file.name for file in box.list_files()}:
            return False
        for name in names:
            try:
                box.download(name)
            except SandboxFileError:
                continue
            return False
        return True

    return look


def _listed(*names: str) -> Look:
    return lambda box: [file.name for file in box.list_files()] == list(names)


def _lives(box: LocalSandbox) -> bool:
    return box.run_code("40 + 2").text == "42"


_REFUSED = fails(OSError)
_ENDED = ends("SessionEnded")


def _processes() -> Iterator[Probe]:
    sleep = "lambda: time.sleep(60)"
    rows: list[tuple[str, str, Check]] = [
        ("forks without end", f"children({sleep}, 5000)", _REFUSED),
        (
            "children that fork",
            "for _ in range(20): os.fork()",
            either(_REFUSED, ends("SessionEnded", "TimeoutError")),
        ),
        ("threads without end", "for _ in range(5000): threading.Thread(target=time.sleep, args=(2,)).start()",
         fails(RuntimeError)),
        ("programs without end", "ps = []\ntry:\n  for _ in range(5000): ps.append(subprocess.Popen(['sleep', '9']))\n"
         "finally:\n  for p in ps: p.kill(); p.wait()", _REFUSED),
        ("daemons without end", "children(lambda: (os.setsid(), os.fork(), time.sleep(3)), 5000)", _REFUSED),
        ("a better priority", "os.nice(-5)", _REFUSED),
        ("a real-time priority", "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))", _REFUSED),
        ("real-time input and output", "call(251, 1, 0, 1 << 13)", says("'E.*'")),
        ("killing init", "os.kill(1, 9)\nos.kill(1, 0)", either(_REFUSED, lambda e: e.error is None)),
        ("killing everything", "os.kill(-1, 9)", either(_REFUSED, lambda e: e.error is None)),
        ("killing the host's process", "os.kill({pid}, 9)", _REFUSED),
        ("writing init's memory", "os.open('/proc/1/mem', os.O_WRONLY)", _REFUSED),
    ]  # fmt: skip
    for name, code, holds in rows:
        yield Probe(
            "processes",
            name,
            code,
            holds,
            after=lambda box: box.restart() is None,  # what was forked may still be there
            root_only="init's memory" in name,
        )


def _limits() -> Iterator[Probe]:
    for name in ("NPROC", "AS", "NOFILE", "FSIZE", "CORE", "MEMLOCK", "MSGQUEUE", "RTPRIO", "CPU"):
        code = (
            f"low = resource.getrlimit(resource.RLIMIT_{name})[1]\n"
            f"resource.setrlimit(resource.RLIMIT_{name}, (low + 1, low + 1))"
        )
        yield Probe("limits", f"a higher {name}", code, fails(ValueError, OSError))
    code = "resource.prlimit(1, resource.RLIMIT_NPROC, (100000, 100000))"
    yield Probe("limits", "a higher limit for init", code, fails(ValueError, OSError))
    yield Probe("limits", "open files", "files = [open('/dev/null') for _ in range(5000)]", _REFUSED)


def _memory() -> Iterator[Probe]:
    hog = "lambda: (bytearray(os.urandom(1)) * (150 * 2**20), time.sleep(20))"
    mapped = "lambda: ([m.__setitem__(i, 1) for m in [mmap.mmap(-1, 150 * 2**20)] for i in range(0, len(m), 4096)], time.sleep(20))"
    rows: list[tuple[str, str, Check]] = [
        ("one allocation", "bytearray(10**10)", fails(MemoryError)),
        ("many allocations", "x = []\nwhile True: x.append(bytearray(2**22))", fails(MemoryError)),
        ("many small objects", "x = []\nwhile True: x.append([len(x)] * 999)", fails(MemoryError)),
        ("many processes", f"children({hog}, 5)", ends("MemoryError")),
        ("many processes, mapped and touched", f"children({mapped}, 5)", ends("MemoryError")),
        ("a shared mapping", "mmap.mmap(-1, 2**33)", fails(OSError, MemoryError)),
        ("memfd", "os.memfd_create('m')", _REFUSED),
        ("memfd_secret", "call(447, 0)", says("'E.*'")),
        ("System V shared memory", "libc.shmget(0x{mark}, 1 << 20, 0o1600), ctypes.get_errno()", says(r"\(-1, 1\)")),
        ("locked memory", "libc.mlockall(3), ctypes.get_errno()", says(r"\(-1, \d+\)")),
        ("an unpacked bomb", "import zlib\nd = zlib.compressobj(1)\n"
         "p = b''.join(d.compress(bytes(2**24)) for _ in range(30)) + d.flush()\nlen(zlib.decompress(p))",
         fails(MemoryError)),
        ("endless recursion", "def f(): f()\nf()", fails(RecursionError)),
        ("recursion below Python", "sys.setrecursionlimit(10**9)\nclass A:\n  def __getattr__(s, n): return getattr(s, n)\nA().x",
         ends("SessionEnded", "MemoryError", "RecursionError")),
    ]  # fmt: skip
    for name, code, holds in rows:
        yield Probe("memory", name, code, holds)


def _disk() -> Iterator[Probe]:
    fill = (
        "try:\n  for n in range(99):\n    with open(f'{folder}/fill{{n}}', 'wb') as f:\n"
        "      for _ in range(16): f.write(bytes([n + 1]) * 2**20)\n"
        "finally:\n  for n in range(99):\n    if os.path.exists(f'{folder}/fill{{n}}'): os.unlink(f'{folder}/fill{{n}}')"
    )
    for folder in (".", "/tmp", "/dev/shm", "/opt/settings"):
        yield Probe(
            "disk", f"filling {folder}", fill.replace("{folder}", folder).replace("{{n}}", "{n}"), _REFUSED
        )
    many = "for n in range(8000): open(f'i{n}', 'w').close()\nlen(os.listdir('.')) > 7999"
    empty = "[os.unlink(n) for n in os.listdir('.') if n.startswith('i')];"
    yield Probe(
        "disk", "files without number", many, says("True"),
        after=lambda box: len(box.list_files()) <= 1000 and box.run_code("import os\n" + empty).error is None,
    )  # fmt: skip
    yield Probe("disk", "a sparse terabyte", "open('sparse', 'wb').truncate(2**40)", _REFUSED)
    paths = (
        "/x", "/usr/x", "/usr/lib/x", "/opt/x", "/opt/packages/x.py", "/opt/sandbox/__main__.py", "/etc/x",
        "/etc/passwd", "/etc/ld.so.preload", "/dev/x", "/proc/x", "/var/x", "/root/x", "/home/x", "/sys/x",
    )  # fmt: skip
    for path in paths:
        yield Probe(
            "disk", f"writing {path}", f"os.open({path!r}, os.O_WRONLY | os.O_CREAT, 0o600)", _REFUSED
        )
    yield Probe("disk", "writing to the interpreter", "os.open(os.__file__, os.O_WRONLY)", _REFUSED)
    yield Probe("disk", "removing system files", "os.unlink(os.__file__)", _REFUSED)
    yield Probe("disk", "renaming folders", "os.rename('/usr/lib', '/usr/lib2')", _REFUSED)
    yield Probe("disk", "a hard link to a system file", "os.link('/etc/passwd', 'copy')", _REFUSED)


def _host() -> Iterator[Probe]:
    paths = (
        "{secret}", "{project}", "{home}", "/etc/shadow", "/etc/hosts", "/etc/machine-id", "/root/.ssh",
        "/home", "/var/run/docker.sock", "/run", "/sys/class", "/boot", "/usr/local", "/dev/mem", "/dev/sda",
        "/dev/vda", "/dev/kvm", "/dev/fuse",
    )  # fmt: skip
    for path in paths:
        yield Probe("host files", path.strip("{}"), f"os.path.lexists({path!r})", says("False"))
    for code, name in (
        ("os.open('/proc/1/root{secret}', 0)", "through init's root"),
        ("os.open('/proc/self/cwd/../..{secret}', 0)", "by way of dots"),
        ("os.open('/proc/kcore', 0)", "the kernel's memory"),
        ("os.open('/proc/kmsg', 0)", "the kernel's log"),
    ):
        yield Probe("host files", name, code, _REFUSED)
    everything = (
        "s = ''\nfor pid in os.listdir('/proc'):\n  for name in ('environ', 'cmdline', 'comm'):\n"
        "    try: s += open(f'/proc/{{pid}}/{{name}}', 'rb').read().decode(errors='replace')\n    except OSError: pass\n"
        "('{mark}' in s, '{home}' in s, '{project}' in s)"
    )
    code = everything.replace("{{pid}}", "{p}").replace("{{name}}", "{n}")
    code = code.replace("for pid", "for p").replace("for name", "for n")
    yield Probe("host processes", "environments and command lines", code, says(r"\(False, False, False\)"))
    yield Probe("host processes", "who else is there",
                "sorted(int(p) for p in os.listdir('/proc') if p.isdigit())[:2] == [1, 2] and len(os.listdir('/proc')) < 200",
                says("True"))  # fmt: skip
    yield Probe("host processes", "the environment", "sorted(k for k in os.environ if 'SECRET' in k or 'KEY' in k)",
                says(r"\[\]"))  # fmt: skip
    yield Probe("host processes", "open files of the host",
                "[t for t in (os.readlink(f'/proc/self/fd/{{f}}') for f in os.listdir('/proc/self/fd') "
                "if os.path.lexists(f'/proc/self/fd/{{f}}')) if not re.match(r'/dev/null|pipe:|socket:|/proc/', t)]"
                .replace("{{f}}", "{f}"), says(r"\[\]"))  # fmt: skip


def _network() -> Iterator[Probe]:
    attempts = {
        "TCP outward": "socket.create_connection(('1.1.1.1', 53), 2)",
        "TCP over IPv6": "socket.create_connection(('2606:4700:4700::1111', 53), 2)",
        "the host's loopback": "socket.create_connection(('127.0.0.1', {port}), 2)",
        "names": "socket.getaddrinfo('example.com', 80)",
        "UDP outward": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('8.8.8.8', 53))",
        "broadcast": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.setsockopt(socket.SOL_SOCKET, "
        "socket.SO_BROADCAST, 1)\ns.sendto(b'', ('255.255.255.255', 9))",
        "multicast": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('224.0.0.1', 9))",
        "the cloud's metadata": "socket.create_connection(('169.254.169.254', 80), 2)",
        "raw sockets": "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "packet sockets": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "netlink": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "vsock": "socket.socket(socket.AF_VSOCK)",
        "the kernel's crypto": "socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)",
        "bluetooth": "socket.socket(31, socket.SOCK_RAW, 1)",
        "CAN": "socket.socket(29, socket.SOCK_RAW, 1)",
        "an abstract socket of the host": "socket.socket(socket.AF_UNIX).connect('\\0{mark}')",
        "a socket of the host in its files": "socket.socket(socket.AF_UNIX).connect('{secret}.sock')",
        "a web page": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:{port}/', timeout=2)",
    }
    for name, code in attempts.items():
        yield Probe("network", name, code, fails(OSError, "gaierror", "URLError"))
    families = (
        "[f for f in range(1, 64) if f not in (1, 2, 10) and "
        "call({number}, f, 3, 0) == 'done' or call({number}, f, 2, 0) == 'done' and f not in (1, 2, 10)]"
    )
    number = "{'x86_64': 41, 'aarch64': 198}[os.uname().machine]"
    yield Probe("network", "every other family", families.replace("{number}", number), says(r"\[\]"))


def _kernel() -> Iterator[Probe]:
    every = (
        "column = {'x86_64': 0, 'aarch64': 1}[os.uname().machine]\n"
        f"[name for name, pair in {REFUSED!r}.items() if pair[column] is not None and "
        "call(pair[column], -1, -1, -1, -1, -1) != 'EPERM']"
    )
    yield Probe("kernel", "every refused system call", every, says(r"\[\]"))
    for name, code, holds in (
        ("clone3", "call(435, 0, 0)", says("'ENOSYS'")),
        ("a system call of the future", "call(600)", says("'ENOSYS'")),
        ("the x32 variant", "call(0x40000000 + 41, 2, 1, 0)", says("'ENOSYS'")),
        ("a new user namespace", "libc.unshare(0x10000000), ctypes.get_errno()", says(r"\(-1, 1\)")),
        ("a new network namespace", "libc.unshare(0x40000000), ctypes.get_errno()", says(r"\(-1, 1\)")),
        ("cloning into a user namespace", "call(56, 0x10000011, 0, 0, 0, 0)", says("'EPERM'")),
        ("init's namespaces", "fd = os.open('/proc/1/ns/mnt', 0)\nlibc.setns(fd, 0), ctypes.get_errno()",
         either(says(r"\(-1, 1\)"), _REFUSED)),
        ("a mount", "libc.mount(b'none', b'/tmp', b'tmpfs', 0, 0), ctypes.get_errno()", says(r"\(-1, 1\)")),
        ("making /usr writable", "libc.mount(0, b'/usr', 0, 32, 0), ctypes.get_errno()", says(r"\(-1, 1\)")),
        ("another root", "os.chroot('/tmp')", _REFUSED),
        ("tracing init", "libc.ptrace(16, 1, 0, 0), ctypes.get_errno()", says(r"\(-1, 1\)")),
        ("keyrings", "call(250, 0, -3, 1)", says("'EPERM'")),
        ("io_uring", "call(425, 8, 0)", says("'EPERM'")),
        ("typing into a terminal", "import fcntl, termios, pty\nm, s = pty.openpty()\nfcntl.ioctl(s, termios.TIOCSTI, b'x')", _REFUSED),
        ("the controlling terminal", "os.open('/dev/tty', os.O_RDWR)", _REFUSED),
        ("the host's name", "socket.sethostname('{mark}')", _REFUSED),
        ("the clock", "time.clock_settime(time.CLOCK_REALTIME, 0)", _REFUSED),
        ("where cores go", "os.open('/proc/sys/kernel/core_pattern', os.O_WRONLY)", _REFUSED),
        ("the magic key", "os.open('/proc/sysrq-trigger', os.O_WRONLY)", _REFUSED),
        ("memory settings", "os.open('/proc/sys/vm/overcommit_memory', os.O_WRONLY)", _REFUSED),
        ("less reluctance to be killed", "os.write(os.open('/proc/self/oom_score_adj', os.O_WRONLY), b'-1000')", _REFUSED),
        ("device nodes", "os.mknod('d', 0o60600, 0x800)", _REFUSED),
        ("becoming root", "os.setuid(0)", _REFUSED),
        ("another group", "os.setgroups([0])", _REFUSED),
        ("capabilities", "(ctypes.c_uint32 * 6)(0xffffffff, 0xffffffff)\nlibc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), "
         "(ctypes.c_uint32 * 6)(0x200000, 0x200000)), ctypes.get_errno()", says(r"\(-1, 1\)")),
        ("gaining by setuid programs", "[l.split()[1] for l in open('/proc/self/status') if l.startswith('NoNewPrivs')]",
         says(r"\['1'\]")),
        ("a setuid program of its own", "open('s', 'w').close()\nos.chmod('s', 0o4755)\n"
         "any(f in open('/proc/self/mountinfo').read() for f in (' /sandbox rw,nosuid',))", says("True")),
        ("control groups", "os.listdir('/sys/fs/cgroup')", _REFUSED),
    ):  # fmt: skip
        yield Probe("kernel", name, code, holds)
    foreign = (
        "m = mmap.mmap(-1, 4096, prot=7)\nm.write(bytes.fromhex('b814000000cd80c3'))\n"
        "ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()"
    )
    yield Probe("kernel", "system calls of 32 bits", foreign, _ENDED, after=_lives)


def _persistence() -> Iterator[Probe]:
    places = "['/etc/cron.d', '/var/spool/cron', '/etc/systemd', '/etc/profile.d', '/etc/init.d', '/home', '/root']"
    yield Probe(
        "persistence",
        "places that others run from",
        f"[p for p in {places} if os.path.exists(p)]",
        says(r"\[\]"),
    )
    start = (
        "open('/tmp/stays', 'w').close(); open('.bashrc', 'w').close(); open('/dev/shm/stays', 'w').close()"
    )
    look = "import os\n[p for p in ('/tmp/stays', '/dev/shm/stays', '/sandbox/.bashrc') if os.path.exists(p)]"
    yield Probe(
        "persistence", "files outside the working directory", start + "\nos._exit(0)", _ENDED,
        after=lambda box: box.run_code(look).text == "[]",
    )  # fmt: skip
    hijack = "for n in ('json', 'socket', 'sitecustomize', 'usercustomize', 'ast'):\n  open(f'{n}.py', 'w').write('raise SystemExit')"
    clean = "import os\nfor n in os.listdir('.'): os.unlink(n)"
    yield Probe(
        "persistence", "modules for the next session", hijack + "\nos._exit(0)", _ENDED,
        after=lambda box: _lives(box) and box.run_code(clean).error is None,
    )  # fmt: skip
    yield Probe("persistence", "a package of its own", "open('/opt/packages/evil.pth', 'w')", _REFUSED)
    yield Probe(
        "persistence", "a process that stays", "subprocess.Popen(['sleep', '600'], start_new_session=True)\nos._exit(0)",
        _ENDED, after=lambda box: box.run_code("import os\nlen([p for p in os.listdir('/proc') if p.isdigit()])").text == "2",
    )  # fmt: skip


def _output() -> Iterator[Probe]:
    for name, code in (
        ("lines without end", "while True: print('x' * 1000)"),
        ("one line without end", "while True: sys.stdout.write('x' * 1000)"),
        ("one huge line", "print('x' * 50_000_000)"),
        ("errors without end", "while True: os.write(2, b'e' * 4096)"),
        ("a child's output", "subprocess.run(['yes'])"),
    ):
        yield Probe("output", name, code, lambda e: ends("OutputLimit")(e) and len(e.stdout) <= 100_000)
    later = "def p():\n  for _ in range(99): print('late'); time.sleep(.01)\nthreading.Thread(target=p, daemon=True).start()"
    yield Probe(
        "output",
        "a thread that goes on printing",
        later,
        lambda e: e.error is None,
        after=lambda box: _lives(box) and box.restart() is None,
    )
    yield Probe(
        "output", "bytes that are no text", r"os.write(1, b'\xff\x00\xfe'); None", prints("\ufffd\ufffd")
    )
    yield Probe(
        "output",
        "closed streams",
        "sys.stdout.flush(); os.dup2(os.open('/dev/null', 1), 1); print('x')",
        prints(""),
        after=lambda box: box.restart() is None,
    )
    for name, code, seen in (
        ("colours and cursor", r"print('\x1b[31mred\x1b[0m\x1b[2J\x1b[H')", "red\n"),
        ("the window's title", r"print('\x1b]0;owned\x07ok')", "ok\n"),
        ("the clipboard", r"print('\x1b]52;c;cm0gLXJm\x1b\\ok')", "ok\n"),
        ("links", r"print('\x1b]8;;http://evil\x07click\x1b]8;;\x07')", "click\n"),
        ("controls of eight bits", r"print('\x9b31m\x90q\x9c')", "31mq\n"),
        ("text from right to left", r"print('abc\u202efdp.exe')", "abcfdp.exe\n"),
        ("hidden tags", r"print('a' + ''.join(chr(0xe0000 + ord(c)) for c in 'ignore'))", "a\n"),
        ("an escape in two pieces", r"os.write(1, b'a\x1b[3'); time.sleep(.2); os.write(1, b'1mb\n'); None", "ab\n"),
        ("a file's worth of bells", r"print('\x07\x08' * 99)", "\n"),
        ("lone surrogates", r"sys.stdout.buffer.write('\ud800'.encode('utf-8', 'surrogatepass')); sys.stdout.flush(); None",
         "\ufffd" * 3),
    ):  # fmt: skip
        yield Probe("terminal", name, code + "\n", prints(seen))
    yield Probe(
        "terminal",
        "escapes in a result",
        r"type('E', (), {'__repr__': lambda s: '\x1b[2Jx\x00'})()",
        says("x"),
    )
    yield Probe("terminal", "escapes in an error", r"raise type('E\x1b[2J\nx', (Exception,), {})('\x1b]0;t\x07v')",
                lambda e: e.error is not None and "\x1b" not in e.error.traceback + e.error.name and "\n" not in e.error.name)  # fmt: skip


def _files() -> Iterator[Probe]:
    for name, code in (
        ("a link to a file of the host", "os.symlink('{secret}', 'bait')"),
        ("a link to the environment", "os.symlink('/proc/self/environ', 'bait')"),
        ("a link to a folder", "os.symlink('/etc', 'bait')"),
        ("a link to itself", "os.symlink('bait', 'bait')"),
        ("a hard link", "open('real', 'w').close(); os.link('real', 'bait')"),
        ("a pipe", "os.mkfifo('bait')"),
        ("a socket", "socket.socket(socket.AF_UNIX).bind('bait')"),
        ("a folder", "os.mkdir('bait')"),
    ):
        remove = "import os\nfor n in os.listdir('.'): os.rmdir(n) if os.path.isdir(n) and not os.path.islink(n) else os.unlink(n)"
        yield Probe(
            "files", name, code, either(lambda e: e.error is None, _REFUSED),
            after=lambda box, r=remove: _no_download("bait")(box) and box.run_code(r).error is None,  # type: ignore[misc]
        )  # fmt: skip
    names = r"for n in (b'\xff', b'a\nb', b'\x1b[31m', b'.h', b'a' * 255, b'ok'): open(n, 'w').close()"
    clean = "import os\nfor n in os.listdir(b'.'): os.unlink(n)"
    yield Probe("files", "hostile names", names, lambda e: e.files == ("ok",),
                after=lambda box: _listed("ok")(box) and box.run_code(clean).error is None)  # fmt: skip
    deep = "top = os.getcwd()\nfor _ in range(400): os.mkdir('d'); os.chdir('d')\nopen('f', 'w').close(); os.chdir(top)"
    yield Probe("files", "deep folders", deep, lambda e: e.error is None and e.files == (),
                after=lambda box: box.run_code("import os; os.system('rm -rf d');").error is None)  # fmt: skip
    swap = ("def s():\n  while True:\n    try: os.symlink('/etc/passwd', 'l'); os.replace('l', 'f'); open('l', 'w').close(); os.replace('l', 'f')\n"
            "    except OSError: pass\nthreading.Thread(target=s, daemon=True).start()")  # fmt: skip
    yield Probe("files", "a file swapped for a link", swap, lambda e: e.error is None, after=_never_passwd)
    grow = "f = open('grows', 'wb')\ndef g():\n  for _ in range(9999): f.write(b'x' * 512); f.flush()\nthreading.Thread(target=g, daemon=True).start()"
    yield Probe("files", "a file that grows", grow, lambda e: e.error is None,
                after=lambda box: len(box.download("grows")) <= 16 * 2**20)  # fmt: skip
    holes = "for n in range(4): open(f'h{n}', 'wb').truncate(12 * 2**20)\nopen('small', 'w').write('1')\nos.chmod('h0', 0)\nos._exit(0)"
    yield Probe("files", "holes larger than the disk", holes, _ENDED,
                after=lambda box: _lives(box) and box.download("small") == b"1"
                and box.run_code(clean).error is None)  # fmt: skip


def _never_passwd(box: LocalSandbox) -> bool:
    for _ in range(200):
        try:
            if box.download("f"):
                return False
        except SandboxFileError:
            continue
    box.restart()
    return box.run_code("import os\nfor n in os.listdir('.'): os.unlink(n)").error is None


def _protocol() -> Iterator[Probe]:
    for name, code in (
        ("a length of gigabytes", "say(b'{}', 2**31)"),
        ("no JSON", "say('not json')"),
        ("deep JSON", "say('[' * 1_000_000)"),
        ("JSON of millions of parts", "say('{\"a\": [' + '[],' * 5_000_000 + '1]}')"),
        ("JSON of huge numbers", "say('{\"a\": ' + '9' * 100_000 + '}')"),
        ("another shape", "say('[1]')"),
        ("no text", "say(b'\\xff\\xfe')"),
        ("a closed channel", "channel().shutdown(socket.SHUT_RDWR)"),
    ):
        yield Probe("protocol", name, code + "\ntime.sleep(30)", _ENDED, after=_lives)
    forged = "say(json.dumps({'cell': 99, 'token': 'x', 'results': [{'text': 'forged'}]}))\n'true'"
    yield Probe("protocol", "a reply to another cell", forged, says("'true'"))
    early = "for n in range(1000): say(json.dumps({'cell': n, 'results': [{'text': 'forged', 'is_main_result': True}]}))"
    yield Probe("protocol", "replies in advance", early, lambda e: e.error is None, after=_lives)
    take = "c = channel()\nthreading.Thread(target=lambda: c.recv(99999), daemon=True).start()"
    yield Probe("protocol", "a stolen request", take, lambda e: e.error is None, after=_withheld)
    yield Probe("protocol", "descriptors instead of words",
                "socket.send_fds(channel(), [b'\\0\\0\\0\\2{}'], [os.open('/', os.O_RDONLY)])", lambda e: e.error is None)  # fmt: skip
    yield Probe("protocol", "changed libraries", "json.dumps = json.loads = print = len\nsys.modules.clear()\n1",
                lambda e: e.error is None or e.state_lost, after=lambda box: box.restart() is None and _lives(box))  # fmt: skip


def _withheld(box: LocalSandbox) -> bool:
    """Whoever reads first gets the request: the cell is answered, or ended when its time is over."""
    execution = box.run_code("1", timeout=0.5)
    box.restart()
    return (execution.timed_out or execution.text == "1") and _lives(box)


def _display() -> Iterator[Probe]:
    def thing(**methods: str) -> str:
        body = "\n".join(f"  def {name}(self, *a, **k): {code}" for name, code in methods.items())
        return f"class T:\n{body}\nT()"

    rows: list[tuple[str, str, Check]] = [
        ("a representation that raises", thing(__repr__="1/0"), fails(ZeroDivisionError)),
        ("a representation that is none", thing(__repr__="return 5"), fails(TypeError)),
        ("a representation of megabytes", thing(__repr__="return 'x' * 10**8"),
         lambda e: len(e.text or "") < 300_000 and not e.state_lost),
        ("HTML that raises", thing(_repr_html_="1/0"), lambda e: e.results[0].formats() == ("text",)),
        ("HTML that is no text", thing(_repr_html_="return 5"), lambda e: e.results[0].formats() == ("text",)),
        ("HTML that acts", thing(_repr_html_="return '<img src=x onerror=alert(1)><script>a()</script><b>x</b>'"),
         lambda e: e.results[0].html == "<img><b>x</b>"),
        ("SVG that acts", thing(_repr_svg_="return '<svg onload=a()><script>1</script><foreignObject><b>1</b></foreignObject><a href=\"javascript:1\"><g/></a></svg>'"),
         lambda e: e.results[0].svg == "<svg><g></g></svg>"),
        ("a picture that is none", thing(_repr_png_="return b'<html>'"), lambda e: e.results[0].png is None),
        ("a picture cut short", thing(_repr_png_="return bytes.fromhex('89504e470d0a1a0a0000000d49484452')"),
         lambda e: e.results[0].png is None),
        ("a picture as large as a city", thing(_repr_png_="import struct; return bytes.fromhex('89504e470d0a1a0a0000000d49484452') + "
         "struct.pack('>II', 10**6, 10**6) + bytes.fromhex('0806000000') + b'....' + b'\\0\\0\\0\\0IEND\\xaeB`\\x82'"),
         lambda e: e.results[0].png is None),
        ("JSON in itself", thing(_repr_json_="x = []; x.append(x); return x"), lambda e: e.results[0].json is None),
        ("JSON that is none", thing(_repr_json_="return {'a': float('nan')}"), lambda e: e.results[0].json == {"a": None}),
        ("text that lies about its length", "class S(str):\n  def __len__(self): return -1\n" + thing(_repr_html_="return S('<b>x</b>')"),
         lambda e: e.results[0].html == "<b>x</b>"),
        ("text that lies about everything", "class S(str):\n  def __getattribute__(self, n): raise SystemExit\n"
         + thing(__repr__="return S('x')"), lambda e: not e.state_lost),
        ("a class without a name", "class M(type):\n  __name__ = property(lambda c: 1/0)\nclass E(Exception, metaclass=M): pass\nraise E",
         lambda e: e.error is not None and not e.state_lost),
        ("an error that cannot be shown", "class E(Exception):\n  def __str__(self): raise SystemExit\nraise E", fails("E")),
        ("a traceback that is none", "class E(Exception):\n  __traceback__ = property(lambda s: 5)\nraise E",
         lambda e: e.error is not None and not e.state_lost),
        ("a syntax error that is none", "class E(SyntaxError):\n  msg = property(lambda s: 1/0)\nraise E",
         lambda e: e.error is not None and not e.state_lost),
        ("an endless chain of causes", "a = ValueError('a'); b = ValueError('b'); a.__cause__ = b; b.__cause__ = a\nraise a", fails(ValueError)),
        ("a thing that poses as another", "class T:\n  __class__ = property(lambda s: 1/0)\nT()", lambda e: not e.state_lost),
        ("a bundle of nonsense", thing(_repr_mimebundle_="return {5: 5, 'image/png': object(), 'a/b': {1: 2}, 'text/html': '<i>x'}"),
         lambda e: e.results[0].html == "<i>x</i>"),
        ("ten thousand values", "for n in range(10_000): display(n)", lambda e: len(e.results) <= 256 and e.error is None),
        ("a list in a list in a list", "x = []\nfor _ in range(500): x = [x]\nx", lambda e: not e.state_lost),
        ("SystemExit", "raise SystemExit(3)", fails(SystemExit)),
        ("an exception in the display", thing(_repr_html_="raise KeyboardInterrupt"), fails(KeyboardInterrupt)),
    ]  # fmt: skip
    for name, code, holds in rows:
        yield Probe("display", name, code, holds)
    for name, code in (
        ("a representation without end", thing(__repr__="\n    while True: pass")),
        ("HTML without end", thing(_repr_html_="\n    while True: pass")),
        (
            "an error's text without end",
            "class E(Exception):\n  def __str__(self):\n    while True: pass\nraise E",
        ),
    ):
        yield Probe("display", name, code, lambda e: e.timed_out and not e.state_lost, timeout=0.5)


def _stopping() -> Iterator[Probe]:
    kept = lambda e: e.timed_out and not e.state_lost  # noqa: E731
    lost = lambda e: e.timed_out and e.state_lost  # noqa: E731
    for name, code, holds in (
        ("a loop", "while True: pass", kept),
        ("sleep", "time.sleep(60)", kept),
        ("a lock", "threading.Lock().acquire(); l = threading.Lock(); l.acquire(); l.acquire()", kept),
        ("waiting for a child", "subprocess.run(['sleep', '60'])", kept),
        ("all exceptions caught", "while True:\n  try: time.sleep(60)\n  except BaseException: pass", lost),
        ("C code", "max(range(10**12))", lost),
        ("stopping itself", "os.kill(os.getpid(), signal.SIGSTOP)", lost),
    ):
        yield Probe("stopping", name, code, holds, timeout=0.4, after=_lives)
    for name, code in (
        ("leaving", "os._exit(3)"),
        ("a crash", "ctypes.string_at(0)"),
        ("abort", "os.abort()"),
        ("an alarm", "signal.alarm(1); time.sleep(5)"),
    ):
        yield Probe("stopping", name, code, _ENDED, after=_lives)


def _source() -> Iterator[Probe]:
    for name, code, holds in (
        ("NUL", "'\x00'", fails(SyntaxError, ValueError)),
        ("a lone surrogate", "'\ud800'", fails(UnicodeError, SyntaxError)),
        ("deep nesting", "(" * 5000 + ")" * 5000, fails(SyntaxError, MemoryError, RecursionError)),
        ("deep operators", "-" * 100_000 + "1", fails(SyntaxError, MemoryError, RecursionError)),
        ("another encoding", "# -*- coding: utf-7 -*-\n'+AGE-'", says(re.escape("'+AGE-'"))),
        ("one long line", "x = '" + "a" * 900_000 + "'\nlen(x)", says("900000")),
        ("only control characters", "\x0c\x0c", lambda e: not e.state_lost),
    ):
        yield Probe("source", name, code, holds)


PROBES: list[Probe] = [
    *_processes(), *_limits(), *_memory(), *_disk(), *_host(), *_network(), *_kernel(), *_persistence(),
    *_output(), *_files(), *_protocol(), *_display(), *_stopping(), *_source(),
]  # fmt: skip
