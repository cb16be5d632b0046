"""Makes the lab's keys and certificates: elliptic curves, because an RSA key costs a tenth of a second.

They guard a lab on this machine: a year of life, keys unencrypted in files that only their owner reads.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ws_deployment.tools.files import write_private
from ws_deployment.tools.folders import private_folder

_LIFE = dt.timedelta(days=365)
#: Clocks of two machines, or of a container and its host, may differ by this.
_SKEW = dt.timedelta(hours=1)


@dataclass(frozen=True, repr=False)
class Pair:
    """A key and its certificate. Never shown: a key is a secret."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    def certificate_pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self) -> bytes:
        """The key as PEM, in the SEC 1 form: the API server reads no other for its service accounts."""
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())

    def write(self, folder: Path, name: str) -> None:
        """Write `name.crt` and `name.key` into `folder`, mode 0600."""
        private_folder(folder)
        write_private(folder / f"{name}.crt", self.certificate_pem())
        write_private(folder / f"{name}.key", self.key_pem())


def authority(name: str) -> Pair:
    """A certificate authority of its own."""
    key, subject = _key(), _subject(name)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        _builder(subject, subject, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
    )
    return Pair(key, builder.sign(key, hashes.SHA256()))


def server(issuer: Pair, name: str, hosts: list[str]) -> Pair:
    """A server's pair, good for `hosts`: DNS names and IP addresses."""
    alternatives = x509.SubjectAlternativeName([_host(host) for host in hosts])
    return _issued(issuer, _subject(name), ExtendedKeyUsageOID.SERVER_AUTH, alternatives)


def client(issuer: Pair, name: str, group: str = "") -> Pair:
    """A client's pair. Kubernetes takes `name` for the user and `group` for its group."""
    return _issued(issuer, _subject(name, group), ExtendedKeyUsageOID.CLIENT_AUTH)


def _issued(
    issuer: Pair, subject: x509.Name, usage: x509.ObjectIdentifier, alternatives: x509.ExtensionType | None = None
) -> Pair:
    key = _key()
    builder = (
        _builder(subject, issuer.certificate.subject, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
    )
    if alternatives:
        builder = builder.add_extension(alternatives, critical=False)
    return Pair(key, builder.sign(issuer.key, hashes.SHA256()))


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _subject(name: str, group: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if group:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
    return x509.Name(parts)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
