"""A certificate authority of this machine's own, which is kept, and certificates of it.

Who trusts the authority trusts every holder of its key, so it can certify nothing but addresses of
private networks: name constraints (RFC 5280, 4.2.1.10) stand in its certificate.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from local_stack.phones.address import PRIVATE_NETWORKS

_NAME = "Live translation on this network"
_AUTHORITY_DAYS = 730
_RENEW_DAYS = 60
_SERVER_DAYS = 30
"""Phones refuse those that are valid for more than 398 days."""


@dataclass(frozen=True, slots=True)
class Authority:
    """``certificate_der`` is what a phone has to trust."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def fingerprint(self) -> str:
        """SHA-256, as phones show it."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    def server_context(self, address: str, folder: Path) -> ssl.SSLContext:
        """TLS for this address. ``folder``: where certificate and key lie while they are read."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"Live translation ({address})")  # no host name, which would be excluded
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address(address))])
        certificate = (
            _begin(name, self.certificate.subject, key, _SERVER_DAYS)
            .add_extension(alternative, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        chain_file, key_file = folder / "server.pem", folder / "server-key.pem"
        chain_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        _write_secret(key_file, _pem(key))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain_file, key_file)
        key_file.unlink()
        return context


def open_authority(folder: Path, now: datetime | None = None) -> Authority:
    """The one that is kept in ``folder``; a new one, if there is none or it is over soon."""
    now = now or datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    certificate_file, key_file = folder / "authority.pem", folder / "authority-key.pem"
    if certificate_file.exists() and key_file.exists():
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        is_lasting = certificate.not_valid_after_utc - now > timedelta(days=_RENEW_DAYS)
        if isinstance(key, ec.EllipticCurvePrivateKey) and is_lasting:
            return Authority(certificate, key)
    made = _make(now)
    _write_secret(key_file, _pem(made.key))
    certificate_file.write_bytes(made.certificate.public_bytes(serialization.Encoding.PEM))
    return made


def _make(now: datetime) -> Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    networks = [x509.IPAddress(ipaddress.IPv4Network(one)) for one in PRIVATE_NETWORKS]
    certificate = (
        _begin(_name(_NAME), _name(_NAME), key, _AUTHORITY_DAYS, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.NameConstraints(networks, [x509.DNSName("")]), critical=True)
        .add_extension(_CERTIFIES_ONLY, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


_CERTIFIES_ONLY = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def _begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    days: int,
    now: datetime | None = None,
) -> x509.CertificateBuilder:
    now = now or datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))  # a phone's clock may be a day off
        .not_valid_after(now + timedelta(days=days))
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write_secret(file: Path, content: bytes) -> None:
    """Readable by its owner alone from its first byte on."""
    file.unlink(missing_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)
