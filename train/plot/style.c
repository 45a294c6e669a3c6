/* The CSS of pages and plots. Colours after Okabe and Ito 2008 (jfly.uni-koeln.de/color), darker on
 * white and lighter on black for a contrast of at least 3. */
#include <stddef.h>

#include "train/plot/html.h"

const char *const html_plot_style[] = {
    ":root{color-scheme:light dark;--paper:#fff;--panel:#f6f7f9;--ink:#1c2127;--soft:#5b6570;"
    "--line:#d5dae0;--warn:#c8102e;--c1:#0072b2;--c2:#d55e00;--c3:#00865f;--c4:#b0508c;"
    "--c5:#a87000;--c6:#1f8fcb;--c7:#6b5bd0;--c8:#7c7a00}\n",
    "@media(prefers-color-scheme:dark){:root{--paper:#14171b;--panel:#1c2025;--ink:#e4e8ec;"
    "--soft:#9aa5b1;--line:#343b43;--warn:#ff6b6b;--c1:#4fb0f0;--c2:#ff8f50;--c3:#33c997;"
    "--c4:#e894c8;--c5:#efb93f;--c6:#9bdcff;--c7:#b3a6ff;--c8:#dcd760}}\n",
    "svg{font:12px system-ui,sans-serif}\n",
    ".paper{fill:var(--paper)}.title{font-weight:600;font-size:14px}text{fill:var(--ink)}\n",
    ".grid text,.label{fill:var(--soft)}.grid path{fill:none;stroke:var(--line)}\n",
    ".grid .fine{opacity:.45}.grid .axis,.grid .tick{stroke:var(--soft)}\n",
    ".x{text-anchor:middle}.y,.end{text-anchor:end}\n",
    ".line,.error{fill:none;stroke:var(--c);stroke-width:170;stroke-linejoin:round;"
    "stroke-linecap:round}\n",
    ".line.faint{stroke-width:100;opacity:.38}.error{stroke-width:110}\n",
    ".band{fill:var(--c);opacity:.2;stroke:none}.band.faint{opacity:.1}\n",
    ".point{fill:var(--c);stroke:var(--paper);stroke-width:70}.point.faint{opacity:.4}\n",
    ".point.hollow{fill:var(--paper);stroke:var(--c);stroke-width:130}\n",
    ".dashed{stroke-dasharray:600 400}.turn1{stroke-dasharray:900 300 200 300}"
    ".turn2{stroke-dasharray:200 350}.point{stroke-dasharray:none}\n",
    ".mark{fill:var(--warn);stroke:var(--warn);stroke-width:90;stroke-opacity:.55}\n",
    ".c1{--c:var(--c1)}.c2{--c:var(--c2)}.c3{--c:var(--c3)}.c4{--c:var(--c4)}.c5{--c:var(--c5)}"
    ".c6{--c:var(--c6)}.c7{--c:var(--c7)}.c8{--c:var(--c8)}.ink{--c:var(--ink)}\n",
    NULL};

const char *const html_page_style[] = {
    "*{box-sizing:border-box}html{scroll-behavior:smooth}\n",
    "body{font:15px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--paper);"
    "max-width:76rem;margin:0 auto;padding:1.5rem 1.25rem 4rem;overflow-wrap:anywhere}\n",
    "h1{font-size:1.7rem;line-height:1.2;margin:.5rem 0 .3rem}h2{font-size:1.2rem;"
    "margin:2.4rem 0 .6rem}h3{font-size:1rem;margin:1.4rem 0 .4rem}\n",
    "p{margin:.5rem 0;max-width:52rem}a{color:var(--c1)}.soft{color:var(--soft)}\n",
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.2rem,1fr));gap:.7rem;"
    "margin:1.2rem 0}\n",
    ".tiles div{background:var(--panel);border-radius:8px;padding:.6rem .85rem}"
    ".tiles b{display:block;font-size:1.35rem;font-weight:600;line-height:1.35}"
    ".tiles span{color:var(--soft);font-size:.85rem}\n",
    ".plots{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:1rem 1.6rem}\n",
    "figure{margin:.4rem 0 .6rem;position:relative}figcaption{font-weight:600}"
    ".plot{display:block;width:100%;height:auto;touch-action:pan-y}\n",
    ".legend{display:flex;flex-wrap:wrap;gap:.1rem 1.1rem;font-size:.87rem;padding-left:.4rem}"
    ".key{width:22px;height:10px;margin-right:.4rem}\n",
    ".cursor{stroke:var(--soft);stroke-dasharray:3 3;pointer-events:none}"
    ".dot{fill:var(--c);stroke:var(--paper);pointer-events:none}\n",
    ".tip{position:fixed;z-index:9;pointer-events:none;background:var(--paper);color:var(--ink);"
    "border:1px solid var(--line);border-radius:6px;padding:.3rem .55rem;font-size:.84rem;"
    "max-width:26rem;box-shadow:0 3px 14px #0003}.tip i{display:inline-block;width:.75rem;"
    "height:.75rem;border-radius:50%;background:var(--c);margin-right:.45rem;"
    "vertical-align:-.08rem}.tip b{float:right;margin-left:1rem;font-variant-numeric:"
    "tabular-nums}\n",
    ".wide{overflow-x:auto}table{border-collapse:collapse;overflow-wrap:normal;font-size:.9rem;"
    "font-variant-numeric:tabular-nums}th,td{padding:.28rem .8rem .28rem 0;text-align:left;"
    "vertical-align:top;border-bottom:1px solid var(--line)}th{font-weight:600;"
    "color:var(--soft);white-space:nowrap}td.n,th.n{text-align:right}td.n,.whole{white-space:"
    "nowrap}"
    "tr.best td{font-weight:600}tbody tr:target{background:var(--panel)}\n",
    "td .swatch{display:inline-block;width:.75rem;height:.75rem;border-radius:50%;"
    "background:var(--c);margin-right:.5rem;vertical-align:-.05rem}\n",
    "pre,code{font-family:ui-monospace,monospace;font-size:.86rem}pre{background:var(--panel);"
    "border-radius:8px;padding:.8rem 1rem;overflow-x:auto;white-space:pre-wrap;margin:.5rem 0}\n",
    ".samples{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(22rem,100%),1fr));"
    "gap:.8rem}.samples pre{margin:0;height:100%}.prompt{color:var(--soft)}\n",
    "footer{margin-top:2.4rem;font-size:.85rem}"
    "details{margin:.5rem 0}summary{cursor:pointer;color:var(--soft)}\n",
    ".tag{border:1px solid currentColor;border-radius:4px;padding:0 .35rem;font-size:.8rem;"
    "white-space:nowrap}.warn{color:var(--warn)}\n",
    ".tabs{display:flex;flex-wrap:wrap;align-items:baseline}.tabs figure{order:9;"
    "flex:0 0 100%;display:none}.tabs label{margin:0 1rem 0 .3rem}"
    ".tabs input:checked+label{font-weight:600}.tabs input:nth-of-type(1):checked~"
    "figure:nth-of-type(1),.tabs input:nth-of-type(2):checked~figure:nth-of-type(2),"
    ".tabs input:nth-of-type(3):checked~figure:nth-of-type(3){display:block}\n",
    "@media(max-width:760px){.plots{grid-template-columns:minmax(0,1fr)}}\n",
    "@media(max-width:560px){.plot{font-size:19px}.plot .odd{display:none}"
    "body{padding:1rem .8rem 3rem}.tiles{grid-template-columns:repeat(2,1fr)}}\n",
    "@media print{details{display:block}figure{break-inside:avoid}}\n",
    NULL};
