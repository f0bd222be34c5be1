#!/usr/bin/env python3
"""A real S3 server, moto's, with what the tests of ObjectStorage look for in it.

    s3_server.py [--venv DIR]

Prints one line of JSON when it answers ({"port": …, "id": …, "secret": …}), or `SKIPPED why`; ends when its input is closed.
moto checks signatures: only the key it prints may ask. Python's packages are put into a virtual environment of their own (default
.build-peers/s3-venv).
"""

import argparse
import json
import os
import sys

from packages import enter_venv

PACKAGES = ["moto[server]>=5.2,<6"]
MANY = 2_345
# Keys that XML, URLs or forms would spoil.
ODD = [
    "odd/a b", "odd/a+b", "odd/a%2Bb", "odd/100%", "odd/a&b=c", "odd/<tag>\"'", "odd/Zürich/日本/🚀", "odd/tab\there", "odd/bell\x07",
    "odd/line\nbreak", "odd/a?b#c", "odd/~-._", "odd/ends with space ",
]


def serve():
    import boto3
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends
    from moto.server import ThreadedMotoServer
    from urllib.request import Request, urlopen

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    url = f"http://127.0.0.1:{port}"
    options = {"endpoint_url": url, "region_name": "us-east-1", "aws_access_key_id": "setup", "aws_secret_access_key": "setup"}
    s3, iam = boto3.client("s3", **options), boto3.client("iam", **options)
    s3.create_bucket(Bucket="snapshots")
    s3.create_bucket(Bucket="closed")
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for number in range(MANY):
        backend.put_object("snapshots", f"many/{number:05}", b"x" * (number % 7))
    for number, key in enumerate(ODD):
        backend.put_object("snapshots", key, b"y" * (number + 1))
    for key, size in [("actors/one", 1234), ("actors/folder/pages.img", 1000), ("actors/folder/checkpoint.img", 24), ("actors/folderish", 9)]:
        backend.put_object("snapshots", key, b"z" * size)
    for key, size in [("golden/t-one/v1", 10), ("golden/t-two/v1/pages.img", 20), ("golden/t-two/v1/checkpoint.img", 3)]:
        backend.put_object("snapshots", key, b"g" * size)
    iam.create_user(UserName="greenroom")
    rights = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": ["arn:aws:s3:::snapshots", "arn:aws:s3:::snapshots/*", "arn:aws:s3:::missing-bucket", "arn:aws:s3:::missing-bucket/*"]}]}
    iam.put_user_policy(UserName="greenroom", PolicyName="look", PolicyDocument=json.dumps(rights))
    key = iam.create_access_key(UserName="greenroom")["AccessKey"]
    # From here on each request must be signed by a key that may.
    urlopen(Request(f"{url}/moto-api/reset-auth", data=b"0", headers={"content-type": "text/plain"}, method="POST")).read()
    print(json.dumps({"port": port, "id": key["AccessKeyId"], "secret": key["SecretAccessKey"], "many": MANY, "odd": ODD}), flush=True)
    sys.stdin.read()
    server.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--venv", default=".build-peers/s3-venv")
    why_not = enter_venv(os.path.abspath(parser.parse_args().venv), PACKAGES)
    if why_not:
        print(f"SKIPPED {why_not}", flush=True)
        return
    serve()


main()
