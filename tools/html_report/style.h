// The style sheet of a report.
#pragma once

namespace tessera::tools {

inline constexpr const char* kReportStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #ffffff; --panel: #f5f6f8; --line: #d9dde3; --ink: #171b21; --soft: #56606d;
  --s0: #1d5fc4; --s1: #c2410c; --s2: #15803d; --bar: #1d5fc4; --good: #15803d; --busy: #a15c00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171c; --panel: #1d2229; --line: #363d47; --ink: #e8ebef; --soft: #a3adba;
    --s0: #7ab0ff; --s1: #ff9e64; --s2: #6fd08c; --bar: #4c8df0; --good: #6fd08c; --busy: #f0b35e;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 40px 24px 64px; max-width: 1160px; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
h1 { margin: 0; font-size: 30px; line-height: 1.2; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { margin: 48px 0 14px; font-size: 20px; }
h3 { margin: 26px 0 8px; font-size: 15px; color: var(--soft); font-weight: 600; }
p { margin: 6px 0; }
.over { color: var(--soft); font-size: 13px; text-transform: uppercase; letter-spacing: 0.08em; }
.soft { color: var(--soft); }
.state { display: inline-block; margin-left: 8px; padding: 1px 10px; border: 1px solid; border-radius: 99px; font-size: 13px; }
.state.done { color: var(--good); }
.state.busy { color: var(--busy); }
.note { padding: 12px 16px; border-left: 4px solid var(--busy); background: var(--panel); }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 26px 0 0; }
.tiles div { padding: 14px 16px; border-radius: 8px; background: var(--panel); }
.tiles dt { color: var(--soft); font-size: 13px; }
.tiles dd { margin: 0; font-size: 27px; font-weight: 600; font-variant-numeric: tabular-nums; }
.tiles small { display: block; color: var(--soft); font-size: 12px; font-weight: 400; }
.tiles .main { background: var(--s0); color: var(--paper); }
.tiles .main dt, .tiles .main small { color: inherit; }

figure { margin: 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 18px 24px; }
figcaption { margin-bottom: 6px; color: var(--soft); font-size: 14px; }
figcaption strong { margin-right: 8px; color: var(--ink); }
.chart { position: relative; }
.chart svg { display: block; width: 100%; overflow: visible; }
.chart .grid { stroke: var(--line); stroke-width: 1; }
.chart .tick { fill: var(--soft); font-size: 11.5px; }
.chart .end { text-anchor: end; }
.chart .middle { text-anchor: middle; }
.chart polyline { fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart .cursor { stroke: var(--soft); stroke-width: 1; visibility: hidden; }
.chart.live .cursor { visibility: visible; }
.chart output {
  position: absolute; top: 34px; left: 0; display: none; padding: 6px 10px; border: 1px solid var(--line); border-radius: 6px;
  background: var(--paper); font-size: 13px; white-space: pre; pointer-events: none; font-variant-numeric: tabular-nums;
}
.chart.live output { display: block; }
.s0 polyline { stroke: var(--s0); } .s0 circle { fill: var(--s0); } .key.s0::before { background: var(--s0); }
.s1 polyline { stroke: var(--s1); } .s1 circle { fill: var(--s1); } .key.s1::before { background: var(--s1); }
.s2 polyline { stroke: var(--s2); } .s2 circle { fill: var(--s2); } .key.s2::before { background: var(--s2); }
.key { margin-right: 12px; white-space: nowrap; }
.key::before { content: ""; display: inline-block; width: 14px; height: 3px; margin: 0 6px 3px 0; vertical-align: middle; }

.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { font-weight: 500; text-align: left; }
.figures { width: 100%; }
.figures th, .figures td { padding: 5px 10px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
.figures th:first-child { text-align: left; }
.figures thead th { color: var(--soft); font-size: 13px; }
.figures tfoot th, .figures tfoot td { border-bottom: 0; font-weight: 700; }
.figures .bars { width: 40%; min-width: 120px; }
.track { display: block; height: 14px; border-radius: 3px; background: var(--panel); }
.bar { display: block; height: 100%; border-radius: 3px; background: var(--bar); }
.swatch {
  display: inline-block; width: 13px; height: 13px; margin-right: 8px; border: 1px solid var(--soft); vertical-align: -1px;
}
.legend { margin: 0 0 18px; }
.legend span.item { display: inline-block; margin-right: 18px; white-space: nowrap; }
.history { margin-top: 0; }
.history table { width: 100%; border-spacing: 0; }
.history th { width: 1%; padding: 0 10px 0 0; font-size: 12px; color: var(--soft); white-space: nowrap; text-align: right; }
.history td { height: 17px; padding: 0; border: 1px solid var(--paper); background: var(--panel); }
.confusion { font-size: 13px; }
.confusion caption { padding-bottom: 8px; color: var(--soft); text-align: left; white-space: nowrap; }
.confusion thead th { padding: 4px; vertical-align: bottom; }
.confusion thead span { writing-mode: vertical-rl; transform: rotate(180deg); white-space: nowrap; }
.confusion tbody th { padding-right: 10px; text-align: right; white-space: nowrap; }
.confusion tbody td { min-width: 56px; height: 34px; border: 1px solid var(--line); text-align: center; }

.example { margin-bottom: 18px; break-inside: avoid; }
.panels { display: grid; grid-template-columns: repeat(4, 1fr); gap: 8px; }
.panels img { display: block; width: 100%; height: auto; image-rendering: pixelated; }
.panels span { color: var(--soft); font-size: 12px; }
@media (max-width: 640px) { .panels { grid-template-columns: repeat(2, 1fr); } }

.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); column-gap: 40px; }
.facts div { display: flex; justify-content: space-between; gap: 16px; padding: 4px 0; border-bottom: 1px solid var(--line); }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; text-align: right; overflow-wrap: anywhere; }
pre {
  padding: 12px 16px; border-radius: 8px; background: var(--panel); font-size: 13px; white-space: pre-wrap;
  overflow-wrap: anywhere;
}
details { margin-top: 18px; }
summary { cursor: pointer; color: var(--soft); }
footer { margin-top: 56px; color: var(--soft); font-size: 13px; }

@media print {
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  @page { margin: 14mm; }
  body { padding: 0; max-width: none; font-size: 11px; }
  .charts { grid-template-columns: 1fr 1fr; }
  .tiles { grid-template-columns: repeat(6, 1fr); gap: 6px; }
  .tiles div { padding: 8px 10px; }
  .tiles dd { font-size: 17px; }
  h2 { break-after: avoid; }
  .chart, tr, .tiles div { break-inside: avoid; }
  details { display: none; }
}
)css";

}  // namespace tessera::tools
