"""Which dotted names are dangerous, and under which rule. Data only.

`f()` in a name is what calling `f` returns, `x[]` a part of `x`; such names count as they stand, all others
with everything below them.
"""

from __future__ import annotations

_PROCESS_OS = (
    "execl execle execlp execlpe execv execve execvp execvpe spawnl spawnle spawnlp spawnlpe "
    "spawnv spawnve spawnvp spawnvpe posix_spawn posix_spawnp startfile pidfd_open"
)
_PRIVILEGE_OS = (
    "setuid setgid seteuid setegid setreuid setregid setresuid setresgid setgroups initgroups "
    "chown lchown fchown chmod lchmod fchmod chroot setpriority nice sched_setaffinity "
    "sched_setscheduler setns unshare chdir fchdir"
)

_KILLERS = " ".join(
    f"{process}.{method}"
    for process in ("psutil.Process()", "psutil.process_iter()[]")
    for method in ("kill", "terminate", "suspend", "send_signal")
)
_FETCHED = (
    "california_housing openml 20newsgroups 20newsgroups_vectorized covtype kddcup99 lfw_people lfw_pairs "
    "olivetti_faces rcv1 species_distributions file"
)
_KERAS_DATA = "mnist fashion_mnist cifar10 cifar100 imdb reuters boston_housing california_housing"
_DOWNLOADERS = (
    "gensim.downloader spacy.cli.download statsmodels.api.datasets.get_rdataset "
    "statsmodels.datasets.get_rdataset ucimlrepo.fetch_ucirepo "
    "sentence_transformers.SentenceTransformer transformers.pipeline evaluate.load torch.hub.load "
    "torch.utils.model_zoo keras.utils.get_file nltk.downloader tensorflow_datasets.load"
)
_PASSWORD_LISTS = (
    "google.colab.userdata pwd.getpwall pwd.getpwnam pwd.getpwuid netrc.netrc secretstorage.dbus_init "
    "win32cred"
)
_UNPICKLERS = (
    "dill.load_module pickle.loads cloudpickle.Unpickler joblib.numpy_pickle.load "
    "sklearn.externals.joblib.load jsonpickle.loads jsonpickle.Unpickler keras.saving.load_model "
    "keras.saving.saving_api.load_model keras.layers.Lambda.from_config "
    "pandas.compat.pickle_compat.load klepto.archives"
)
_LIBRARY_LOADERS = (
    "mmap.PROT_EXEC torch.ops.load_library torch.classes.load_library torch.utils.cpp_extension "
    "tensorflow.load_op_library tensorflow.load_library sys.setdlopenflags "
    "importlib.machinery.ExtensionFileLoader"
)
_WEAK_HASHES = (
    "Crypto.Hash.MD2 Crypto.Hash.SHA Crypto.Hash.RIPEMD cryptography.hazmat.primitives.hashes.MD4 "
    "passlib.hash.md5_crypt passlib.hash.des_crypt passlib.hash.sha1_crypt passlib.hash.apr_md5_crypt "
    "passlib.hash.lmhash passlib.hash.nthash passlib.hash.ldap_md5 passlib.hash.ldap_sha1 "
    "passlib.hash.plaintext passlib.hash.hex_md5 passlib.hash.hex_sha1 passlib.hash.mysql323 "
    "crypt.crypt"
)
_CIPHERS = "cryptography.hazmat.primitives.ciphers"
_WEAK_CIPHERS = " ".join(
    (
        "Crypto.Cipher.CAST Crypto.Cipher.XOR Crypto.Cipher.AES.MODE_ECB pyDes arc4",
        f"{_CIPHERS}.modes.ECB",
        *(
            f"{_CIPHERS}.algorithms.{name}"
            for name in ("TripleDES", "ARC4", "Blowfish", "IDEA", "CAST5", "SEED")
        ),
        "cryptography.hazmat.decrepit",
    )
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
    **dict.fromkeys(_KILLERS.split(), "process.signal"),
    **dict.fromkeys(("send2trash.send2trash", "send2trash"), "files.delete"),
    "tempfile.mktemp": "files.race",
    **{f"sklearn.datasets.fetch_{name}": "network.connection" for name in _FETCHED.split()},
    **{f"keras.datasets.{name}.load_data": "network.connection" for name in _KERAS_DATA.split()},
    **dict.fromkeys(_DOWNLOADERS.split(), "network.connection"),
    **dict.fromkeys(_PASSWORD_LISTS.split(), "credentials.store"),
    **dict.fromkeys(_UNPICKLERS.split(), "deserialise.pickle"),
    **dict.fromkeys(_LIBRARY_LOADERS.split(), "native.code"),
    **dict.fromkeys(_WEAK_HASHES.split(), "crypto.weak"),
    **dict.fromkeys(_WEAK_CIPHERS.split(), "crypto.cipher"),
    **dict.fromkeys(
        ("ssl._create_unverified_context", "ssl._create_default_https_context", "ssl.CERT_NONE"), "crypto.tls"
    ),
}

_NETWORK = (
    "socket socketserver requests httpx aiohttp urllib3 urllib.request urllib2 http.client http.server "
    "httplib2 ftplib smtplib smtpd telnetlib telnetlib3 poplib imaplib nntplib xmlrpc websocket "
    "websockets paramiko fabric asyncssh pycurl wget scapy boto3 botocore pymysql psycopg2 psycopg "
    "pymongo redis kafka pika grpc zmq twisted tornado flask fastapi uvicorn selenium playwright scrapy "
    "yfinance pandas_datareader openai anthropic huggingface_hub webbrowser mechanize requests_html "
    "treq asyncore asynchat nmap dns smbclient ldap3 gdown kaggle wikipedia kagglehub wbdata fredapi "
    "alpha_vantage ccxt tweepy praw googlemaps gspread pysftp socketio mysql MySQLdb asyncpg aiomysql "
    "aiopg oracledb cx_Oracle snowflake google.cloud google.generativeai azure.storage minio "
    "elasticsearch opensearchpy cassandra neo4j pyhive influxdb influxdb_client ntplib speedtest pysnmp "
    "netmiko slack_sdk telegram discord twilio sendgrid cohere groq mistralai ollama litellm pytube "
    "yt_dlp newspaper feedparser http.cookiejar aiofiles.os.sendfile geopy.geocoders sshtunnel impacket "
    "asyncio.streams pyppeteer requests_futures requests_cache bottle sanic cherrypy gunicorn waitress "
    "hypercorn"
)

MODULES: dict[str, str] = {
    **dict.fromkeys(_NETWORK.split(), "network.connection"),
    **dict.fromkeys(
        (
            *(
                "subprocess",
                "pty",
                "pexpect",
                "sh",
                "plumbum",
                "popen2",
                "commands",
                "pip",
                "ensurepip",
                "venv",
            ),
            *(
                "distutils.spawn",
                "invoke",
                "fabric",
                "docker",
                "oct2py",
                "matlab.engine",
                "wexpect",
                "ptyprocess",
            ),
        ),
        "process.run",
    ),
    **dict.fromkeys(
        (
            *(
                "ctypes",
                "cffi",
                "numpy.f2py",
                "pyximport",
                "cython",
                "Cython",
                "jnius",
                "jpype",
                "cppyy",
                "clr",
            ),
            *(
                "llvmlite",
                "win32api",
                "win32com",
                "win32process",
                "comtypes",
                "weave",
                "scipy.weave",
                "keystone",
            ),
        ),
        "native.code",
    ),
    **dict.fromkeys(("winreg", "_winreg"), "persistence.startup"),
    "prctl": "privilege.change",
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
    "symlink_to": "files.link",
    "hardlink_to": "files.link",
    "link_to": "files.link",
}
