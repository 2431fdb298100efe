// SPDX-License-Identifier: Apache-2.0
'use strict';
// The sliders: what each stands for, and how its position becomes a value. `name` is a parameter of the Model, or one of
// the page's own (K, price, deadline, threshold). A logarithmic one with `zero` has 0 at its left end.

const duration = (s) => {
  const steps = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's'], [1e-3, 'ms'], [1e-6, 'µs'], [1e-9, 'ns']];
  if (!Number.isFinite(s)) return 'never';
  if (s === 0) return '0 s';
  const [size, name] = steps.find(([size]) => s >= 0.9995 * size) || steps[steps.length - 1];
  return three(s / size) + '\u00a0' + name;
};
const three = (x) => {
  if (x === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(x)) + 1e-9));
  return x.toFixed(Math.min(digits, 12));
};
const plain = (x) => String(Number(x.toPrecision(3)));
const whole = (x) => Math.round(x).toLocaleString('en-US');
const percent = (x) => three(100 * x) + '\u00a0%';
const scaled = (units) => (x) => {
  const [size, name] = units.find(([size]) => x >= size) || units[units.length - 1];
  return plain(x / size) + '\u00a0' + name;
};
const bytes = scaled([[1e12, 'TB'], [1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB'], [1, 'B']]);
const rate = scaled([[1e12, 'TB/s'], [1e9, 'GB/s'], [1e6, 'MB/s'], [1, 'B/s']]);
const money = scaled([[1e9, 'B'], [1e6, 'M'], [1e3, 'k'], [1, '']]);

const SLIDERS = [
  {group: 'machine', name: 'K', label: 'GPUs K', low: 1, high: 1e6, log: true, whole: true, text: whole},
  {group: 'machine', name: 'network.inter.bandwidth_Bps', label: 'Bandwidth', low: 1e8, high: 1e12, log: true, zero: true,
    text: (x) => x ? rate(x) : 'free'},
  {group: 'machine', name: 'network.inter.latency', label: 'Latency', low: 1e-7, high: 1e-2, log: true, zero: true, text: duration},
  {group: 'machine', name: 'network.workers_per_node', label: 'GPUs in a node', low: 1, high: 72, whole: true, text: whole},
  {group: 'machine', name: 'overlap.fraction', label: 'Overlap with compute', low: 0, high: 1, text: percent},
  {group: 'work', name: 'global_batch', label: 'Batch', low: 1, high: 1e8, log: true, whole: true, text: whole},
  {group: 'work', name: 'gradient_bytes', label: 'Gradient', low: 1e6, high: 1e13, log: true, zero: true, text: bytes},
  {group: 'work', name: 'serial', label: 'Serial part of a step', low: 1e-5, high: 100, log: true, zero: true, text: duration},
  {group: 'variability', name: 'variability.noise.cv', label: 'Noise (sd/mean)', low: 1e-3, high: 1, log: true, zero: true, text: percent},
  {group: 'variability', name: 'variability.stragglers.probability', label: 'Straggles in a step', low: 1e-5, high: 1, log: true, zero: true, text: percent},
  {group: 'variability', name: 'variability.stragglers.slowdown', label: '… and is then slower', low: 1, high: 10, text: (x) => three(x) + '×'},
  {group: 'variability', name: 'variability.imbalance.cv', label: 'Imbalance (sd/mean)', low: 1e-3, high: 1, log: true, zero: true, text: percent},
  {group: 'purchase', name: 'price', label: 'Price of a GPU-hour', low: 0.1, high: 100, log: true, zero: true, text: (x) => x ? three(x) : 'not given'},
  {group: 'purchase', name: 'deadline', label: 'Deadline', low: 3600, high: 3.2e7, log: true, zero: true, text: (x) => x ? duration(x) : 'none'},
  {group: 'purchase', name: 'threshold', label: 'Efficiency that pays', low: 0.05, high: 0.99, text: (x) => x.toFixed(2)},
];
const POSITIONS = 1000;

function valueAt(slider, position) {
  if (slider.zero && position === 0) return 0;
  const share = position / POSITIONS;
  let x = slider.log ? slider.low * Math.pow(slider.high / slider.low, share) : slider.low + share * (slider.high - slider.low);
  if (slider.whole) x = x < 1e4 ? Math.round(x) : Number(x.toPrecision(3));
  else x = Number(x.toPrecision(3));
  return x;
}

function positionOf(slider, value) {
  if (slider.zero && !(value > 0)) return 0;
  const share = slider.log ? Math.log(Math.max(value, slider.low) / slider.low) / Math.log(slider.high / slider.low)
                           : (value - slider.low) / (slider.high - slider.low);
  return Math.round(POSITIONS * Math.min(1, Math.max(slider.zero ? 1 / POSITIONS : 0, share)));
}

/// Builds the sliders; changed(slider, value) is called while one moves.
function buildSliders(changed) {
  for (const slider of SLIDERS) {
    const box = document.createElement('div'), label = document.createElement('label');
    const input = document.createElement('input'), output = document.createElement('output');
    const id = 'slider-' + slider.name.replace(/\W/g, '-');
    box.className = 'slider';
    input.type = 'range';
    input.id = label.htmlFor = id;
    output.htmlFor = id;
    input.min = 0;
    input.max = POSITIONS;
    label.append(slider.label, output);
    box.append(label, input);
    document.getElementById(slider.group).append(box);
    Object.assign(slider, {box, input, output});
    input.addEventListener('input', () => {
      const value = valueAt(slider, Number(input.value));
      showSlider(slider, value, true);
      changed(slider, value);
    });
  }
}

function showSlider(slider, value, moved) {
  const text = slider.text(value);
  slider.output.textContent = text;
  slider.input.setAttribute('aria-valuetext', text);
  slider.box.classList.toggle('moved', moved);
}

function placeSlider(slider, value, moved) {
  slider.input.value = positionOf(slider, value);
  showSlider(slider, value, moved);
}
