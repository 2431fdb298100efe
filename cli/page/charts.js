// SPDX-License-Identifier: Apache-2.0
'use strict';
// The three charts, drawn by Chart.js. Colours are Okabe and Ito's: told apart by readers who see few.

const charts = {};
const dark = () => matchMedia('(prefers-color-scheme: dark)').matches;
const colours = () => dark()
  ? {ink: '#e6e9ec', grid: '#333c45', ideal: '#9aa4ae', line: '#56B4E9', band: 'rgba(86,180,233,.25)', second: '#E69F00', secondBand: 'rgba(230,159,0,.2)'}
  : {ink: '#1b1f24', grid: '#e1e5ea', ideal: '#777777', line: '#0072B2', band: 'rgba(0,114,178,.2)', second: '#B34E00', secondBand: 'rgba(213,94,0,.18)'};
const PARTS = [['serial_s', 'serial', '#8c8c8c'], ['compute_s', 'compute', '#0072B2'], ['noise_s', 'noise', '#56B4E9'],
  ['straggler_s', 'stragglers', '#D55E00'], ['imbalance_s', 'imbalance', '#E69F00'], ['exposed_comm_s', 'exposed communication and waiting', '#CC79A7']];

const powers = (value) => {
  const e = Math.log2(value);
  return Math.abs(e - Math.round(e)) < 1e-9 ? value.toLocaleString('en-US') : '';
};
const powersOfTwo = (axis) => {
  const first = Math.ceil(Math.log2(axis.min) - 1e-9), last = Math.floor(Math.log2(axis.max) + 1e-9);
  const stride = Math.max(1, Math.ceil((last - first) / 8));
  axis.ticks = [];
  for (let e = first; e <= last; e += stride) axis.ticks.push({value: Math.pow(2, e)});
};
const logTwo = (title, c) => ({type: 'logarithmic', title: {display: true, text: title, color: c.ink}, grid: {color: c.grid},
  ticks: {color: c.ink, callback: powers, maxRotation: 0}, afterBuildTicks: powersOfTwo});

function draw(id, type, data, options) {
  if (charts[id]) charts[id].destroy();
  charts[id] = new Chart(document.getElementById(id), {type, data, options: Object.assign(
    {animation: false, responsive: true, maintainAspectRatio: false, normalized: true}, options)});
}

const bandOf = (label, low, high, colour) => [
  {label: label + ' low', data: low, borderWidth: 0, pointRadius: 0, fill: false, hidden: false, inLegend: false},
  {label, data: high, borderWidth: 0, pointRadius: 0, backgroundColor: colour, pointStyle: 'rect', fill: '-1', inLegend: true}];
const lineOf = (label, data, colour, extra) => Object.assign({label, data, borderColor: colour, backgroundColor: colour,
  borderWidth: 2, pointRadius: 0, pointStyle: 'line', fill: false, inLegend: true}, extra);
const legend = (c) => ({position: 'bottom', labels: {color: c.ink, usePointStyle: true, pointStyleWidth: 28, filter: (item, data) => data.datasets[item.datasetIndex].inLegend}});

/// Speedup of a strong curve, efficiency of any other.
function drawScaling(curve, at) {
  const c = colours(), strong = curve.regime === 'strong', k0 = curve.baseline.K;
  const factor = (p) => strong ? p.K / k0 : 1;
  const of = (f) => curve.points.map((p) => ({x: p.K, y: f(p) * factor(p)}));
  const ends = [curve.points[0].K, curve.points[curve.points.length - 1].K];
  const flat = (y) => ends.map((k) => ({x: k, y: y * (strong ? k / k0 : 1)}));
  const level = Math.round(100 * curve.confidence) + ' % interval';
  const datasets = [
    ...bandOf(level, of((p) => Math.max(p.efficiency.low, 1e-12)), of((p) => p.efficiency.high), c.band),
    lineOf(strong ? 'speedup S' : 'efficiency E', of((p) => p.efficiency.mean), c.line),
    lineOf(strong ? 'ideal S = K' : 'ideal E = 1', flat(1), c.ideal, {borderWidth: 1.5}),
    lineOf('E = ' + curve.threshold, flat(curve.threshold), c.ideal, {borderWidth: 1.5, borderDash: [3, 4]}),
    lineOf('K = ' + at.K.toLocaleString('en-US'), [{x: at.K, y: at.efficiency.mean * factor(at)}], c.second, {pointRadius: 6, showLine: false, pointStyle: 'circle', inLegend: false}),
  ];
  const y = strong ? Object.assign(logTwo('speedup S = T(' + k0 + ') / T(K)', c), {min: 0.5})
                   : {min: 0, suggestedMax: 1.1, title: {display: true, text: 'efficiency E', color: c.ink}, grid: {color: c.grid}, ticks: {color: c.ink}};
  if (strong) y.min = Math.min(1, ...datasets[2].data.map((p) => p.y)) / 1.2;
  draw('scaling', 'line', {datasets}, {parsing: false, interaction: {mode: 'nearest', axis: 'x', intersect: false},
    scales: {x: Object.assign(logTwo('GPUs K', c), {min: ends[0], max: ends[1]}), y},
    plugins: {legend: legend(c), tooltip: {filter: (item) => item.dataset.inLegend && item.datasetIndex === 2,
      callbacks: {title: (items) => items.length ? 'K = ' + items[0].parsed.x.toLocaleString('en-US') : '',
        label: (item) => item.dataset.label + ': ' + three(item.parsed.y)}}}});
  document.getElementById('scaling').setAttribute('aria-label',
    (strong ? 'Speedup' : 'Efficiency') + ' against K from ' + ends[0] + ' to ' + ends[1] + '; at K = ' + at.K + ' E is ' +
    at.efficiency.mean.toFixed(3) + '. The numbers are in the table below.');
}

/// One bar: what a step's time at K is made of.
function drawBudget(point) {
  const c = colours(), parts = PARTS.map(([key, name, colour]) => [name, point.contributions[key], colour]);
  draw('time-budget', 'bar', {labels: [''], datasets: parts.map(([name, s, colour]) => ({label: name, data: [100 * Math.max(0, s) / point.mean_s], backgroundColor: colour, barPercentage: 1, categoryPercentage: 1}))},
    {indexAxis: 'y', scales: {x: {stacked: true, min: 0, max: 100, grid: {color: c.grid}, ticks: {color: c.ink, callback: (v) => v + ' %'}}, y: {stacked: true, display: false}},
     plugins: {legend: {display: false}, tooltip: {callbacks: {title: () => '', label: (item) => item.dataset.label + ': ' + three(item.parsed.x) + ' %'}}}});
  const list = document.getElementById('parts');
  list.replaceChildren(...parts.map(([name, s, colour]) => {
    const item = document.createElement('li'), mark = document.createElement('i');
    mark.style.background = colour;
    item.append(mark, name + ' ' + duration(Math.max(0, s)) + ' (' + Math.round(100 * s / point.mean_s) + ' %)');
    return item;
  }));
  document.getElementById('time-budget').setAttribute('aria-label', 'Shares of a step; the list below has the numbers.');
}

/// Time on the left axis, cost on the right.
function drawPlan(plan) {
  const c = colours(), options = plan.options.filter((o) => o.time_s.high !== null);
  if (!options.length) return;
  const hours = options.every((o) => o.time_s.median < 3 * 86400), unit = hours ? 3600 : 86400;
  const of = (f) => options.map((o) => ({x: o.K, y: f(o)}));
  const datasets = [...bandOf('', of((o) => o.time_s.low / unit), of((o) => o.time_s.high / unit), c.band).map((d) => Object.assign(d, {inLegend: false})),
    lineOf('time [' + (hours ? 'h' : 'd') + ']', of((o) => o.time_s.median / unit), c.line)];
  const axis = (title, colour, extra) => Object.assign({type: 'logarithmic', title: {display: true, text: title, color: colour}, grid: {color: c.grid},
    ticks: {color: c.ink, callback: (v) => /^[125]/.test(String(Number(v).toExponential())) ? Number(v.toPrecision(3)).toLocaleString('en-US') : ''}}, extra);
  const scales = {x: Object.assign(logTwo('GPUs K', c), {min: options[0].K, max: options[options.length - 1].K}), y: axis('time [' + (hours ? 'h' : 'd') + ']', c.line)};
  if (options[0].cost) {
    for (const d of bandOf('', of((o) => o.cost.low), of((o) => o.cost.high), c.secondBand)) datasets.push(Object.assign(d, {yAxisID: 'cost', inLegend: false}));
    datasets.push(lineOf('cost', of((o) => o.cost.median), c.second, {yAxisID: 'cost', borderDash: [7, 4]}));
    scales.cost = axis('cost', c.second, {position: 'right', grid: {display: false}});
  }
  if (plan.deadline_s) datasets.push(lineOf('deadline', [options[0].K, options[options.length - 1].K].map((k) => ({x: k, y: plan.deadline_s / unit})), c.ideal, {borderWidth: 1.5, borderDash: [3, 4]}));
  draw('plan-chart', 'line', {datasets}, {parsing: false, scales, interaction: {mode: 'nearest', axis: 'x', intersect: false},
    plugins: {legend: legend(c), tooltip: {filter: (item) => item.dataset.inLegend, callbacks: {title: (items) => items.length ? 'K = ' + items[0].parsed.x.toLocaleString('en-US') : '',
      label: (item) => item.dataset.label + ': ' + three(item.parsed.y)}}}});
  document.getElementById('plan-chart').setAttribute('aria-label', 'Time and cost of the run against K; the numbers are in the table below.');
}
