#include "report/page_style.h"

namespace cambium::report {

const char* const page_style = R"css(
:root{color-scheme:light dark;
--sans:"Inter",system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Noto Sans","DejaVu Sans",sans-serif;
--mono:ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;
--page:#f7f8fa;--surface:#fff;--ink:#1c2430;--muted:#5b6675;--line:#e1e5ea;--grid:#e8ebef;--axis:#98a2ae;--edge:#b9c2cd;--disc:#f6f8fb;
--plate:#fff;--accent:#2468b4;--yes:#0f6b4f;--yes-bg:#dcf3ea;--no:#9c2f12;--no-bg:#fde6de;
--c0:#2468b4;--c1:#c8581a;--c2:#178a68;--c3:#8a4fc0;--c4:#9a6f00;--c5:#c2326e;--c6:#1f7f92;--c7:#6b7280}
@media (prefers-color-scheme:dark){:root{
--page:#12161c;--surface:#1a2029;--ink:#e8ecf1;--muted:#a3aebb;--line:#2c3541;--grid:#2a323d;--axis:#66717f;--edge:#4b5766;--disc:#151b23;
--plate:#eef1f5;--accent:#7db3f0;--yes:#7fdcb8;--yes-bg:#12382c;--no:#ffab8f;--no-bg:#47210f;
--c0:#6ea8ee;--c1:#f0935a;--c2:#4cc79d;--c3:#bd92f0;--c4:#dcb64a;--c5:#f07aa8;--c6:#5cc3d6;--c7:#a3aebb}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-behavior:smooth}
@media (prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.6 var(--sans);font-feature-settings:"kern","liga";overflow-wrap:break-word}
.top,main,footer{max-width:1120px;margin:0 auto;padding:0 24px}
.top{padding-top:56px;padding-bottom:8px}
h1{font-size:clamp(28px,4.2vw,42px);line-height:1.12;letter-spacing:-.022em;margin:0 0 12px;font-weight:750;text-wrap:balance}
.lead{font-size:clamp(17px,1.8vw,20px);line-height:1.5;color:var(--muted);margin:0 0 20px;max-width:46em}
nav ol{display:flex;flex-wrap:wrap;gap:6px 22px;list-style:none;padding:14px 0 0;margin:0;border-top:1px solid var(--line);font-size:14.5px}
a{color:var(--accent);text-decoration-thickness:1px;text-underline-offset:3px}
nav a{text-decoration:none}
nav a:hover,nav a:focus-visible{text-decoration:underline}
.skip{position:absolute;left:-999px}
.skip:focus{left:12px;top:12px;background:var(--surface);padding:8px 12px;border-radius:6px;z-index:1}
:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:4px}
main>section{margin:44px 0 0}
h2{font-size:25px;line-height:1.25;letter-spacing:-.014em;margin:0 0 12px;font-weight:700}
h3{font-size:18px;line-height:1.35;margin:30px 0 8px;font-weight:650}
p,ul{max-width:46em;margin:0 0 14px}
code{font:.9em var(--mono);background:var(--line);padding:.1em .35em;border-radius:4px}
pre{background:var(--surface);border:1px solid var(--line);border-radius:10px;padding:14px 16px;overflow-x:auto;margin:14px 0}
pre code{background:none;padding:0;font-size:13.5px}
.note{border-left:3px solid var(--accent);padding:2px 0 2px 14px;color:var(--muted)}
.small{font-size:13.5px;color:var(--muted);margin:6px 0 18px}
figure{margin:18px 0;background:var(--surface);border:1px solid var(--line);border-radius:14px;padding:20px}
figure svg{display:block;width:100%;height:auto;margin:0 auto}
figure svg.chart{max-width:660px}
figure svg.disc{max-width:860px}
figcaption{font-size:14px;line-height:1.5;color:var(--muted);margin-top:12px;max-width:60em}
.row{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:18px;margin:18px 0}
.row figure{margin:0}
.scroll{overflow-x:auto;margin:18px 0 8px;background:var(--surface);border:1px solid var(--line);border-radius:14px;padding:8px 20px}
table{border-collapse:collapse;width:100%;font-size:15px;line-height:1.4}
caption{text-align:left;font-weight:650;padding:10px 0 8px}
th,td{padding:8px 18px 8px 0;text-align:left;vertical-align:baseline;border-bottom:1px solid var(--line)}
th:last-child,td:last-child{padding-right:0}
tbody tr:last-child>*{border-bottom:0}
thead th{font-size:13px;font-weight:600;color:var(--muted);white-space:nowrap}
tbody th{font-weight:500}
.unit{font-weight:400}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.claims td:nth-child(2){min-width:22em;max-width:38em}
.claims td:last-child{color:var(--muted);font-size:13.5px}
.mark{display:inline-block;min-width:3.2em;text-align:center;font-size:13px;font-weight:650;border-radius:99px;padding:1px 10px}
.mark::before{margin-right:4px}
.yes{color:var(--yes);background:var(--yes-bg)}.yes::before{content:"\2713"}
.no{color:var(--no);background:var(--no-bg)}.no::before{content:"\2717"}
.facts{display:flex;flex-wrap:wrap;gap:1px;background:var(--line);border:1px solid var(--line);
border-radius:14px;overflow:hidden;margin:18px 0}
.facts div{flex:1 1 150px;background:var(--surface);padding:16px 18px}
dt{font-size:13px;color:var(--muted)}
dd{margin:2px 0 0;font-size:25px;font-weight:680;letter-spacing:-.015em;font-variant-numeric:tabular-nums;line-height:1.25}
dd small{display:block;font-size:13px;font-weight:400;letter-spacing:0;color:var(--muted);margin-top:2px}
.gallery{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,calc(var(--size) + 16px)),1fr));gap:14px 10px;list-style:none;margin:0;padding:0;max-width:none}
.gallery li{display:flex;flex-direction:column;align-items:center;gap:6px;text-align:center;font-size:13px;line-height:1.3}
.gallery img,.paths img{background:var(--plate);border-radius:10px;padding:4px;max-width:100%;object-fit:contain;border:1px solid var(--line)}
.paths{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr));gap:18px}
.paths article{display:grid;grid-template-columns:108px minmax(0,1fr);gap:18px;border:1px solid var(--line);border-radius:12px;padding:16px;background:var(--page)}
.paths header{display:flex;flex-direction:column;gap:8px;font-size:13.5px;font-weight:650;line-height:1.3;hyphens:auto}
.paths img{width:100%;height:auto}
.models{display:grid;grid-auto-flow:column;grid-auto-columns:minmax(0,1fr);gap:16px}
.models h4{font-size:12.5px;font-weight:650;letter-spacing:.02em;margin:0 0 6px;color:var(--c0)}
.models section:nth-child(2) h4{color:var(--c1)}
.models section:nth-child(3) h4{color:var(--c2)}
.models ol{list-style:none;margin:0;padding:0;font-size:14px;line-height:1.35}
.models li{position:relative;padding:0 0 9px 18px}
.models li::before{content:"";position:absolute;left:2px;top:6px;width:7px;height:7px;border-radius:50%;background:var(--axis)}
.models li:not(:last-child)::after{content:"";position:absolute;left:5px;top:15px;bottom:-5px;width:1px;background:var(--axis)}
.models .root{color:var(--muted);font-style:italic;padding-bottom:0}
.models .root::before{background:none;border:1.5px solid var(--muted);width:8px;height:8px}
footer{margin-top:56px;padding-top:18px;padding-bottom:48px;font-size:13.5px;color:var(--muted)}
@media (max-width:520px){.paths article{grid-template-columns:64px minmax(0,1fr);gap:12px;padding:12px}.top,main,footer{padding-left:14px;padding-right:14px}figure,.scroll{padding:12px;border-radius:10px}.top{padding-top:32px}}
@media print{:root{--page:#fff}body{font-size:11pt}nav,.skip{display:none}figure,.scroll,article{break-inside:avoid}}
)css";

}  // namespace cambium::report
