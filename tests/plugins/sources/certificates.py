"""Certificates that are made for a test."""

import ssl
import subprocess
from pathlib import Path
from typing import NamedTuple


class Certificate(NamedTuple):
    """Two files (PEM)."""

    public: Path
    key: Path


def certificate(folder: Path, name: str = "") -> Certificate:
    """Signed by itself, for a host's name, or else for 127.0.0.1."""
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    whose = f"subjectAltName=DNS:{name}" if name else "subjectAltName=IP:127.0.0.1"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(made.key)]
    shown = ["-x509", "-days", "2", "-subj", f"/CN={name or 'camera'}", "-addext", whose, "-out", str(made.public)]
    subprocess.run(["openssl", "req", *key, *shown], check=True, capture_output=True, timeout=60)
    return made


def server_context(of: Certificate) -> ssl.SSLContext:
    """For a server that shows it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(of.public, of.key)
    return context
