"""Options that say where releases and clusters are, and what is opened by them; for `release` and `upgrade`."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ws_deployment.errors import UsageError
from ws_deployment.releases import marks

if TYPE_CHECKING:
    from ws_deployment.clients.kube import Kube
    from ws_deployment.releases.catalogue import Catalogue
    from ws_deployment.releases.definition import Definition, Entry
    from ws_deployment.releases.gathering import Management
    from ws_deployment.releases.planning import Wishes

ReleasesFolder = Annotated[
    Path | None,
    typer.Option(
        "--releases",
        envvar="WS_DEPLOYMENT_RELEASES",
        metavar="FOLDER",
        help="A folder that has one folder a release; default: the management cluster's ConfigMaps.",
    ),
]
Kubeconfig = Annotated[
    Path | None, typer.Option(metavar="FILE", help="How the management cluster is reached; default: as kubectl does.")
]
Context = Annotated[str | None, typer.Option(metavar="NAME", help="The kubeconfig's context.")]
Namespace = Annotated[
    str, typer.Option("--namespace", "-n", metavar="NAME", help="Of clusters that are named without one.")
]
Label = Annotated[
    str, typer.Option("--label", envvar="WS_DEPLOYMENT_RELEASE_LABEL", help="The label of a Cluster with its release.")
]
DefinitionFile = Annotated[
    Path | None, typer.Option("--definition", metavar="FILE", help="Mutable fields, laid over the release's own.")
]
Answers = Annotated[
    list[str] | None,
    typer.Option(
        "--answer",
        metavar="[KIND:]PATH=overwrite|keep",
        help="Decide what the definition asks about. Can be given several times.",
    ),
]
_ANSWER = re.compile(r"(?:(?P<kind>[A-Z]\w*):)?(?P<path>.+)=(?P<policy>overwrite|keep)")


@dataclass(frozen=True)
class Place:
    """Where releases and clusters are."""

    releases: Path | None = None
    kubeconfig: Path | None = None
    context: str | None = None
    label: str = marks.RELEASE

    def kube(self) -> Kube:
        """The management cluster's API."""
        from ws_deployment.clients.kube import Kube  # noqa: PLC0415  loaded when used

        # The library joins several files that the variable names.
        default = Path(os.environ.get("KUBECONFIG") or "~/.kube/config")
        return Kube((self.kubeconfig or default).expanduser(), self.context)

    def catalogue(self, kube: Kube | None = None) -> Catalogue:
        """The releases. Faulty ones are told on stderr."""
        from ws_deployment.releases.loader import load_catalogue, load_config_maps  # noqa: PLC0415  loaded when used

        if self.releases is not None:
            found = load_catalogue(self.releases)
        else:
            maps = (kube or self.kube()).list("v1", "ConfigMap", selector={marks.RELEASE: ()})
            found = load_config_maps(maps, "the management cluster's ConfigMaps")
        for source, faults in found.faulty.items():
            told = f"{len(faults)} fault{'s' * (len(faults) != 1)}, first: {faults[0].where or ''} {faults[0].message}"
            print(f"{source} is left out: {told}", file=sys.stderr)
        return found

    def management(self) -> Management:
        """The management cluster with the releases."""
        from ws_deployment.releases.gathering import Management  # noqa: PLC0415  loaded when used

        kube = self.kube()
        return Management(kube, self.catalogue(kube), self.label)


def wishes(definition: Path | None, answers: list[str] | None) -> Wishes:
    """How upgrades are to be planned. Raises typer.Exit for a faulty definition, UsageError for a faulty answer."""
    from ws_deployment.releases.planning import Wishes  # noqa: PLC0415  loaded when used

    found = tuple(map(_answer, answers or ()))
    return Wishes(_definition(definition), found) if definition else Wishes(answers=found)


def asked(definition: Path | None, answers: list[str] | None, present: str) -> dict[str, Any]:
    """How plans were asked for, as JSON values that go with them; `asked_again` reads them."""
    text = definition.read_text("utf-8") if definition else ""
    return {"answers": answers or [], "definition": text, "from": present}


def asked_again(how: Mapping[str, Any]) -> tuple[str, Wishes]:
    """The present release (empty: the label's) and the wishes that a plan was asked for with."""
    with tempfile.TemporaryDirectory() as folder:
        definition = Path(folder) / "definition.yaml" if how.get("definition") else None
        if definition is not None:
            definition.write_text(how["definition"], "utf-8")
        return how.get("from", ""), wishes(definition, how.get("answers"))


def _definition(path: Path) -> Definition:
    from ws_deployment.cli.exit_codes import ExitCode  # noqa: PLC0415  loaded when used
    from ws_deployment.cli.options import wants_colour  # noqa: PLC0415  loaded when used
    from ws_deployment.config.faults import render  # noqa: PLC0415  loaded when used
    from ws_deployment.releases.loader import load_definition  # noqa: PLC0415  loaded when used

    definition, faults = load_definition(path)
    if definition is None:
        print(render(faults, colour=wants_colour(sys.stderr)), file=sys.stderr)
        raise typer.Exit(ExitCode.USAGE)
    return definition


def _answer(text: str) -> Entry:
    from ws_deployment.releases.definition import ANY_KIND, Entry, Policy  # noqa: PLC0415  loaded when used
    from ws_deployment.releases.patterns import Pattern  # noqa: PLC0415  loaded when used

    found = _ANSWER.fullmatch(text)
    remedy = "As --answer KubeadmControlPlane:spec.replicas=keep"
    if not found:
        raise UsageError("reading", on=f"--answer {text}", why="it has to end in =overwrite or =keep", remedy=remedy)
    try:
        return Entry(found["kind"] or ANY_KIND, Pattern.of(found["path"]), Policy(found["policy"]), "an answer")
    except ValueError as error:
        raise UsageError("reading", on=f"--answer {text}", why=str(error), remedy=remedy) from error


def split_name(text: str, namespace: str) -> tuple[str, str]:
    """Namespace and name of a cluster that is given as `name` or `namespace/name`."""
    space, _, name = text.rpartition("/")
    return space or namespace, name
