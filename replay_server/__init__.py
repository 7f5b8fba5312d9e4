"""The replay server: tables of experience behind HTTP and MessagePack."""

__version__ = "0.1.0"

__all__ = ["__version__"]
