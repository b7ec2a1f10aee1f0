"""Which dotted names are dangerous, and why. Data only, with one way to look a name up."""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """The words of `text`, as a set."""
    return frozenset(text.split())


_PROCESS_OS = (
    "execl execle execlp execlpe execv execve execvp execvpe spawnl spawnle spawnlp spawnlpe "
    "spawnv spawnve spawnvp spawnvpe posix_spawn posix_spawnp startfile pidfd_open"
)
_PRIVILEGE_OS = (
    "setuid setgid seteuid setegid setreuid setregid setresuid setresgid setgroups initgroups "
    "chown lchown fchown chmod lchmod fchmod chroot setpriority nice sched_setaffinity "
    "sched_setscheduler setns unshare chdir fchdir"
)

EXACT: dict[str, str] = {
    **{f"os.{name}": "process.run" for name in _PROCESS_OS.split()},
    **{f"os.{name}": "privilege.change" for name in _PRIVILEGE_OS.split()},
    **dict.fromkeys(
        ("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"), "process.shell"
    ),
    **dict.fromkeys(
        ("asyncio.create_subprocess_shell", "asyncio.subprocess.create_subprocess_shell"), "process.shell"
    ),
    "asyncio.create_subprocess_exec": "process.run",
    "platform.popen": "process.shell",
    **dict.fromkeys(
        ("os.kill", "os.killpg", "os.abort", "os._exit", "signal.pthread_kill"), "process.signal"
    ),
    **dict.fromkeys(("os.fork", "os.forkpty"), "resource.fork"),
    **dict.fromkeys(("os.symlink", "os.link", "os.mkfifo", "os.mknod"), "files.link"),
    **dict.fromkeys(("shutil.rmtree", "os.removedirs", "distutils.dir_util.remove_tree"), "files.tree"),
    **dict.fromkeys(("os.environ", "os.environb", "os.getenv", "os.getenvb"), "credentials.environment"),
    **dict.fromkeys(("os.putenv", "os.unsetenv"), "privilege.change"),
    "os.memfd_create": "native.code",
    **dict.fromkeys(("resource.setrlimit", "resource.prlimit", "shutil.chown"), "privilege.change"),
    **dict.fromkeys(("eval", "sympy.parsing.sympy_parser.parse_expr"), "dynamic.eval"),
    **dict.fromkeys(("exec", "execfile"), "dynamic.exec"),
    **dict.fromkeys(("compile", "types.CodeType"), "dynamic.compile"),
    **dict.fromkeys(("__import__", "importlib.import_module", "importlib.__import__"), "dynamic.import"),
    **dict.fromkeys(("importlib.util", "importlib.machinery", "importlib.reload"), "dynamic.import"),
    **dict.fromkeys(("pkgutil.resolve_name", "pydoc.locate", "pkgutil.get_loader"), "dynamic.import"),
    **dict.fromkeys(("sys.modules", "sys._getframe", "sys.settrace", "sys.setprofile"), "dynamic.internals"),
    **dict.fromkeys(("sys.meta_path", "sys.path_hooks", "sys.addaudithook"), "dynamic.internals"),
    **dict.fromkeys(("inspect.currentframe", "inspect.stack", "gc.get_objects"), "dynamic.internals"),
    **dict.fromkeys(("gc.get_referrers", "gc.get_referents", "__builtins__"), "dynamic.internals"),
    **dict.fromkeys(("breakpoint", "pdb", "code", "codeop"), "dynamic.exec"),
    **dict.fromkeys(("pickle.load", "pickle.loads", "pickle.Unpickler"), "deserialise.pickle"),
    **dict.fromkeys(("marshal.load", "marshal.loads", "shelve.open", "shelve.Shelf"), "deserialise.pickle"),
    **dict.fromkeys(("dill.load", "dill.loads", "dill.Unpickler", "dill.load_session"), "deserialise.pickle"),
    **dict.fromkeys(("cloudpickle.load", "cloudpickle.loads", "joblib.load"), "deserialise.pickle"),
    **dict.fromkeys(
        ("jsonpickle.decode", "jsonpickle.unpickler", "pandas.read_pickle"), "deserialise.pickle"
    ),
    **dict.fromkeys(
        ("pandas.io.pickle.read_pickle", "torch.load", "keras.models.load_model"), "deserialise.pickle"
    ),
    **dict.fromkeys(
        ("yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.unsafe_load_all"), "deserialise.yaml"
    ),
    **dict.fromkeys(("yaml.full_load", "yaml.full_load_all"), "deserialise.yaml"),
    **dict.fromkeys(("asyncio.open_connection", "asyncio.start_server"), "network.connection"),
    **dict.fromkeys(("asyncio.open_unix_connection", "asyncio.start_unix_server"), "network.connection"),
    **dict.fromkeys(("seaborn.load_dataset", "nltk.download", "datasets.load_dataset"), "network.connection"),
    **dict.fromkeys(
        (
            "multiprocessing.connection",
            "logging.handlers.SocketHandler",
            "logging.config.listen",
            "torch.hub",
        ),
        "network.connection",
    ),
    **dict.fromkeys(("dotenv.load_dotenv", "dotenv.dotenv_values", "dotenv"), "credentials.environment"),
    **dict.fromkeys(("hashlib.md5", "hashlib.sha1", "Crypto.Hash.MD5", "Crypto.Hash.SHA1"), "crypto.weak"),
    **dict.fromkeys(("Crypto.Hash.MD4", "cryptography.hazmat.primitives.hashes.MD5"), "crypto.weak"),
    "cryptography.hazmat.primitives.hashes.SHA1": "crypto.weak",
    **dict.fromkeys(("Crypto.Cipher.DES", "Crypto.Cipher.ARC4", "Crypto.Cipher.DES3"), "crypto.cipher"),
    **dict.fromkeys(("Crypto.Cipher.Blowfish", "Crypto.Cipher.ARC2"), "crypto.cipher"),
    "get_ipython": "magic.line",
    "numpy.ctypeslib": "native.code",
}

_NETWORK = (
    "socket socketserver requests httpx aiohttp urllib3 urllib.request urllib2 http.client "
    "http.server httplib2 ftplib smtplib smtpd telnetlib telnetlib3 poplib imaplib nntplib "
    "xmlrpc websocket websockets paramiko fabric asyncssh pycurl wget scapy boto3 botocore "
    "pymysql psycopg2 psycopg pymongo redis kafka pika grpc zmq twisted tornado flask fastapi "
    "uvicorn selenium playwright scrapy yfinance pandas_datareader openai anthropic "
    "huggingface_hub webbrowser mechanize requests_html treq asyncore asynchat nmap dns "
    "smbclient ldap3 gdown kaggle wikipedia"
)

MODULES: dict[str, str] = {
    **dict.fromkeys(_NETWORK.split(), "network.connection"),
    **dict.fromkeys(
        ("subprocess", "pty", "pexpect", "sh", "plumbum", "popen2", "commands", "pip", "ensurepip", "venv"),
        "process.run",
    ),
    **dict.fromkeys(("ctypes", "cffi", "winreg", "numpy.f2py"), "native.code"),
    **dict.fromkeys(("runpy", "imp", "zipimport", "pip._internal"), "dynamic.import"),
    **dict.fromkeys(("keyring", "spwd", "browser_cookie3"), "credentials.store"),
    **dict.fromkeys(("crontab",), "persistence.startup"),
}

# Parts of the modules above that do no harm.
HARMLESS = frozenset(
    {
        "subprocess.PIPE",
        "subprocess.DEVNULL",
        "subprocess.STDOUT",
        "subprocess.CalledProcessError",
        "subprocess.SubprocessError",
        "subprocess.TimeoutExpired",
        "requests.exceptions",
        "httpx.HTTPError",
    }
)

# Modules that must not be passed around as values, nor searched by a computed name.
ROOTS = words(
    "os sys builtins subprocess importlib shutil socket ctypes pickle marshal runpy pty __builtins__"
)

# The same module under another name.
SYNONYMS = {
    "posix": "os",
    "nt": "os",
    "_socket": "socket",
    "_pickle": "pickle",
    "cPickle": "pickle",
    "_ctypes": "ctypes",
    "_posixsubprocess": "subprocess",
    "_winapi": "subprocess",
    "_io": "io",
    "__builtin__": "builtins",
    "_imp": "imp",
}

# Builtins that stay themselves whatever else the cell binds to their name.
STICKY = frozenset(
    {"eval", "exec", "__import__", "os", "sys", "builtins", "subprocess", "shutil", "importlib"}
)

# Attributes that lead from any object to the interpreter.
INTERNALS = words(
    "__subclasses__ __globals__ __builtins__ __code__ __closure__ __bases__ __base__ __mro__ "
    "__loader__ __spec__ f_globals f_locals f_builtins f_back tb_frame gi_frame gi_code "
    "cr_frame ag_frame __reduce__ __reduce_ex__ __getattribute__ __import__ mro"
)

# Methods that tell what they do even where the object is unknown.
CALLED = {
    "system": "process.shell",
    "popen": "process.shell",
    "rmtree": "files.tree",
    "fork": "resource.fork",
    "execv": "process.run",
    "execve": "process.run",
    "execvp": "process.run",
    "check_output": "process.run",
    "getoutput": "process.shell",
    "Popen": "process.run",
    "subprocess_shell": "process.shell",
    "subprocess_exec": "process.run",
    "create_subprocess_shell": "process.shell",
    "read_pickle": "deserialise.pickle",
    "run_line_magic": "magic.line",
    "run_cell_magic": "magic.line",
    "enable_load_extension": "native.code",
    "load_extension": "native.code",
    "urlopen": "network.connection",
    "import_module": "dynamic.import",
}


def canonical(name: str) -> str:
    """`name` as its defining module has it: `posix.system` and `shutil.os.system` are both `os.system`."""
    parts = [SYNONYMS.get(part, part) for part in name.split(".")]
    for index in range(len(parts) - 1, 0, -1):
        if parts[index].removeprefix("_") in ROOTS:
            parts = [parts[index].removeprefix("_"), *parts[index + 1 :]]
            break
    if parts[0] in {"builtins", "__builtins__"} and len(parts) > 1:
        parts = parts[1:]
    return ".".join(parts)


def lookup(name: str) -> tuple[str, str] | None:
    """The rule a dotted name falls under, and the name to show; `None` for a harmless one."""
    return _lookup(canonical(name)) or _lookup(name)


def _lookup(name: str) -> tuple[str, str] | None:
    parts = name.split(".")
    prefixes = [".".join(parts[: end + 1]) for end in range(len(parts))]
    if any(prefix in HARMLESS for prefix in prefixes):
        return None
    for prefix in reversed(prefixes):
        if prefix in EXACT:
            return EXACT[prefix], prefix
        if prefix in MODULES:
            return MODULES[prefix], name
    return None


# Module names that are just as likely a variable when nothing imports them.
_AMBIGUOUS = words(
    "code sh imp dns wget redis kafka commands resource signal platform types crontab fabric "
    "pip nice mechanize twisted tornado kaggle wikipedia datasets grpc pika treq nmap Crypto gc "
    "inspect"
)

# What a name means that nothing in sight binds: a fragment is read as if its usual imports were there.
ASSUMED = (
    frozenset(name.partition(".")[0] for name in (*EXACT, *MODULES))
    | ROOTS
    | {"open", "getattr", "pathlib", "pandas", "numpy"}
) - _AMBIGUOUS
