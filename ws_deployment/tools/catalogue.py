"""Which programs the project needs, which versions fit, and which pinned Go module builds each. Data alone."""

from __future__ import annotations

from dataclasses import dataclass

Version = tuple[int, ...]


@dataclass(frozen=True)
class Tool:
    """A program by the name that the project calls it.

    `programs` are the file names that will do, the preferred one first. `version_argv` makes it tell its version.
    `at_least` fits, `below` does not. `recipe` names the Go module that builds it. Tools of one `family` must be of
    the same minor version to work together.
    """

    name: str
    programs: tuple[str, ...]
    version_argv: tuple[str, ...]
    at_least: Version
    recipe: str
    below: Version = ()
    family: str = ""


#: The controller manager and the scheduler must not be newer than the API server, nor much older
#: (https://kubernetes.io/releases/version-skew-policy/).
_CONTROL_PLANE = "control plane"

TOOLS = {
    tool.name: tool
    for tool in (
        Tool("etcd", ("etcd",), ("--version",), (3, 5), "kubernetes"),
        Tool("kube-apiserver", ("kube-apiserver",), ("--version",), (1, 33), "kubernetes", family=_CONTROL_PLANE),
        Tool(
            "kube-controller-manager",
            ("kube-controller-manager",),
            ("--version",),
            (1, 33),
            "kubernetes",
            family=_CONTROL_PLANE,
        ),
        Tool("kube-scheduler", ("kube-scheduler",), ("--version",), (1, 33), "kubernetes", family=_CONTROL_PLANE),
        Tool("kubectl", ("kubectl",), ("version", "--client"), (1, 33), "kubernetes"),
        Tool("kwok", ("kwok",), ("--version",), (0, 7), "kubernetes"),
        Tool("helm", ("helm",), ("version", "--short"), (4, 0), "kubernetes", below=(5,)),
        # 1.6 is the first with `terraform_data` outputs as the modules use them in both programs.
        Tool("terraform", ("terraform", "tofu"), ("version",), (1, 6), "opentofu", below=(2,)),
        # The flags and the configuration that the lab uses are the same in both major versions.
        Tool("prometheus", ("prometheus",), ("--version",), (2, 45), "prometheus", below=(4,)),
    )
}

#: What one cluster of the lab runs.
CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
