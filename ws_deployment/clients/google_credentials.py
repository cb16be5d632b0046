"""Google credentials, minted when they are needed and never stored: access tokens, and who they belong to.

Run as a program it is a Kubernetes exec plugin: it prints a fresh token, so a kubeconfig that names it never ages.
"""

from __future__ import annotations

import datetime as dt
import importlib
import json
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ws_deployment.clients.library import load_google_auth
from ws_deployment.errors import TransientError, WsDeploymentError
from ws_deployment.redaction import register

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

#: The one scope that Google recommends; what may be done is IAM's to say.
SCOPE = "https://www.googleapis.com/auth/cloud-platform"

#: By the type that a credentials file says it is: the module, and what makes credentials of the file's content.
_LOADERS = {
    "service_account": ("google.oauth2.service_account", "Credentials.from_service_account_info"),
    "authorized_user": ("google.oauth2.credentials", "Credentials.from_authorized_user_info"),
    "external_account": ("google.auth.identity_pool", "Credentials.from_info"),
    "external_account (aws)": ("google.auth.aws", "Credentials.from_info"),
}

_REMEMBERED = 60.0
_looking = threading.Lock()
_missing: tuple[float, Exception] | None = None


class CredentialsError(WsDeploymentError):
    """There are no usable Google credentials."""


class TransientCredentialsError(TransientError):
    """Google's token service could not be reached."""


def load(credentials_file: Path | None = None) -> Credentials:
    """Credentials of a file (a service account's, an external account's), or the application default ones.

    Raises CredentialsError.
    """
    load_google_auth()
    import google.auth  # noqa: PLC0415  heavy
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  loaded when used

    try:
        return _of_file(credentials_file) if credentials_file else _default(google.auth.default)
    except (GoogleAuthError, OSError, ValueError) as error:
        raise CredentialsError(
            "finding Google credentials",
            on=str(credentials_file or "(application default)"),
            why=str(error).splitlines()[0],
            remedy="Run `gcloud auth application-default login`, or let project.credentialsFile name a file.",
        ) from error


def _default(find: Callable[..., tuple[Credentials, str | None]]) -> Credentials:
    """The application default credentials; that there are none is remembered for a minute.

    Outside of Google Cloud it takes Google's library 3 s to find that out, and a plan asks for each cluster.
    """
    global _missing  # noqa: PLW0603  one environment a process, so one answer
    with _looking:
        if _missing and time.monotonic() < _missing[0]:
            raise _missing[1]
        try:
            return find(scopes=[SCOPE])[0]
        except Exception as error:
            _missing = (time.monotonic() + _REMEMBERED, error)
            raise


def _of_file(path: Path) -> Credentials:
    """Credentials by the file's type. Types are named here: Google's loader for any type is deprecated, as unsafe."""
    info = json.loads(path.read_bytes())
    kind = str(info.get("type"))
    if kind == "external_account" and "environment_id" in info.get("credential_source", {}):
        kind = "external_account (aws)"
    if kind not in _LOADERS:
        msg = f"{kind!r} is none of the types that can be used: {', '.join(_LOADERS)}"
        raise ValueError(msg)
    module, loader = _LOADERS[kind]
    holder: Any = importlib.import_module(module)
    for name in loader.split("."):
        holder = getattr(holder, name)
    made: Credentials = holder(info, scopes=[SCOPE])
    return made


def access_token(credentials: Credentials) -> tuple[str, dt.datetime]:
    """A fresh access token and its end (UTC). Raises CredentialsError, TransientCredentialsError."""
    load_google_auth()
    from google.auth.exceptions import GoogleAuthError, TransportError  # noqa: PLC0415  loaded when used
    from google.auth.transport.requests import Request  # noqa: PLC0415  loaded when used

    try:
        credentials.refresh(Request())  # type: ignore[no-untyped-call]  # the library has no types
    except TransportError as error:
        raise TransientCredentialsError("asking Google for a token", why=str(error)) from error
    except GoogleAuthError as error:
        raise CredentialsError(
            "asking Google for a token",
            why=str(error.args[0] if error.args else error),
            remedy="Log in anew: `gcloud auth application-default login`; a key file may have been revoked.",
        ) from error
    token, end = str(credentials.token), credentials.expiry or dt.datetime.now(dt.UTC)
    register(token)
    return token, end.replace(tzinfo=dt.UTC)


def exec_plugin(credentials_file: Path | None) -> dict[str, Any]:
    """The `exec` entry of a kubeconfig's user that runs this module.

    The protocol: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
    """
    file = [str(credentials_file.resolve())] if credentials_file else []
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-m", __name__, *file],
        "interactiveMode": "Never",
        "installHint": "The Python environment that made this kubeconfig is gone; make the kubeconfig anew.",
    }


def main(argv: list[str]) -> int:
    """Print an ExecCredential; `argv` may name a credentials file."""
    try:
        token, end = access_token(load(Path(argv[0]) if argv else None))
    except WsDeploymentError as error:
        print(error, file=sys.stderr)  # noqa: T201  an exec plugin speaks by its standard streams
        return 1
    status = {"token": token, "expirationTimestamp": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
    answer = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    print(json.dumps(answer))  # noqa: T201  as above
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
