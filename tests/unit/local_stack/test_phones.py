"""What lets phones in: the address, the authority that is kept, the options."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from cryptography import x509

from local_stack.live import access_of, options_of
from local_stack.phones.address import NoAddressError, check_address
from local_stack.phones.authority import open_authority

pytestmark = pytest.mark.unit


def test_an_authority_is_kept_and_only_its_owner_reads_the_key(tmp_path: Path) -> None:
    kept = tmp_path / "phones"
    first = open_authority(kept)
    assert open_authority(kept).fingerprint == first.fingerprint
    assert stat.S_IMODE((kept / "authority-key.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    first.server_context("192.168.1.20", tmp_path)
    assert not (tmp_path / "server-key.pem").exists()


def test_an_authority_that_is_over_soon_is_made_anew(tmp_path: Path) -> None:
    first = open_authority(tmp_path)
    later = datetime.now(UTC) + timedelta(days=700)
    assert open_authority(tmp_path, later).fingerprint != first.fingerprint


def test_an_authority_certifies_addresses_of_private_networks_and_nothing_else(
    tmp_path: Path,
) -> None:
    certificate = open_authority(tmp_path).certificate
    limits = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert limits.critical
    permitted = [name.value for name in limits.value.permitted_subtrees or []]
    assert all(isinstance(one, IPv4Network) and one.is_private for one in permitted)
    assert [name.value for name in limits.value.excluded_subtrees or []] == [""]  # every host name
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (basic.ca, basic.path_length) == (True, 0)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("yes", "give 1, or an IPv4 address"),
        ("8.8.8.8", "PUBLIC_URL"),
        ("127.0.0.1", "no address of a private network"),
        ("0.0.0.0", "no address of a private network"),  # noqa: S104 - it is refused
        ("10.255.255.254", "does not have the address"),
    ],
)
def test_an_address_that_phones_cannot_use_is_refused(address: str, says: str) -> None:
    with pytest.raises(NoAddressError, match=says):
        check_address(address)


def test_without_an_option_nothing_is_opened() -> None:
    assert access_of(options_of([])) is None


@pytest.mark.parametrize(
    "arguments",
    [["--phones=1", "--public-url=https://a.example"], ["--public-url=http://a.example"]],
)
def test_options_that_cannot_be_meant_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        options_of(arguments)
    assert "--public-url" in capsys.readouterr().err


def test_a_tunnel_is_told_to_the_gateway_and_ends_on_this_machine() -> None:
    access = access_of(options_of(["--public-url=https://talks.example/"]))
    assert access is not None
    assert access.gateway_options == ("--public-url=https://talks.example",)
