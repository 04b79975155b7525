"""The settings of a chat model that say how its requests leave this machine."""

from __future__ import annotations

from pydantic import BaseModel, Field, SecretStr

from ..sealed_http import FilePath, Outlet, outlet_from

__all__ = ["OutletFields"]


class OutletFields(BaseModel):
    """What is not given comes from the environment; an empty text is none, whatever the environment says."""

    proxy: SecretStr | None = Field(default=None, repr=False)
    """`http://[user:password@]host:port`: through whom requests leave (`NVGATEWAY_PROXY`)."""

    no_proxy: str | None = None
    """Hosts that are reached without the proxy, separated by commas (`NVGATEWAY_NO_PROXY`)."""

    ca_bundle: FilePath | None = None
    """PEM file with authorities that are trusted beside the usual ones (`NVGATEWAY_CA_BUNDLE`)."""

    def _outlet(self) -> Outlet:
        """Return the way out.

        Raises:
            ConfigurationError: A setting is malformed.
        """
        return outlet_from(self.proxy, self.no_proxy, self.ca_bundle)

    def _secrets_of_outlet(self) -> frozenset[str]:
        """Return the fields that must not be pickled: those with a password in them."""
        return frozenset({"proxy"} if self.proxy and "@" in self.proxy.get_secret_value() else ())
