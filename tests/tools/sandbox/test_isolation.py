"""What the code inside can see and reach of the host: nothing."""

from __future__ import annotations

import http.server
import os
import threading
from pathlib import Path

import pytest

from llama3_tools.sandbox import LocalSandbox, probe


def _raises(box: LocalSandbox, code: str) -> str:
    error = box.run_code("import os, socket, ctypes\n" + code).error
    assert error is not None, code
    return error.name


def test_probe_says_how() -> None:
    isolation = probe()
    assert isolation.level == "bubblewrap"
    assert "no network" in isolation.detail


def test_loopback_services_of_the_host_are_out_of_reach(box: LocalSandbox) -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_address[1]
        assert _raises(box, f"socket.create_connection(('127.0.0.1', {port}), 2)") == "ConnectionRefusedError"
        server.shutdown()


@pytest.mark.parametrize(
    "code",
    [
        "socket.create_connection(('1.1.1.1', 53), 2)",
        "socket.getaddrinfo('example.com', 80)",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'', ('8.8.8.8', 53))",
        "socket.socket(socket.AF_VSOCK)",
        "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
        "socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)",
    ],
)
def test_no_network(box: LocalSandbox, code: str) -> None:
    assert _raises(box, code) in ("OSError", "gaierror", "PermissionError")


def test_abstract_sockets_of_the_host_are_out_of_reach(box: LocalSandbox) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0llama3-sandbox-test")
        server.listen()
        code = "socket.socket(socket.AF_UNIX).connect('\\0llama3-sandbox-test')"
        assert _raises(box, code) == "ConnectionRefusedError"


def test_host_files_are_absent(box: LocalSandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    hidden = [
        str(secret),
        str(Path.home()),
        str(Path(__file__).parent),
        "/etc/shadow",
        "/etc/hosts",
        "/root",
        "/home",
    ]
    hidden += ["/sys", "/var", "/run", "/usr/local", "/boot"]
    assert box.run_code(f"import os\n[path for path in {hidden!r} if os.path.exists(path)]").text == "[]"


def test_only_the_chosen_packages_are_there(box: LocalSandbox) -> None:
    for name in ("torch", "semgrep", "llama3_tools", "llama3_agent", "pip"):
        assert _raises(box, f"import {name}") == "ModuleNotFoundError"


def test_the_environment_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAVE_API_KEY", "secret-of-the-host")
    with LocalSandbox(packages=()) as other:
        code = """
import os
everything = "\\n".join(f"{key}={value}" for key, value in os.environ.items())
for pid in os.listdir("/proc"):
    for name in ("environ", "cmdline"):
        try:
            everything += open(f"/proc/{pid}/{name}", "rb").read().decode(errors="replace")
        except OSError:
            pass
print(everything)
"""
        seen = other.run_code(code).stdout
    assert "secret-of-the-host" not in seen
    assert str(Path.home()) not in seen
    assert str(Path(__file__).parents[1]) not in seen
    assert "bubblewrap" not in seen


def test_other_processes_are_invisible(box: LocalSandbox) -> None:
    code = "import os\nsorted(int(name) for name in os.listdir('/proc') if name.isdigit())"
    assert box.run_code(code).text == "[1, 2]"


@pytest.mark.parametrize(
    "path",
    [
        "/x", "/usr/x", "/usr/lib/x", "/opt/x", "/opt/packages/x", "/opt/sandbox/x", "/etc/x", "/etc/passwd",
        "/proc/sys/kernel/core_pattern", "/proc/sys/vm/overcommit_memory", "/proc/sysrq-trigger", "/dev/x",
        "/opt/sandbox/_session.py", "/opt/packages/numpy/__init__.py",
    ],
)  # fmt: skip
def test_nothing_of_the_system_can_be_written(box: LocalSandbox, path: str) -> None:
    kind = _raises(box, f"os.open({path!r}, os.O_WRONLY | os.O_CREAT)")
    assert kind in ("OSError", "PermissionError", "FileNotFoundError")


def test_the_interpreter_cannot_be_written(box: LocalSandbox) -> None:
    assert _raises(box, "os.open(os.__file__, os.O_WRONLY)") in ("OSError", "PermissionError")


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("unshare", "0x10000000"),
        ("mount", "b'none', b'/tmp', b'tmpfs', 0, 0"),
        ("chroot", "b'/tmp'"),
        ("ptrace", "0, 0, 0, 0"),
        ("memfd_create", "b'x', 0"),
        ("shmget", "0, 4096, 0o1600"),
        ("personality", "0"),
        ("klogctl", "3, 0, 0"),
        ("syscall", "425, 8, 0"),
        ("syscall", "321, 0, 0, 0"),
        ("syscall", "250, 0, 0, 0"),
        ("setns", "3, 0"),
        ("sethostname", "b'x', 1"),
    ],
)
def test_kernel_interfaces_are_refused(box: LocalSandbox, call: str, arguments: str) -> None:
    code = f"libc = ctypes.CDLL(None, use_errno=True)\n(libc.{call}({arguments}), ctypes.get_errno())"
    assert box.run_code("import ctypes\n" + code).text == "(-1, 1)"


def test_clone3_is_not_implemented_so_that_its_flags_need_no_reading(box: LocalSandbox) -> None:
    code = "libc = ctypes.CDLL(None, use_errno=True)\n(libc.syscall(435, 0, 0), ctypes.get_errno())"
    assert box.run_code("import ctypes\n" + code).text == "(-1, 38)"


@pytest.mark.parametrize(
    "code", ["os.setuid(0)", "os.setgid(0)", "os.setgroups([0])", "os.mknod('d', 0o60600, 0x800)"]
)
def test_no_privileges(box: LocalSandbox, code: str) -> None:
    assert _raises(box, code) in ("PermissionError", "OSError")


def test_the_process_has_no_capabilities(box: LocalSandbox) -> None:
    code = "dict(line.split(':', 1) for line in open('/proc/self/status').read().splitlines())"
    seen = box.run_code(f"s = {code}\n[int(s[k], 16) for k in ('CapInh', 'CapPrm', 'CapEff', 'CapAmb')]").text
    assert seen == "[0, 0, 0, 0]"


@pytest.mark.skipif(
    os.geteuid() != 0, reason="an ordinary user's init is the equal of the code, and as confined"
)
def test_the_init_process_cannot_be_killed_or_written(box: LocalSandbox) -> None:
    for code in ("os.kill(1, 9)", "os.open('/proc/1/mem', os.O_WRONLY)", "os.readlink('/proc/1/exe')"):
        assert _raises(box, code) == "PermissionError"


def test_sandboxes_do_not_see_each_other(box: LocalSandbox) -> None:
    with LocalSandbox(packages=()) as other:
        other.run_code("open('/tmp/mine', 'w').close(); open('/dev/shm/mine', 'w').close()")
        code = "import os\n[os.path.exists(p) for p in ('/tmp/mine', '/dev/shm/mine')]"
        assert box.run_code(code).text == "[False, False]"
