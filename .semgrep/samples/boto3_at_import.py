# ruff: noqa
# fmt: off
"""Samples of a rule: what is marked is found, and nothing else."""

# ruleid: no-boto3-at-import
import boto3

# ruleid: no-boto3-at-import
from botocore.config import Config

# ok: no-boto3-at-import
from redress.runtime import runtime


def client():
    # ruleid: no-boto3-at-import
    import boto3.session

    return boto3.session.Session(), Config, runtime
