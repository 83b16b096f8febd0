"""A certificate authority of the tests' own, for Modbus/TCP Security."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROLE = x509.ObjectIdentifier("1.3.6.1.4.1.50316.802.1")
ANOTHER = x509.ObjectIdentifier("1.3.6.1.4.1.50316.802.2")


def role_extension(role: str) -> bytes:
    """Return a role as ASN.1 UTF8String."""
    text = role.encode()
    return bytes((0x0C, len(text))) + text


def _der(tag: int, content: bytes) -> bytes:
    """Return a value in DER."""
    size = len(content)
    length = bytes((size,)) if size < 0x80 else bytes((0x82, *size.to_bytes(2)))
    return bytes((tag,)) + length + content


def _oid(oid: x509.ObjectIdentifier) -> bytes:
    """Return an object identifier in DER."""
    first, second, *arcs = map(int, oid.dotted_string.split("."))
    content = bytearray((40 * first + second,))
    for arc in arcs:
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(arc & 0x7F | 0x80)
        content += bytes(reversed(digits))
    return _der(0x06, bytes(content))


class Authority:
    """A CA that writes certificates and keys into `folder`."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            self._begin(self._name, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def _begin(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now, day = datetime.now(UTC), timedelta(days=1)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
        )

    def issue(
        self,
        name: str,
        *,
        role: bytes | None = None,
        password: bytes | None = None,
        another: bool = False,
    ) -> tuple[Path, Path]:
        """Write a certificate, with a role in DER, and its key; return both files.

        With `another` the role also stands in an extension that nobody knows.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._begin(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]), key)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        if role is not None:
            for extension in (ROLE, ANOTHER) if another else (ROLE,):
                builder = builder.add_extension(x509.UnrecognizedExtension(extension, role), critical=False)
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        certificate = builder.sign(self._key, hashes.SHA256())
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        hidden = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        files[1].write_bytes(
            key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
        )
        return files

    def issue_with_role_twice(self, name: str) -> tuple[Path, Path]:
        """Write a certificate with the extension of the role twice, which no library makes, and its key."""
        files = self.issue(name, role=role_extension("operator"), another=True)
        made = x509.load_pem_x509_certificate(files[0].read_bytes())
        body = made.tbs_certificate_bytes.replace(_oid(ANOTHER), _oid(ROLE))
        signature = b"\0" + self._key.sign(body, ec.ECDSA(hashes.SHA256()))
        algorithm = _der(0x30, _oid(made.signature_algorithm_oid))
        whole = _der(0x30, body + algorithm + _der(0x03, signature))
        files[0].write_text(ssl.DER_cert_to_PEM_cert(whole))
        return files

    def client(self, files: tuple[Path, Path] | None) -> ssl.SSLContext:
        """Return what a client with these files uses; one without a certificate has none."""
        context = ssl.create_default_context(cafile=self.file)
        if files:
            context.load_cert_chain(*files)
        return context
