// SPDX-License-Identifier: Apache-2.0
'use strict';
// State in the URL's fragment, questions to the engine, answers on the page. Nothing is computed here.

const $ = (id) => document.getElementById(id);
const TEXTS = ['budget', 'gpus', 'mtbf', 'critical-batch'];
let models = [], state = null, token = null;
// The last state that was answered: what is refused goes back to it. What was refused alone is asked for again beside the next
// change, for some of it is felt only together (how often a GPU straggles, and how slow it is then).
let answeredState = null, refused = {};

// The token of the address, kept for this tab and taken out of what is copied.
{
  const query = new URLSearchParams(location.search);
  try {
    if (query.has('token')) sessionStorage.setItem('kurve-token', query.get('token'));
    token = sessionStorage.getItem('kurve-token');
  } catch (e) {
    token = query.get('token');
  }
  if (query.has('token')) history.replaceState(null, '', location.pathname + location.hash);
}

const fresh = (m) => ({m, K: Math.max(64, models[m].baseline_K), last: Math.max(4096, 64 * models[m].baseline_K), t: 0.7, set: {},
  regime: null, plan: {kind: 'steps', job: '1M', price: 2.5, deadline: 0, mtbf: 'llama3'}, lesson: ''});

function stateText() {
  const q = new URLSearchParams({m: state.m, K: state.K, last: state.last, t: state.t});
  if (state.regime) q.set('regime', state.regime);
  if (state.lesson) q.set('lesson', state.lesson);
  for (const [name, value] of Object.entries(state.set)) q.set('s.' + name, value);
  for (const [name, value] of Object.entries(state.plan)) if (value) q.set('p.' + name, value);
  return q.toString();
}

function stateOf(text) {
  const q = new URLSearchParams(text), m = Math.min(models.length - 1, Math.max(0, Math.round(Number(q.get('m')) || 0)));
  const s = fresh(m);
  if (!q.has('m')) return s;
  const number = (name, low, high, otherwise) => {
    const x = Number(q.get(name));
    return q.has(name) && x >= low && x <= high ? x : otherwise;
  };
  s.K = Math.round(number('K', 1, 1e6, s.K));
  s.last = Math.round(number('last', 1, 1e6, s.last));
  s.t = number('t', 0.01, 0.99, s.t);
  s.regime = ['strong', 'weak'].includes(q.get('regime')) ? q.get('regime') : null;
  s.lesson = q.get('lesson') || '';
  s.plan = {};
  for (const [key, value] of q) {
    if (key.startsWith('s.') && Number.isFinite(Number(value))) s.set[key.slice(2)] = Number(value);
    if (key.startsWith('p.')) s.plan[key.slice(2)] = ['price', 'deadline'].includes(key.slice(2)) ? Number(value) || 0 : value;
  }
  s.plan.kind = s.plan.kind === 'samples' ? 'samples' : 'steps';
  return s;
}

/// The request that the engine understands.
function question(extra) {
  const plan = {mtbf: state.plan.mtbf || 'none'};
  if (state.plan.job) plan[state.plan.kind] = state.plan.job;
  if (state.plan.price > 0) plan.price = String(state.plan.price);
  if (state.plan.deadline > 0) plan.deadline = state.plan.deadline + 's';
  for (const name of ['budget', 'gpus', 'critical-batch']) if (state.plan[name]) plan[name] = state.plan[name];
  const set = Object.assign({}, state.set);
  if (state.regime) set.regime = state.regime;
  return Object.assign({model: state.m, K: state.K, last_K: Math.max(state.last, state.K), threshold: state.t, set, plan}, extra);
}

async function ask(path, body) {
  const headers = {};
  if (token) headers['X-Kurve-Token'] = token;
  if (body) headers['Content-Type'] = 'application/json';
  const response = await fetch(path, {method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body)});
  if (response.ok) return response;
  let reason = 'the server said ' + response.status;
  try { reason = (await response.json()).error || reason; } catch (e) { /* not JSON: keep the number */ }
  throw new Error(reason);
}

function problem(text) {
  $('problem').hidden = !text;
  $('problem').textContent = text || '';
}

async function answerTo(extra) {
  const asked = question(extra), text = JSON.stringify(state), answer = await (await ask('api/answer', asked)).json();
  answeredState = text;
  refused = {};
  return [asked, answer];
}

/// With what was refused before; null where there is none, or it is refused still.
async function answerBeside(extra) {
  const names = Object.keys(refused).filter((name) => !(name in state.set));
  if (!names.length) return null;
  for (const name of names) state.set[name] = refused[name];
  try {
    const answered = await answerTo(extra);
    place();
    return answered;
  } catch (e) {
    for (const name of names) delete state.set[name];
    return null;
  }
}

// One question at a time; what changes meanwhile is asked together afterwards.
let asking = false, again = false;
async function update(extra) {
  history.replaceState(null, '', '#' + stateText());
  if (asking) { again = true; return; }
  asking = true;
  try {
    const [asked, answer] = await answerBeside(extra) || await answerTo(extra);
    if (!again) show(answer, asked);
    problem('');
  } catch (e) {
    problem(e instanceof TypeError ? 'The server does not answer. Is `kurve serve` still running?' : e.message);
    if (!(e instanceof TypeError) && answeredState && !again) {
      const before = JSON.parse(answeredState);
      refused = Object.fromEntries(Object.entries(state.set).filter(([name, value]) => before.set[name] !== value));
      state = before;
      place();
      history.replaceState(null, '', '#' + stateText());
    }
  }
  asking = false;
  if (again) { again = false; update(); }
}

/// A text, or a text and its interval below.
function cells(tag, texts) {
  const row = document.createElement('tr');
  for (const text of texts) {
    const cell = document.createElement(tag), [value, interval] = [text].flat();
    if (tag === 'th') cell.scope = 'col';
    cell.textContent = value;
    if (interval !== undefined) {
      const small = document.createElement('small');
      small.textContent = interval;
      cell.append(' ', small);
    }
    row.append(cell);
  }
  return row;
}

function fillTable(table, head, rows, best) {
  const thead = document.createElement('thead'), tbody = document.createElement('tbody');
  thead.append(cells('th', head));
  rows.forEach((texts, i) => {
    const row = cells('td', texts);
    if (i === best) row.className = 'best';
    tbody.append(row);
  });
  table.replaceChildren(thead, tbody);
}

const range = (low, high, text) => text(low) + ' to ' + text(high);

function show(answer, asked) {
  const curve = answer.curve, at = curve.points.find((p) => p.K === asked.K), strong = curve.regime === 'strong';
  $('at-K').textContent = whole(at.K);
  const facts = [['Step', duration(at.mean_s), range(at.low_s, at.high_s, duration)],
    ['Efficiency E', at.efficiency.mean.toFixed(3), range(at.efficiency.low, at.efficiency.high, (x) => x.toFixed(3))],
    ['P(pays)', percent(at.p_pays), 'E ≥ ' + curve.threshold],
    ['Batch', whole(at.global_batch), three(at.global_batch / at.K) + ' a GPU']];
  if (strong) facts.splice(1, 0, ['Speedup S', three(at.speedup), 'of an ideal ' + three(at.K / curve.baseline.K)]);
  $('facts').replaceChildren(...facts.map(([name, value, small]) => {
    const box = document.createElement('div'), dt = document.createElement('dt'), dd = document.createElement('dd'), more = document.createElement('small');
    dt.textContent = name;
    more.textContent = small;
    dd.append(value, more);
    box.append(dt, dd);
    return box;
  }));
  $('bend').textContent = answer.sentences.bend;
  $('cautions').replaceChildren(...curve.cautions.map((text) => {
    const item = document.createElement('li');
    item.textContent = text;
    return item;
  }));
  $('scaling-title').textContent = strong ? 'Speedup' : 'Efficiency (' + curve.regime + ')';
  fillTable($('curve-table'), ['K', 'T [s]', 'low', 'high', ...(strong ? ['S'] : ['B']), 'E', 'low', 'high', 'P(pays)'], curve.points.map((p) => [whole(p.K),
    p.mean_s.toPrecision(4), p.low_s.toPrecision(4), p.high_s.toPrecision(4), strong ? three(p.speedup) : whole(p.global_batch), p.efficiency.mean.toFixed(3),
    p.efficiency.low.toFixed(3), p.efficiency.high.toFixed(3), percent(p.p_pays)]), curve.points.indexOf(at));
  drawScaling(curve, at);
  drawBudget(at);
  showPlan(answer);
  $('commands').textContent = [answer.commands.simulate, answer.commands.plan].filter(Boolean).join('\n\n');
  $('speed').textContent = 'Computed in ' + answer.elapsed_ms + ' ms by the engine of the command line.';
  document.body.dataset.answered = String(Number(document.body.dataset.answered || 0) + 1);
  window.kurveAnswer = answer;
}

function showPlan(answer) {
  const plan = answer.plan, text = $('plan-text');
  $('plan-body').hidden = !plan;
  $('help').hidden = !(plan && !plan.recommended);
  $('plan-notes').replaceChildren();
  if (!plan) {
    text.textContent = answer.plan_error || 'Say how long the job is (steps or samples) to plan it.';
    return;
  }
  text.textContent = plan.recommended ? 'Recommended: ' + plan.recommended.why : 'Nothing to recommend: ' + plan.verdict + '.';
  const best = plan.options.findIndex((o) => plan.recommended && o.K === plan.recommended.K), first = plan.options[0];
  const head = ['K', 'time'];
  if (first.cost) head.push('cost');
  head.push('E', 'goodput');
  if (first.p_deadline !== null) head.push('P(in time)');
  if (first.p_budget !== null) head.push('P(in budget)');
  const time = (s) => s === null ? 'never' : duration(s), cost = (x) => x === null ? '-' : money(x);
  fillTable($('plan-table'), head, plan.options.map((o) => {
    const row = [whole(o.K), [time(o.time_s.median), range(o.time_s.low, o.time_s.high, time)]];
    if (o.cost) row.push([cost(o.cost.median), range(o.cost.low, o.cost.high, cost)]);
    row.push(o.efficiency.toFixed(3), o.goodput === null ? '-' : percent(o.goodput));
    if (o.p_deadline !== null) row.push(percent(o.p_deadline));
    if (o.p_budget !== null) row.push(percent(o.p_budget));
    return row;
  }), best);
  $('plan-notes').replaceChildren(...plan.notes.map((note) => {
    const item = document.createElement('li');
    item.textContent = note;
    return item;
  }));
  drawPlan(plan);
}

/// Puts every control where the state says.
function place() {
  const model = models[state.m];
  $('model').value = state.m;
  for (const slider of SLIDERS) {
    const own = {K: state.K, price: state.plan.price || 0, deadline: state.plan.deadline || 0, threshold: state.t};
    if (slider.name in own) placeSlider(slider, own[slider.name], false);
    else if (slider.name === 'global_batch') placeSlider(slider, state.set.global_batch || model.global_batch, 'global_batch' in state.set);
    else placeSlider(slider, slider.name in state.set ? state.set[slider.name] : model.parameters[slider.name].value, slider.name in state.set);
  }
  const regime = state.regime || model.regime;
  for (const radio of document.getElementsByName('regime')) {
    radio.checked = radio.value === regime;
    radio.disabled = model.regime === 'mixed';
  }
  $('job-kind').value = state.plan.kind;
  $('job').value = state.plan.job || '';
  for (const name of TEXTS) $(name).value = state.plan[name] || (name === 'mtbf' ? 'none' : '');
  showLesson(state.lesson);
  showHint();
}

/// A slider that changes nothing must not look as if it did.
function showHint() {
  const set = state.set.gradient_bytes;
  $('no-gradient').hidden = (set === undefined ? models[state.m].parameters.gradient_bytes.value : set) > 0;
}

function changed(slider, value) {
  if (slider.name === 'K') state.K = value;
  else if (slider.name === 'threshold') state.t = value;
  else if (slider.name === 'price' || slider.name === 'deadline') state.plan[slider.name] = value;
  else state.set[slider.name] = value;
  showHint();
  update();
}

function startLesson(lesson) {
  state = fresh(models.length - 1);
  Object.assign(state, {K: lesson.K, last: lesson.last, set: Object.assign({}, lesson.set), regime: lesson.regime || null, lesson: lesson.id});
  place();
  update();
}

function save(name, blob) {
  const a = document.createElement('a');
  a.href = URL.createObjectURL(blob);
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(a.href), 1000);
}

async function exportAs(kind) {
  try {
    if (kind === 'png') {
      // On the page's own background, which a canvas does not have.
      const source = $('scaling'), canvas = document.createElement('canvas'), pen = canvas.getContext('2d');
      canvas.width = source.width;
      canvas.height = source.height;
      pen.fillStyle = getComputedStyle(document.body).backgroundColor;
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(source, 0, 0);
      save('kurve.png', await new Promise((done) => canvas.toBlob(done)));
    } else {
      const path = {svg: 'api/plot.svg', csv: 'api/curve.csv', json: 'api/model.json'}[kind];
      save('kurve.' + kind, await (await ask(path, question())).blob());
    }
    $('done').textContent = 'saved kurve.' + kind;
  } catch (e) {
    problem(e.message);
  }
}

async function start() {
  buildSliders(changed);
  buildLessons(startLesson);
  try {
    models = (await (await ask('api/models')).json()).models;
  } catch (e) {
    problem(e.message);
    return;
  }
  models.forEach((m, i) => {
    const option = document.createElement('option');
    option.value = i;
    option.textContent = m.name + (m.workload ? ': ' + m.workload : '');
    $('model').append(option);
  });
  state = stateOf(location.hash.slice(1));
  place();
  $('model').addEventListener('change', () => { state = fresh(Number($('model').value)); place(); update(); });
  $('reset').addEventListener('click', () => { refused = {}; state = fresh(state.m); place(); update(); });
  for (const radio of document.getElementsByName('regime'))
    radio.addEventListener('change', () => { state.regime = radio.value === models[state.m].regime ? null : radio.value; update(); });
  $('job-kind').addEventListener('change', () => { state.plan.kind = $('job-kind').value; update(); });
  $('job').addEventListener('input', () => { state.plan.job = $('job').value.trim(); update(); });
  for (const name of TEXTS) $(name).addEventListener('input', () => { state.plan[name] = $(name).value.trim(); update(); });
  $('controls').addEventListener('submit', (e) => e.preventDefault());
  $('help').addEventListener('click', () => update({help: true}));
  $('link').addEventListener('click', async () => {
    try { await navigator.clipboard.writeText(location.href); $('done').textContent = 'link copied'; } catch (e) { $('done').textContent = location.href; }
  });
  for (const button of document.querySelectorAll('[data-export]')) button.addEventListener('click', () => exportAs(button.dataset.export));
  addEventListener('hashchange', () => { state = stateOf(location.hash.slice(1)); place(); update(); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => update());
  update();
}
start();
