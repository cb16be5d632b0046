"""How the report looks: light and dark by the reader's wish, on a telephone as on paper.

No colour says what no word does.
"""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--page:#fff;--card:#f6f8fa;--line:#d0d7de;--link:#0a53be;
--good:#1a7f37;--bad:#c21f2b;--warn:#8a5a00;--busy:#0a6cb8;--odd:#8250df;--none:#6e7781;
--new0:#0b6e99;--new1:#1a7f37;--new2:#6f42c1;--new3:#9a6700;--old0:#9aa4ae;--old1:#c0c7ce;--old2:#7d8791;--old3:#b3a394}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#a3adb8;--page:#0d1117;--card:#161b22;--line:#363d46;
--link:#79b8ff;--good:#4ac26b;--bad:#ff8182;--warn:#e3b341;--busy:#6cb6ff;--odd:#d2a8ff;--none:#8b949e;
--new0:#58b4dc;--new1:#4ac26b;--new2:#b794f4;--new3:#e3b341;--old0:#59626c;--old1:#3f464e;--old2:#727c87;--old3:#6b5f52}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:72rem;padding:1rem clamp(.75rem,3vw,2rem) 3rem;background:var(--page);color:var(--ink);
font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.25;margin:.5rem 0}
h2{font-size:1.25rem;margin:2.5rem 0 .75rem;padding-bottom:.25rem;border-bottom:1px solid var(--line)}
h3{font-size:1.05rem;margin:1.25rem 0 .5rem}h4{font-size:1rem;margin:0 0 .5rem}
a{color:var(--link)}a:focus-visible,[tabindex]:focus-visible,
summary:focus-visible{outline:2px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-999rem}.skip:focus{position:static}
.lead{font-size:1.1rem;margin:.25rem 0}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;list-style:none;padding:0;margin:.75rem 0}
code,pre{font:.875rem/1.45 ui-monospace,monospace}
code{background:var(--card);border:1px solid var(--line);border-radius:4px;padding:.05rem .3rem}
pre{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.75rem;overflow:auto;max-height:30rem;
overflow-wrap:normal}
pre .add{color:var(--good)}pre .del{color:var(--bad)}pre .mod{color:var(--warn)}
dl{margin:0;display:grid;gap:.25rem}dl div{display:grid;grid-template-columns:8.5rem 1fr;gap:.75rem}
dt{color:var(--soft)}dd{margin:0;white-space:pre-line}
.commands li{margin:.35rem 0}
.badge{font-weight:600;white-space:nowrap;color:var(--none)}
.badge.done{color:var(--good)}.badge.failed,.badge.refused{color:var(--bad)}.badge.running,.badge.queued{color:var(--busy)}
.badge.unknown{color:var(--odd)}
.badge.blocked,.badge.cancelled,.badge.interrupted,.badge.paused,.badge.rolled-back{color:var(--warn)}
.gantt{list-style:none;margin:0;padding:0}
.gantt li{display:grid;grid-template-columns:13rem 10rem 1fr;gap:.75rem;align-items:center;padding:.2rem 0;
border-bottom:1px solid var(--line)}
.track{position:relative;height:1.1rem;background:var(--card);border-radius:3px;overflow:hidden}
.bar{position:absolute;top:0;bottom:0;border-radius:2px;background:var(--none)}
.bar.done{background:var(--good)}.bar.failed,.bar.refused{background:var(--bad)}
.bar.running{background:var(--busy)}.bar.unknown{background:var(--odd)}
.bar.cancelled,.bar.blocked{background:var(--warn)}
.bar.wait{top:30%;bottom:30%;background:var(--page);opacity:.75}
.bar.gap{background:repeating-linear-gradient(45deg,var(--line) 0 3px,transparent 3px 7px)}
.scale{display:flex;justify-content:space-between;margin:0;color:var(--soft);font-size:.85rem}
#timeline>.scale{margin-left:24.5rem}
.note{color:var(--soft);font-size:.9rem}
figure{margin:0 0 1.5rem;display:grid;grid-template-columns:3.2rem 1fr;gap:0 .5rem}
figure>*{grid-column:2}figure>h3{grid-column:1/-1}
.ordinate{grid-column:1;grid-row:2;display:flex;flex-direction:column;justify-content:space-between;text-align:right;
color:var(--soft);font-size:.85rem}
figure svg{grid-row:2;width:100%;height:11rem;background:var(--card);border:1px solid var(--line)}
.grid{stroke:var(--page);stroke-width:1;stroke-dasharray:3 3;vector-effect:non-scaling-stroke;opacity:.7}
.area{stroke:var(--page);stroke-width:1;vector-effect:non-scaling-stroke}
.area.new0{fill:var(--new0)}.area.new1{fill:var(--new1)}.area.new2{fill:var(--new2)}.area.new3{fill:var(--new3)}
.area.old0{fill:var(--old0)}.area.old1{fill:var(--old1)}.area.old2{fill:var(--old2)}.area.old3{fill:var(--old3)}
.key{display:inline-block;width:.9rem;height:.9rem;border-radius:3px;margin-right:.4rem;vertical-align:-.1rem}
.key.new0{background:var(--new0)}.key.new1{background:var(--new1)}.key.new2{background:var(--new2)}
.key.new3{background:var(--new3)}.key.old0{background:var(--old0)}.key.old1{background:var(--old1)}
.key.old2{background:var(--old2)}.key.old3{background:var(--old3)}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:.5rem 0;padding:0}
.scroll{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;font-size:.9rem;min-width:100%}
caption{text-align:left;color:var(--soft);padding:.25rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--line);
overflow-wrap:normal;font-weight:400;min-width:4rem}
thead th{color:var(--soft)}
article{border:1px solid var(--line);border-radius:8px;padding:.75rem 1rem;margin:.75rem 0}
article.bad{border-color:var(--bad);border-left-width:4px}
summary{cursor:pointer;margin:.5rem 0}
footer{margin-top:3rem;color:var(--soft);font-size:.9rem}
@media (max-width:44rem){.gantt li{grid-template-columns:1fr auto}.track{grid-column:1/-1}
#timeline>.scale{margin-left:0}dl div{grid-template-columns:1fr;gap:0}dl{gap:.5rem}figure{grid-template-columns:1fr}
figure>*{grid-column:1}.ordinate{display:none}}
@media print{:root{color-scheme:light;--ink:#000;--page:#fff;--card:#f4f4f4;--soft:#444;--line:#bbb;--link:#000}
body{max-width:none;padding:0;font-size:10pt}nav,.skip{display:none}article,figure,.gantt li,tr{break-inside:avoid}
h2,h3,h4{break-after:avoid}pre{max-height:none;white-space:pre-wrap}.scroll{overflow:visible}
.bar,.area,.key{print-color-adjust:exact}details::details-content{content-visibility:visible;block-size:auto}
summary{list-style:none}}
"""
