"""Where a Prometheus is, and how it lets us in: also Thanos, Mimir, and Google's managed one, which speak its API."""

# Annotations stand here as they are, not as texts (`from __future__ import annotations`): pydantic would compile each.
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from ws_deployment.config.duration import Duration
from ws_deployment.config.model import Model, SecretReference
from ws_deployment.config.paths import LocalPath

#: RFC 9110, section 5.1.
HeaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")]


class PrometheusTls(Model):
    """PEM files for an address that speaks TLS."""

    ca: LocalPath | None = Field(default=None, description="Authorities to check against; default: the system's.")
    crt: LocalPath | None = Field(default=None, description="The client's certificate; goes with `key`.")
    key: LocalPath | None = Field(default=None, description="The client's private key; goes with `crt`.")

    @model_validator(mode="after")
    def _pair(self) -> "PrometheusTls":
        if (self.crt is None) != (self.key is None):
            msg = "`crt` and `key` go together"
            raise ValueError(msg)
        return self


class BasicAuth(Model):
    """A user and a password."""

    username: str = Field(min_length=1, description="The user.")
    password: SecretReference = Field(description="The user's password.")


class Prometheus(Model):
    """A server that speaks Prometheus' HTTP API."""

    url: str = Field(description="Its address without `/api/v1`, for example https://thanos.example.com/prefix.")
    bearer_token: SecretReference | None = Field(
        default=None, description="Sent with every request; a file is read anew each time, so that it can be renewed."
    )
    basic_auth: BasicAuth | None = Field(default=None, description="Instead of `bearerToken`.")
    tls: PrometheusTls | None = Field(default=None, description="For an `https` address: an authority, a client pair.")
    headers: dict[HeaderName, str | SecretReference] = Field(
        default_factory=dict,
        description="Sent along, each a text or a reference to a secret: `X-Scope-OrgID` for a tenant of Mimir.",
    )
    timeout: Duration = Field(default=10.0, gt=0, le=120, description="For each query.")

    @field_validator("url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            well_formed = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            well_formed = False
        if not well_formed or parts.query or parts.fragment or "@" in parts.netloc:
            msg = "has to be an http or https address alone, like https://prometheus.example.com"
            raise ValueError(msg)
        if parts.path.rstrip("/").endswith("/api/v1") or parts.path.rstrip("/").endswith("/api/v1/query"):
            msg = "has to end before `/api/v1`, which is put behind it"
            raise ValueError(msg)
        return url.rstrip("/")

    @model_validator(mode="after")
    def _one_way_in(self) -> "Prometheus":
        ways = [self.bearer_token is not None, self.basic_auth is not None]
        ways.append(any(name.lower() == "authorization" for name in self.headers))
        if sum(ways) > 1:
            msg = "give one of `bearerToken`, `basicAuth` and a header `Authorization`"
            raise ValueError(msg)
        if self.tls and not self.url.lower().startswith("https:"):
            msg = "`tls` needs an `https` address"
            raise ValueError(msg)
        return self
