"""Certificates of the tests' own."""

from pathlib import Path

import trustme


class Certificate:
    """A certificate for this machine, and the authority that vouches for it.

    Attributes:
        chain, key: what a server needs.
        authority: what a client trusts.
    """

    def __init__(
        self,
        folder: Path,
        name: str = "server",
        hosts: tuple[str, ...] = ("127.0.0.1", "localhost"),
    ) -> None:
        authority = trustme.CA()
        issued = authority.issue_cert(*hosts)
        self.chain = folder / f"{name}.pem"
        self.key = folder / f"{name}.key"
        self.authority = folder / f"{name}-authority.pem"
        issued.private_key_pem.write_to_path(self.key)
        for place, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(self.chain, append=place > 0)
        authority.cert_pem.write_to_path(self.authority)
