"""Packages of PyPI for one of these scripts, in a virtual environment of its own."""

import os
import subprocess
import sys

_ENTERED = "GREENROOM_PEERS_VENV"


def enter_venv(folder, packages):
    """Runs the script again inside a virtual environment that has the packages; returns only there (None), or why that can't be."""
    if os.environ.get(_ENTERED) == folder:
        return None
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(os.path.join(folder, "ready")):
        made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, text=True)
        if made.returncode != 0:
            return f"no virtual environment could be made: {made.stderr.strip()[-200:]}"
        installed = subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *packages], capture_output=True, text=True)
        if installed.returncode != 0:
            return f"pip could not install {' '.join(packages)}: {installed.stderr.strip()[-200:]}"
        open(os.path.join(folder, "ready"), "w").close()
    os.environ[_ENTERED] = folder
    os.execv(python, [python, os.path.abspath(sys.argv[0]), *sys.argv[1:]])
