#!/usr/bin/env bash
# Records docs/pictures/run.svg from a real run: the second demo on a terminal of 100 columns, its final screen.
# Needs tmux, and a lab that has run once: make demo && docs/pictures/record.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
session=ws-deployment-record-$$ screen=$(mktemp)
trap 'tmux kill-session -t "$session" 2>/dev/null; rm -f "$screen"' EXIT
tmux new-session -d -s "$session" -x 100 -y 60 \
  "PS1='\$ ' .venv/bin/ws-deployment run -c configs/local.yaml; sleep 60"
until tmux capture-pane -p -t "$session" | grep -q 'full output'; do sleep 0.5; done
sleep 1
tmux capture-pane -e -p -t "$session" >"$screen"
HOME_SHOWN=${HOME_SHOWN:-$HOME} .venv/bin/python - "$screen" <<'PYTHON'
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

shown = Path(sys.argv[1]).read_text().rstrip().replace(os.environ["HOME_SHOWN"], "/home/you")
console = Console(record=True, width=100, file=open(os.devnull, "w"))
console.print(Text.from_ansi("$ ws-deployment run -c configs/local.yaml\n" + shown))
console.save_svg("docs/pictures/run.svg", title="ws-deployment")
PYTHON
