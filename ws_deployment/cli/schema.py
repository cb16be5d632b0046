"""`schema`: the JSON Schema of the config, with the parameters of every installed step."""

from __future__ import annotations

import json

from ws_deployment.config.schema import json_schema


def command() -> None:
    """Print the JSON Schema of the config, with the parameters of every installed step.

    Editors complete and check from it: write it to a file, and name that in the config's first line, as
    `# yaml-language-server: $schema=ws-deployment.schema.json`.
    """
    from ws_deployment.engine import plugins  # noqa: PLC0415  loads every step

    parameters = {name: plugins.step(name).parameters_model for name in plugins.installed(plugins.STEPS)}
    print(json.dumps(json_schema(parameters), indent=2))
