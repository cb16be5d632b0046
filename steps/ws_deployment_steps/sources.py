"""Files and folders that the config names: relative to the config, or in a git repository at a ref."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePosixPath

from ws_deployment.interfaces import StepContext


def local_inputs(sources: Iterable[str], context: StepContext) -> tuple[Path, ...]:
    """Those of `sources` that are files or folders of this machine; what is in a repository is found there again."""
    paths = (_path(source, context) for source in sources if not source.startswith("git::"))
    return tuple(path for path in paths if path.exists())


def located(source: str, context: StepContext) -> Path:
    """Where `source` is on this machine: a path, or `git::URL//path?ref=REF`, fetched into the cache.

    A path is given as it was when the run began, if the step says that it is one of its inputs; it need not exist.
    Raises GitError, TransientGitError, UsageError.
    """
    if not source.startswith("git::"):
        return context.input(_path(source, context))
    from ws_deployment.clients import git  # noqa: PLC0415  only where a config names a repository
    from ws_deployment.tools.folders import cache_home  # noqa: PLC0415  loaded when used

    repository = git.parse_source(source)
    assert repository is not None  # noqa: S101  it begins with git::
    log = None if context.dry_run else context.output
    whole = git.fetch(replace(repository, folder=""), cache_home() / "git", log=log, cancelled=context.cancelled)
    context.progress(f"{PurePosixPath(repository.folder).name or 'the repository'} at commit {whole.commit[:12]}")
    return whole.folder / repository.folder


def _path(source: str, context: StepContext) -> Path:
    return context.config_folder / Path(source).expanduser()
