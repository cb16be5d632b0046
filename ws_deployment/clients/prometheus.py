"""Asks a Prometheus for the value of a query now, by its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/).

So do Thanos, Mimir, VictoriaMetrics and Google's managed Prometheus. What an answer means is the caller's to judge.
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ws_deployment import __version__
from ws_deployment.clients.probe import ClientTls
from ws_deployment.errors import TransientError, WsDeploymentError
from ws_deployment.redaction import redact

if TYPE_CHECKING:
    import httpx

#: Bytes of an answer; some 20,000 series. A query that gives more is not one that was meant.
_LARGEST = 8_000_000
#: What is shown of the server's own words, in characters.
_LONGEST = 400
_BUSY = frozenset({408, 425, 429})
_CLOSED = frozenset({401, 403, 407})
#: Thanos leaves out what a store did not give in time unless told not to; others pass over what they do not know.
_WHOLE = {"partial_response": "false"}


class PrometheusError(WsDeploymentError):
    """Prometheus refused in a way that the same request will be refused again: address, credentials, certificate."""


class QueryError(PrometheusError):
    """The query can't be read, can't be carried out, or gives something else than numbers of now."""


class PrometheusUnavailableError(TransientError):
    """Prometheus was out of reach, over-loaded, or took too long."""


@dataclass(frozen=True)
class Sample:
    """One series of an answer: its labels (`__name__` among them where it has a name), its value, its time (Unix).

    The value can be NaN or infinite.
    """

    labels: Mapping[str, str]
    value: float
    time: float


class PrometheusClient:
    """A Prometheus at `url` (without `/api/v1`). Safe to use from several threads. Close it, or use it as a context.

    `headers` is called before every query and gives what is sent along: credentials can be renewed meanwhile.
    `timeout` is in seconds, for a query in all. Retries are for the caller to make.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Callable[[], Mapping[str, str]] = dict,
        tls: ClientTls | None = None,
        timeout: float = 10.0,
    ) -> None:
        import httpx  # noqa: PLC0415  60 ms

        self.url, self.timeout = url.rstrip("/"), timeout
        self._headers = headers
        self._client = httpx.Client(
            timeout=timeout,
            verify=_ssl_context(self.url, tls),
            follow_redirects=False,
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=16, keepalive_expiry=30.0),
            headers={"User-Agent": f"ws-deployment/{__version__}", "Accept": "application/json"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections; what is under way fails."""
        self._client.close()

    def query(self, promql: str) -> tuple[Sample, ...]:
        """The series that the query gives now; a scalar is one without labels.

        Raises QueryError for a faulty query, PrometheusError, PrometheusUnavailableError.
        """
        status, reason, body = self._post({"query": promql, "timeout": f"{self.timeout:g}s", **_WHOLE})
        told = _decoded(body)
        if status in _BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise self._unavailable(_server_words(told) or f"it answers {status} {reason}")
        if status in _CLOSED:
            raise self._refused(
                f"it answers {status} {reason}", "Check the credentials of `prometheus`, and what they allow."
            )
        if isinstance(told, dict) and told.get("errorType") in {"bad_data", "execution"}:
            raise _faulty(promql, _server_words(told))
        if status in range(300, 400):
            raise self._refused(f"it answers {status} {reason}", "Give the address that it leads to.")
        if status != HTTPStatus.OK or not isinstance(told, dict) or told.get("status") != "success":
            what = _server_words(told) or ("" if status == HTTPStatus.OK else f"it answers {status} {reason}")
            raise self._refused(
                what or "what it answers is not Prometheus' API", "Give the address that `/api/v1/query` comes behind."
            )
        return _samples(promql, told.get("data"))

    def _post(self, parameters: Mapping[str, str]) -> tuple[int, str, bytes]:
        """Status, its words, and the body. A server that drips its answer is cut off at the time limit too."""
        import httpx  # noqa: PLC0415  loaded by now

        end = time.monotonic() + self.timeout
        headers = dict(self._headers())
        try:
            with self._client.stream("POST", f"{self.url}/api/v1/query", data=parameters, headers=headers) as answer:
                body = bytearray()
                for chunk in answer.iter_bytes():
                    body += chunk
                    if len(body) > _LARGEST:
                        raise _faulty(parameters["query"], f"its answer is larger than {_LARGEST // 1_000_000} MB")
                    if time.monotonic() > end:
                        raise self._unavailable(f"no whole answer within {self.timeout:g} s")
                return answer.status_code, answer.reason_phrase, bytes(body)
        except httpx.TimeoutException:
            raise self._unavailable(f"no answer within {self.timeout:g} s") from None
        except (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL, ValueError):
            # Told without the library's words, which hold the header that it means.
            raise self._refused("its address or a header is malformed", "Mend what `prometheus` says.") from None
        except httpx.RequestError as error:
            raise self._not_reached(error) from None

    def _not_reached(self, error: httpx.RequestError) -> WsDeploymentError:
        why = redact(str(error)) or type(error).__name__
        if "certificate verify failed" in why:
            return self._refused(why, "Give the authority that signed its certificate as `tls.ca`.")
        return self._unavailable(why)

    def _unavailable(self, why: str) -> PrometheusUnavailableError:
        return PrometheusUnavailableError("asking Prometheus at", on=self.url, why=why)

    def _refused(self, why: str, remedy: str) -> PrometheusError:
        return PrometheusError("asking Prometheus at", on=self.url, why=why, remedy=remedy)


def _faulty(promql: str, why: str) -> QueryError:
    return QueryError("asking Prometheus for", on=" ".join(promql.split()), why=why, remedy="Mend the query.")


def _ssl_context(url: str, tls: ClientTls | None) -> ssl.SSLContext | bool:
    """What an https address is checked against. Raises PrometheusError where a file can't be used."""
    if not url.lower().startswith("https:"):
        return True
    try:
        context = ssl.create_default_context(cafile=str(tls.ca) if tls and tls.ca else None)
        if tls and tls.crt:
            context.load_cert_chain(tls.crt, tls.key)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(str(path) for path in (tls.ca, tls.crt, tls.key) if path) if tls else ""
        why = getattr(error, "strerror", None) or str(error)
        remedy = "They are PEM files; certificate and key are a pair, and the key has no passphrase."
        raise PrometheusError("reading the certificates", on=files, why=why, remedy=remedy) from error
    return context


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _server_words(told: Any) -> str:
    """What the server says of an error, on one line, without secrets."""
    said = told.get("error") if isinstance(told, dict) else None
    words = " ".join(redact(str(said)).split()) if said else ""
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _samples(promql: str, data: Any) -> tuple[Sample, ...]:
    kind = data.get("resultType") if isinstance(data, dict) else None
    try:
        if kind == "scalar":
            return (_sample({}, data["result"]),)
        if kind == "vector":
            return tuple(_sample(one["metric"], one["value"]) for one in data["result"])
    except (KeyError, TypeError, ValueError) as error:
        why = "it gives no plain numbers (native histograms need a function such as histogram_quantile)"
        raise _faulty(promql, why) from error
    kinds = {"matrix": "a range of values", "string": "a text"}
    raise _faulty(promql, f"it gives {kinds.get(str(kind), 'no result')}, not numbers of now")


def _sample(labels: Mapping[str, str], pair: tuple[float, str]) -> Sample:
    moment, value = pair
    return Sample(dict(labels), float(value), float(moment))
