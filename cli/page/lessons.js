// SPDX-License-Identifier: Apache-2.0
'use strict';
// Each lesson is a preset of the chapter's Model, a question, and an answer to be discovered on the sliders.
// tests/serve checks the numbers of every answer against the engine.

const ONE_SECOND = {'serial': 0, 'extra.per_log2': 0, 'compute.per_sample': 1 / 1024};
const LESSONS = [
  {id: 'amdahl', title: 'Amdahl', K: 64, last: 1024,
    set: {'serial': 0.05, 'extra.per_log2': 0, 'compute.per_sample': 0.95 / 1024},
    question: 'One step takes 1 s, of which 0.05 s is serial; communication is free. What speedup do 64 GPUs bring, and 1024? What would halving the serial part bring at 64?',
    answer: 'S(64) = 1/(0.05 + 0.95/64) = 15.4 and S(1024) = 19.6: the serial part caps it at 20. Halving it (0.025 s) at 64 GPUs gives 24.5, more than any number of GPUs did.'},
  {id: 'communication', title: 'Communication', K: 64, last: 4096,
    set: Object.assign({'gradient_bytes': 1e9, 'network.inter.bandwidth_Bps': 2.5e10, 'network.inter.latency': 6.25e-7, 'network.workers_per_node': 1, 'overlap.fraction': 0, 'overlap.buckets': 16}, ONE_SECOND),
    question: 'Ring all-reduces of 1 GB in 16 buckets, at 25 GB/s and 0.625 µs a hop, follow 1 s of compute. At K = 8, which helps more: twice the bandwidth or half the latency? And at K = 4096? How much can overlap hide at each?',
    answer: 'Bytes cost 2(K-1)/K n/B, about 80 ms at any K; hops cost 16 × 2(K-1) × 0.625 µs: 0.14 ms at 8, 82 ms at 4096. At 8 only bandwidth matters; at 4096 both weigh the same. Overlap hides communication only under compute: there are 125 ms of it at K = 8, and 0.24 ms at 4096.'},
  {id: 'stragglers', title: 'Stragglers and the barrier', K: 100, last: 1024, regime: 'weak',
    set: Object.assign({'variability.stragglers.probability': 0.01, 'variability.stragglers.slowdown': 2}, ONE_SECOND),
    question: 'In 1 % of its steps a GPU takes twice as long. All wait for the slowest. How much slower is the mean step on 1, on 100, on 1000 GPUs?',
    answer: '1 + (1 - 0.99^K): 1.01 on one, 1.63 on 100 (63 % of the steps meet a straggler), 2.00 on 1000. What is rare on one GPU is every step of a thousand; making each straggler rarer tenfold helps more than any faster network.'},
  {id: 'imbalance', title: 'Imbalance', K: 32, last: 4096, regime: 'weak',
    set: Object.assign({'variability.imbalance.cv': 0.1}, ONE_SECOND),
    question: 'Sequence lengths make the shares of a batch differ by 10 % (sd/mean), anew each step. What does the slowest share cost at K = 32, and at 4096? Does it ever stop growing?',
    answer: 'The mean of the largest of K Gumbel shares is 1 + 0.1 √6/π ln K: 1.27 at 32 and 1.65 at 4096. It grows with ln K for ever; only evener shares help.'},
  {id: 'strong-weak', title: 'Strong or weak', K: 64, last: 64, set: {},
    question: 'T = 0.04 + 0.96/K + 0.010 log2 K. What is E at 64 when the batch stays, and when it grows with K? Switch the batch. Which of the two curves would you print?',
    answer: 'E(64) = 0.136 (strong) and 0.943 (weak) for one machine and one formula. A curve that does not say which it is says nothing; and the weak one says nothing of how many samples the larger batch needs.'},
  {id: 'baseline', title: 'A weak baseline', K: 64, last: 64, set: {'compute.per_sample': 1.8 * 0.96 / 1024},
    question: 'A slide recomputes activations that nobody needs: compute is 1.8 times slower at every K. Is E(64) better or worse than without (Reset shows)? Is the step faster?',
    answer: 'E(64) rises from 0.136 to 0.218 while the step slows from 0.115 s to 0.127 s: a slow program scales better. Speedup against a slow T(1) is no speed; ask for T, and for the fastest correct T(1).'},
];

/// Builds the list; start(lesson) sets the sliders.
function buildLessons(start) {
  const list = document.getElementById('lessons');
  for (const lesson of LESSONS) {
    const item = document.createElement('li'), button = document.createElement('button'), body = document.createElement('div');
    const question = document.createElement('p'), answer = document.createElement('details'), summary = document.createElement('summary');
    button.type = 'button';
    button.textContent = lesson.title;
    button.dataset.lesson = lesson.id;
    button.addEventListener('click', () => start(lesson));
    question.textContent = lesson.question;
    summary.textContent = 'The answer';
    const text = document.createElement('p');
    text.textContent = lesson.answer;
    answer.append(summary, text);
    body.append(question, answer);
    item.append(button, body);
    list.append(item);
    Object.assign(lesson, {button, body, details: answer});
  }
}

function showLesson(id) {
  for (const lesson of LESSONS) {
    const open = lesson.id === id;
    lesson.body.hidden = !open;
    lesson.button.setAttribute('aria-pressed', String(open));
    if (!open) lesson.details.open = false;
  }
}
