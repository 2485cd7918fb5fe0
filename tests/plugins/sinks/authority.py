"""An authority of one's own that signs certificates for a test."""

import subprocess
from pathlib import Path
from typing import NamedTuple

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]


class Certificate(NamedTuple):
    """Two files (PEM)."""

    public: Path
    key: Path


class Authority:
    """Its own certificate is in `file`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.file, self._key = folder / "ca.pem", folder / "ca.key"
        usage = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
        shown = ["-x509", "-days", "2", "-subj", "/CN=test authority", *usage]
        self._openssl("req", *KEY, *shown, "-keyout", self._key, "-out", self.file)

    def signed(self, name: str, whose: str) -> Certificate:
        """For whoever `IP:127.0.0.1` or `DNS:host` is."""
        made = Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, extensions = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={whose}\n")
        self._openssl("req", *KEY, "-subj", f"/CN={name}", "-keyout", made.key, "-out", request)
        signing = ["-CA", self.file, "-CAkey", self._key, "-CAcreateserial", "-days", "2", "-extfile", extensions]
        self._openssl("x509", "-req", "-in", request, *signing, "-out", made.public)
        return made

    def _openssl(self, *arguments: str | Path) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)
