"""The Python session that runs inside the sandbox. Standard library only; of it, the host imports `_watch`.

It is shipped into the sandbox as data. Once user code has run, it is as trustworthy as that code: everything
it says is checked on the host.
"""
