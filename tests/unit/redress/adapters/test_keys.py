"""Keys that sign tokens: in a file of one's own, and in KMS."""

import base64
import stat
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from joserfc import jws
from joserfc.jwk import ECKey
from moto import mock_aws
from redress.adapters.aws.kms import KmsKey
from redress.adapters.local_keys import LocalKey
from redress.errors import DependencyUnavailableError
from redress.identity.tokens import sign_jws


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield boto3.client("kms", region_name="us-east-1")


def make_key(kms: Any, spec: str = "ECC_NIST_P256") -> str:
    made = kms.create_key(KeySpec=spec, KeyUsage="SIGN_VERIFY")
    return str(made["KeyMetadata"]["Arn"])


@pytest.fixture(params=["local", "kms"])
def key(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "local":
        return LocalKey(tmp_path / "store" / "token-key.pem")
    client = request.getfixturevalue("kms")
    return KmsKey(make_key(client), client)


def test_what_is_signed_is_checked_by_the_public_key(key: Any) -> None:
    (public,) = key.jwks()
    assert public["kid"] == key.key_id
    assert (public["alg"], public["use"], public["crv"]) == ("ES256", "sig", "P-256")
    assert "d" not in public
    assert key.find(key.key_id) == public
    assert key.find("another") is None
    for number in range(20):  # a DER number may be shorter or longer than 32 bytes
        token = sign_jws({"typ": "x"}, str(number).encode(), key)
        found = jws.deserialize_compact(token, ECKey.import_key(dict(public)), ["ES256"])
        assert found.payload == str(number).encode()
        assert len(base64.urlsafe_b64decode(token.rpartition(".")[2] + "==")) == 64


def test_a_local_key_is_its_owner_s_alone_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "store" / "token-key.pem"
    first = LocalKey(path)
    assert not path.exists()
    assert first.key_id == LocalKey(path).key_id
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert LocalKey().key_id != LocalKey().key_id


@pytest.mark.parametrize("content", ["", "x", "rsa", "public", "p-384"])
def test_a_file_without_a_key_is_told(tmp_path: Path, content: str) -> None:
    from joserfc.jwk import RSAKey

    path = tmp_path / "key.pem"
    known = {
        "rsa": lambda: RSAKey.generate_key(2048).as_pem(private=True),
        "public": lambda: ECKey.generate_key("P-256").as_pem(private=False),
        "p-384": lambda: ECKey.generate_key("P-384").as_pem(private=True),
    }
    path.write_bytes(known[content]() if content in known else content.encode())
    path.chmod(0o600)
    with pytest.raises(DependencyUnavailableError, match="remove it"):
        LocalKey(path).jwks()


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    assert LocalKey(path).key_id
    path.chmod(0o644)
    with pytest.raises(DependencyUnavailableError, match="chmod 600"):
        LocalKey(path).sign(b"x")


def test_a_replaced_kms_key_is_found_within_a_minute(kms: Any) -> None:
    now = [0.0]
    first, second = make_key(kms), make_key(kms)
    kms.create_alias(AliasName="alias/tokens", TargetKeyId=first)
    checking = KmsKey("alias/tokens", kms, lambda: now[0])
    assert checking.find("unknown") is None
    kms.update_alias(AliasName="alias/tokens", TargetKeyId=second)
    new = KmsKey(second, kms).key_id
    assert checking.find(new) is None, "asked a moment ago"
    now[0] = 60.0
    found = checking.find(new)
    assert found is not None
    assert found["kid"] == new


def test_a_kms_key_of_another_kind_is_told(kms: Any) -> None:
    with pytest.raises(DependencyUnavailableError, match="ECC_NIST_P256"):
        KmsKey(make_key(kms, "RSA_2048"), kms).jwks()


def test_a_kms_that_does_not_answer_is_told() -> None:
    class Down:
        def get_public_key(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "KMSInternalException"}}, "GetPublicKey")

        def sign(self, **_: Any) -> Any:
            raise ClientError({"Error": {"Code": "KMSInternalException"}}, "Sign")

    for call in (lambda key: key.jwks(), lambda key: key.sign(b"x")):
        with pytest.raises(DependencyUnavailableError):
            call(KmsKey("key", Down()))
