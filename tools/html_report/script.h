// The script of a report: the values under the pointer, or at the place that the arrow keys go to. The page is whole without it.
#pragma once

namespace tessera::tools {

inline constexpr const char* kReportScript = R"js(
const charts = JSON.parse(document.getElementById("charts").textContent);
for (const figure of document.querySelectorAll(".chart")) {
  const chart = charts[figure.dataset.chart], svg = figure.querySelector("svg");
  const cursor = figure.querySelector(".cursor"), output = figure.querySelector("output");
  let shown = -1;
  const number = v => Math.abs(v) >= 0.001 && Math.abs(v) < 1e6 ? String(+v.toPrecision(4)) : v.toExponential(2);
  const show = i => {
    shown = i;
    const lines = chart.series.filter(s => s.values[i] !== null).map(s => s.name + "  " + number(s.values[i]));
    output.textContent = ["epoch " + chart.x[i], ...lines].join("\n");
    cursor.setAttribute("x1", chart.at[i]);
    cursor.setAttribute("x2", chart.at[i]);
    figure.classList.add("live");
    const scale = svg.clientWidth / svg.viewBox.baseVal.width, x = chart.at[i] * scale;
    const left = x + 12 + output.offsetWidth > svg.clientWidth ? x - 12 - output.offsetWidth : x + 12;
    output.style.left = left + "px";
  };
  const hide = () => { shown = -1; figure.classList.remove("live"); };
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    let nearest = 0;
    chart.at.forEach((at, i) => { if (Math.abs(at - x) < Math.abs(chart.at[nearest] - x)) nearest = i; });
    show(nearest);
  });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", event => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    show(Math.min(chart.x.length - 1, Math.max(0, shown < 0 ? chart.x.length - 1 : shown + step)));
  });
}
)js";

}  // namespace tessera::tools
