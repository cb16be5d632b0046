"""How the report looks: light and dark by the reader's wish, on a telephone as on paper.

No colour says what no word does.
"""

from __future__ import annotations

STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--page:#fff;--card:#f6f8fa;--line:#d0d7de;--link:#0a53be;
--good:#1a7f37;--bad:#c21f2b;--warn:#8a5a00;--busy:#0a6cb8;--odd:#8250df;--bad-fill:#c21f2b;--none:#6e7781;
--new0:#0b6e99;--new1:#c2610c;--new2:#6f42c1;--new3:#0f766e;--new4:#b3336b;--new5:#7a7200;--old0:#9aa4ae;--old1:#c0c7ce;--old2:#7d8791;--old3:#b3a394}
@media (prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#a3adb8;--page:#0d1117;--card:#161b22;--line:#363d46;
--link:#79b8ff;--good:#4ac26b;--bad:#ff8182;--warn:#e3b341;--busy:#6cb6ff;--odd:#d2a8ff;--bad-fill:#b3262f;--none:#8b949e;
--new0:#58b4dc;--new1:#f0a35e;--new2:#b794f4;--new3:#4fd1c5;--new4:#f783ac;--new5:#cfc05a;--old0:#59626c;--old1:#3f464e;--old2:#727c87;--old3:#6b5f52}}
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
.badge.done,.badge.success{color:var(--good)}.badge.failed,.badge.refused,.badge.turned-back{color:var(--bad)}.badge.running,.badge.queued{color:var(--busy)}
.badge.inconclusive{color:var(--warn)}.badge.unknown,.badge.error{color:var(--odd)}
.badge.blocked,.badge.cancelled,.badge.interrupted,.badge.paused,.badge.rolled-back{color:var(--warn)}
.gantt{list-style:none;margin:0;padding:0}
.gantt li{display:grid;grid-template-columns:13rem 10rem 1fr;gap:.75rem;align-items:center;padding:.2rem 0;
border-bottom:1px solid var(--line)}
.track{position:relative;height:1.1rem;background:var(--card);border-radius:3px;overflow:hidden}
.bar{position:absolute;top:0;bottom:0;border-radius:2px;background:var(--none)}
.bar.done,.bar.success{background:var(--good)}.bar.failed,.bar.refused,.bar.turned-back{background:var(--bad)}
.bar.running{background:var(--busy)}.bar.unknown,.bar.error{background:var(--odd)}
.bar.cancelled,.bar.blocked,.bar.inconclusive{background:var(--warn)}
.bar.wait{top:30%;bottom:30%;background:var(--page);opacity:.75}
.bar.gap{background:repeating-linear-gradient(45deg,var(--line) 0 3px,transparent 3px 7px)}
.scale{position:relative;display:flex;justify-content:space-between;margin:.15rem 0 0;
color:var(--soft);font-size:.85rem}
.tick{position:absolute;transform:translateX(-50%)}
.track .turn{position:absolute;top:0;bottom:0;width:2px;margin-left:-1px;background:var(--bad)}
#timeline>.scale{margin-left:24.5rem}
.note{color:var(--soft);font-size:.9rem}
figure{margin:0 0 2.25rem}figure .note{margin:0 0 .5rem}
.chart{display:grid;grid-template-columns:3.6rem 1fr;gap:.25rem .6rem}
.chart>.scale{grid-column:2}
.plot{position:relative}
.plot svg{display:block;width:100%;height:13rem;background:var(--card);border:1px solid var(--line);border-radius:4px}
#gates .plot svg{height:9rem}
.ordinate{position:relative;color:var(--soft);font-size:.8rem}
.ordinate span{position:absolute;right:0;transform:translateY(-50%);white-space:nowrap}
.rowname{color:var(--soft);font-size:.8rem;line-height:1.1rem;text-align:right;overflow:hidden;text-overflow:ellipsis;
white-space:nowrap}
.chart .track .bar{color:var(--page);font-size:.75rem;line-height:1.1rem;text-align:center;font-weight:700;
border-right:1px solid var(--page)}
.chart .track .bar.success{background:color-mix(in srgb,var(--good) 28%,var(--card));color:var(--good)}
.chart .track .bar.inconclusive{background:color-mix(in srgb,var(--warn) 32%,var(--card));color:var(--warn)}
.words{position:absolute;inset:0;pointer-events:none;font-size:.75rem;font-weight:600;overflow:hidden}
.word{position:absolute;left:.35rem;transform:translateY(-110%);padding:0 .25rem;border-radius:3px;
background:color-mix(in srgb,var(--card) 80%,transparent)}
.word.good{color:var(--good)}.word.bad{color:var(--bad)}
.word.turn{color:#fff;background:var(--bad-fill);top:.25rem;left:auto;transform:none;margin:0 .3rem}
.plot svg *{vector-effect:non-scaling-stroke}
.grid{stroke:var(--line);stroke-width:1;opacity:.55}
#traffic .grid{stroke:var(--page);stroke-dasharray:2 3;opacity:.6}
.turn{stroke:var(--bad);stroke-width:2}
.area{stroke:var(--page);stroke-width:1.5}
.line{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.line.halo{stroke:var(--page);stroke-width:4;opacity:.75}.line.seen{stroke:var(--ink);stroke-width:1.25}
.dots{fill:none;stroke-linecap:round}
.dots.seen{stroke:var(--ink);stroke-width:4}
.dots.inconclusive{stroke:var(--warn);stroke-width:3.5}.dots.failed{stroke:var(--bad);stroke-width:9}
.limit{fill:none;stroke-width:1.5;stroke-dasharray:6 4}.limit.good{stroke:var(--good)}.limit.bad{stroke:var(--bad)}
.line.limit{stroke-width:1.5}
.line.baseline{stroke:var(--none);stroke-width:1.5;stroke-dasharray:2 3}
.area.new0{fill:var(--new0)}.line.new0{stroke:var(--new0)}.key.new0{background:var(--new0)}
.area.new1{fill:var(--new1)}.line.new1{stroke:var(--new1)}.key.new1{background:var(--new1)}
.area.new2{fill:var(--new2)}.line.new2{stroke:var(--new2)}.key.new2{background:var(--new2)}
.area.new3{fill:var(--new3)}.line.new3{stroke:var(--new3)}.key.new3{background:var(--new3)}
.area.new4{fill:var(--new4)}.line.new4{stroke:var(--new4)}.key.new4{background:var(--new4)}
.area.new5{fill:var(--new5)}.line.new5{stroke:var(--new5)}.key.new5{background:var(--new5)}
.area.old0{fill:var(--old0)}.line.old0{stroke:var(--old0)}.key.old0{background:var(--old0)}
.area.old1{fill:var(--old1)}.line.old1{stroke:var(--old1)}.key.old1{background:var(--old1)}
.area.old2{fill:var(--old2)}.line.old2{stroke:var(--old2)}.key.old2{background:var(--old2)}
.area.old3{fill:var(--old3)}.line.old3{stroke:var(--old3)}.key.old3{background:var(--old3)}
.key{display:inline-block;width:.9rem;height:.9rem;border-radius:3px;margin-right:.4rem;vertical-align:-.1rem}
.key.seen{height:0;border-top:2px solid var(--ink);border-radius:0;vertical-align:.25rem;width:1.4rem}
.key.baseline,.key.limit{height:0;border-top:2px dashed var(--none);border-radius:0;vertical-align:.25rem;width:1.4rem}
.key.limit{border-top-color:var(--bad)}
.legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;margin:.5rem 0;padding:0}
.scroll{overflow-x:auto;margin:.5rem 0}
table{border-collapse:collapse;font-size:.9rem;min-width:100%}
caption{text-align:left;color:var(--soft);padding:.25rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .75rem .3rem 0;border-bottom:1px solid var(--line);
overflow-wrap:normal;font-weight:400;min-width:4rem}
tbody th{min-width:8.5rem}thead th{color:var(--soft)}
article{border:1px solid var(--line);border-radius:8px;padding:.75rem 1rem;margin:.75rem 0}
article>h3:first-child{margin-top:0}
article.bad{border-color:var(--bad);border-left-width:4px}
summary{cursor:pointer;margin:.5rem 0}
footer{margin-top:3rem;color:var(--soft);font-size:.9rem}
@media (max-width:44rem){.gantt li{grid-template-columns:1fr auto}.gantt .track{grid-column:1/-1}
#timeline>.scale{margin-left:0}dl div{grid-template-columns:1fr;gap:0}dl{gap:.5rem}
.chart{grid-template-columns:2.6rem 1fr;gap:.25rem .4rem}.ordinate,.rowname{font-size:.7rem}.tick.thin{display:none}}
@media print{:root{color-scheme:light;--ink:#000;--page:#fff;--card:#f4f4f4;--soft:#444;--line:#bbb;--link:#000}
body{max-width:none;padding:0;font-size:10pt}nav,.skip{display:none}article,figure,.gantt li,tr{break-inside:avoid}
h2,h3,h4{break-after:avoid}pre{max-height:none;white-space:pre-wrap}.scroll{overflow:visible}
.bar,.area,.key,.line,.dots,.word,.track .turn{print-color-adjust:exact}
details::details-content{content-visibility:visible;block-size:auto}
summary{list-style:none}}
"""
