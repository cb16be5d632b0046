"""How clusters are named: pure rules from environment, prefix, id and region to every name a cluster bears.

The rule of regions is total and reversible: the continent is shortened, the rest stays
(`europe-west1` and `eu-west1`); a region of an unknown continent stays as it is.
"""

from __future__ import annotations

#: Long and short word for each continent that Google Cloud regions begin with; asia, us, me and africa stay.
CONTINENTS = {"europe": "eu", "northamerica": "na", "southamerica": "sa", "australia": "au"}
_LONG = {short: long for long, short in CONTINENTS.items()}
_ENVIRONMENTS = {"production": "prod", "staging": "stag"}

#: Longest name of a GKE cluster, in characters (Google Kubernetes Engine's API reference, `Cluster.name`).
LONGEST_GKE_NAME = 40
#: Ids that a cluster can bear.
IDS = range(1, 1000)


def short_region(region: str) -> str:
    """`eu-west1` for `europe-west1`; regions of a continent without a short word stay."""
    continent, dash, rest = region.partition("-")
    return f"{CONTINENTS.get(continent, continent)}{dash}{rest}"


def long_region(short: str) -> str:
    """`europe-west1` for `eu-west1`: the inverse of `short_region`."""
    continent, dash, rest = short.partition("-")
    return f"{_LONG.get(continent, continent)}{dash}{rest}"


def short_name(prefix: str, cluster_id: int) -> str:
    """`eu17`: the name of the registration at the meta cluster."""
    return f"{prefix}{cluster_id}"


def cloud_name(environment: str, prefix: str, cluster_id: int, region: str) -> str:
    """`gp-prod-ws-eu17-eu-west1`: the name of the cluster in the cloud."""
    return f"gp-{_ENVIRONMENTS[environment]}-ws-{prefix}{cluster_id}-{short_region(region)}"


def host(prefix: str, cluster_id: int, dns_zone: str) -> str:
    """`ws-eu17.gitpod.io`: the host name below the project's DNS zone."""
    return f"ws-{prefix}{cluster_id}.{dns_zone}"


def metrics_label(environment: str, name: str) -> str:
    """`prod-ws-eu17`: the value of the label `cluster` in metrics, for a short name."""
    return f"{_ENVIRONMENTS[environment]}-ws-{name}"
