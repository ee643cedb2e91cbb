/**
 * The script of the status page: shows what the daemon says, as it says it, and sends it the buttons.
 *
 * Paths, names and messages come from file systems and servers: they are only ever put in as text.
 */

/** @import { PageCycle, PageHello, PageStatus, PageTarget } from '../page-view.js' */
/** @import { Problem } from '../../errors.js' */

const SILENCE_MS = 25_000; // the daemon says something every ten seconds
const AGAIN_MS = 1500;
const MOST_CYCLES = 50;
const MOST_NOTICES = 5;

/** @typedef {'ok' | 'busy' | 'warn' | 'bad' | 'idle'} Tone */

/** @type {Record<PageTarget['state'], { word: string, tone: Tone, label: string }>} */
const STATES = {
  starting: { word: 'Starting', tone: 'idle', label: 'Starting for' },
  'in-sync': { word: 'In sync', tone: 'ok', label: 'In sync for' },
  pushing: { word: 'Pushing', tone: 'busy', label: 'Pushing for' },
  behind: { word: 'Behind', tone: 'warn', label: 'Behind for' },
  unreachable: { word: 'Unreachable', tone: 'bad', label: 'Unreachable for' },
  halted: { word: 'Needs you', tone: 'bad', label: 'Halted for' },
};

/** @type {Record<string, string>} */
const PHASES = {
  connect: 'Connecting',
  survey: 'Looking at what is there',
  stage: 'Sending',
  publish: 'Publishing',
  commit: 'Recording',
};

/** @type {Record<PageCycle['cause'], string>} */
const CAUSES = {
  start: 'at start',
  change: 'saved',
  sweep: 'found by a sweep',
  trigger: 'asked for',
  retry: 'retried',
};

/** @type {Record<string, { mark: string, tone: Tone, word: string }>} */
const MARKS = {
  added: { mark: '+', tone: 'ok', word: 'added' },
  modified: { mark: '~', tone: 'busy', word: 'changed' },
  mode: { mark: 'm', tone: 'idle', word: 'mode changed' },
  removed: { mark: '−', tone: 'bad', word: 'removed' },
};

const number = new Intl.NumberFormat('en');
const clock = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** What is known. `skew` is how far the daemon's clock is ahead of this one, in milliseconds. */
const known = {
  token: '',
  skew: 0,
  version: '',
  /** @type {PageStatus | undefined} */
  status: undefined,
  /** @type {Map<string, HTMLElement>} */
  cards: new Map(),
};

listen();
byId('sync').addEventListener('click', () => void sync([]));
byId('pause').addEventListener('click', () => {
  const isPaused = known.status?.paused ?? false;
  void act(isPaused ? '/resume' : '/pause', undefined, isPaused ? 'Resumed.' : 'Paused. Changes are noticed and wait.');
});
setInterval(tick, 1000);

/** Hears the daemon, and tries again for as long as it takes when it is gone. */
function listen() {
  const source = new EventSource('/events');
  let heardAt = Date.now();
  let isOver = false;
  /** @param {string} kind @param {(data: any) => void} handle */
  const on = (kind, handle) =>
    source.addEventListener(kind, (event) => {
      heardAt = Date.now();
      handle(JSON.parse(event.data));
    });
  const again = () => {
    if (isOver) return;
    isOver = true;
    clearInterval(watch);
    source.close();
    lose();
    setTimeout(() => void returnOrListen(), AGAIN_MS);
  };
  const watch = setInterval(() => {
    if (Date.now() - heardAt > SILENCE_MS) again();
  }, 5000);
  source.addEventListener('error', again);
  on('hello', greet);
  on('status', show);
  on('cycle', addCycle);
  on('warning', addNotice);
  on('heartbeat', () => {});
}

/** A daemon that asks for the token again shows its form. */
async function returnOrListen() {
  const reply = await fetch('/', { method: 'HEAD' }).catch(() => undefined);
  if (reply?.status === 401) location.reload();
  else listen();
}

function lose() {
  if (document.body.dataset['link'] === 'lost') return;
  document.body.dataset['link'] = 'lost';
  const last = known.status === undefined ? '' : `The last was: ${verdict(known.status).headline}.`;
  showOverall({ tone: 'idle', headline: 'No word from the daemon', subline: last });
  setText(byId('link'), 'Not connected');
  const asOf = known.status === undefined ? '' : `What you see is from ${clock.format(new Date())}. `;
  setText(byId('lost-text'), `${asOf}The page comes back by itself when the daemon does.`);
  byId('lost').hidden = false;
  enableButtons();
}

/** @param {PageHello} hello */
function greet({ token, status, cycles }) {
  if (known.version !== '' && known.version !== status.version) location.reload(); // the page of another version
  known.token = token;
  known.version = status.version;
  document.body.dataset['link'] = 'live';
  setText(byId('link'), 'Live');
  byId('lost').hidden = true;
  byId('cycles').replaceChildren();
  for (const cycle of cycles.toReversed()) addCycle(cycle);
  show(status);
}

/** @param {PageStatus} status */
function show(status) {
  known.status = status;
  known.skew = Date.parse(status.now) - Date.now();
  setText(byId('site'), status.site);
  showOverall(verdict(status));
  showTargets(status.targets);
  showLocal(status);
  showWatch(status.watch);
  byId('about').replaceChildren(
    `pushstatic ${status.version} · process ${status.pid} · ${status.config} · started `,
    ago(status.startedAt),
  );
  setText(byId('pause'), status.paused ? 'Resume' : 'Pause');
  enableButtons();
  tick();
}

/** @typedef {{ tone: Tone, headline: string, subline: string }} Verdict */

/** @param {Verdict} verdict */
function showOverall({ tone, headline, subline }) {
  byId('overall').dataset['tone'] = tone;
  setText(byId('headline'), headline);
  setText(byId('subline'), subline);
  document.title = `${headline} · ${known.status?.site ?? 'pushstatic'}`;
  const colour = getComputedStyle(byId('overall')).getPropertyValue('--tone').trim();
  const icon = `<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><circle cx='8' cy='8' r='6' fill='${colour}'/></svg>`;
  const href = `data:image/svg+xml,${encodeURIComponent(icon)}`;
  if (byId('icon').getAttribute('href') !== href) byId('icon').setAttribute('href', href);
}

/**
 * The whole in one sentence, the worst first.
 * @param {PageStatus} status
 * @returns {Verdict}
 */
function verdict({ paused, local, targets, configError }) {
  const inState = (/** @type {PageTarget['state']} */ state) => targets.filter((target) => target.state === state);
  const halted = inState('halted');
  const unreachable = inState('unreachable');
  const under = inState('pushing').length + inState('behind').length;
  const troubled = targets.filter(({ problemCount }) => problemCount > 0);
  if (local.error !== null) return { tone: 'bad', headline: 'Collecting has stopped', subline: local.error.message };
  if (halted[0])
    return {
      tone: 'bad',
      headline: `${names(halted)} ${halted.length === 1 ? 'needs' : 'need'} you`,
      subline: summary(targets),
    };
  if (configError !== null)
    return {
      tone: 'warn',
      headline: 'The configuration has a mistake',
      subline: `The one before stays in force. ${configError}`,
    };
  if (unreachable[0])
    return {
      tone: 'bad',
      headline: `${names(unreachable)} cannot be reached`,
      subline: `It is tried again, and catches up by itself. ${summary(targets)}`,
    };
  if (paused) return { tone: 'warn', headline: 'Paused', subline: 'Changes are noticed, and wait until you resume.' };
  if (local.state === 'starting' || inState('starting').length > 0)
    return { tone: 'idle', headline: 'Starting', subline: 'The sources and the targets are being compared.' };
  if (troubled.length > 0 || local.problemCount > 0)
    return { tone: 'warn', headline: 'Some files could not be brought over', subline: 'Everything else is in sync.' };
  if (local.state === 'collecting' || under > 0)
    return {
      tone: 'busy',
      headline: 'Bringing changes over',
      subline: under > 0 ? `${plural(under, 'target')} to go.` : 'Collecting what changed.',
    };
  if (targets.length === 0)
    return { tone: 'ok', headline: 'Everything is collected', subline: plural(local.files, 'file') };
  return {
    tone: 'ok',
    headline: 'Everything is in sync',
    subline: `${plural(local.files, 'file')} on ${plural(targets.length, 'target')}`,
  };
}

/** How many targets are in which state, in one sentence. @param {readonly PageTarget[]} targets */
function summary(targets) {
  const counts = Object.entries(STATES).flatMap(([state, { word }]) => {
    const count = targets.filter((target) => target.state === state).length;
    return count === 0 ? [] : [`${count} ${state === 'halted' ? 'halted' : word.toLowerCase()}`];
  });
  return `${plural(targets.length, 'target')}: ${counts.join(', ')}.`;
}

/** @param {readonly PageTarget[]} targets */
function showTargets(targets) {
  for (const [name, card] of known.cards) {
    if (targets.some((target) => target.name === name)) continue;
    card.remove();
    known.cards.delete(name);
  }
  for (const target of targets) showTarget(known.cards.get(target.name) ?? addCard(target.name), target);
  byId('no-targets').hidden = targets.length > 0;
}

/** @param {string} name */
function addCard(name) {
  const card = clone('target');
  const button = field(card, 'button');
  button.setAttribute('aria-label', `Sync ${name} now`);
  button.addEventListener('click', () => void sync([name]));
  byId('targets').append(card);
  known.cards.set(name, card);
  return card;
}

/** @param {HTMLElement} card @param {PageTarget} target */
function showTarget(card, target) {
  const { word, tone, label } = STATES[target.state];
  card.dataset['tone'] = tone;
  card.dataset['state'] = target.state;
  setText(field(card, 'name'), target.name);
  setText(field(card, 'url'), target.url);
  setText(field(card, 'state'), word);
  setText(field(card, 'label'), label);
  field(card, 'since').replaceChildren(span(target.since));
  field(card, 'last').hidden = target.state === 'in-sync';
  field(card, 'in-sync-at').replaceChildren(target.inSyncAt === null ? 'never since the start' : ago(target.inSyncAt));
  setText(field(card, 'pending'), pendingText(target));
  setText(field(card, 'files'), `${plural(target.files, 'file')}, generation ${number.format(target.generation)}`);
  setText(field(card, 'button'), target.state === 'unreachable' ? 'Try now' : 'Sync');
  showProgress(card, target);
  showTrouble(card, target);
  showProblems(card, target);
}

/** @param {PageTarget} target */
function pendingText({ pending, state }) {
  if (pending === null) return state === 'starting' ? 'not known yet' : 'to be compared';
  return pending === 0 ? 'nothing' : plural(pending, 'file');
}

/** @param {HTMLElement} card @param {PageTarget} target */
function showProgress(card, { progress }) {
  field(card, 'progress').hidden = progress === null;
  if (progress === null) return;
  const { phase, files, doneFiles, bytes, doneBytes, bytesPerSecond } = progress;
  const bar = /** @type {HTMLProgressElement} */ (field(card, 'bar'));
  const share = bytes > 0 ? doneBytes / bytes : files > 0 ? doneFiles / files : undefined;
  if (share === undefined) bar.removeAttribute('value');
  else bar.value = Math.min(1, share);
  const parts = [PHASES[phase] ?? phase];
  if (files > 0) parts.push(`${number.format(doneFiles)} of ${plural(files, 'file')}`);
  if (bytes > 0) parts.push(`${size(doneBytes)} of ${size(bytes)}`);
  if (bytesPerSecond > 0) parts.push(`${size(bytesPerSecond)}/s`);
  setText(field(card, 'amount'), parts.join(' · '));
}

/** @param {HTMLElement} card @param {PageTarget} target */
function showTrouble(card, { error, retryAt, failures }) {
  field(card, 'trouble').hidden = error === null && retryAt === null;
  setText(field(card, 'error'), error?.message ?? '');
  const retry = field(card, 'retry');
  if (retryAt === null) {
    delete retry.dataset['retryAt'];
    return setText(retry, '');
  }
  retry.dataset['retryAt'] = retryAt;
  retry.dataset['failures'] = `${failures}`;
}

/** @param {HTMLElement} card @param {PageTarget} target */
function showProblems(card, { problems, problemCount }) {
  field(card, 'problems').hidden = problemCount === 0;
  setText(field(card, 'problem-count'), `${plural(problemCount, 'file')} could not be pushed`);
  field(card, 'problem-list').replaceChildren(...problemItems(problems, problemCount));
}

/** @param {readonly Problem[]} problems @param {number} count */
function problemItems(problems, count) {
  const items = problems.map(({ path, message }) => item(text('span', path), text('span', message, 'message')));
  if (count > problems.length)
    items.push(item(text('span', `and ${number.format(count - problems.length)} more`, 'more')));
  return items;
}

/** @param {PageStatus} status */
function showLocal({ local }) {
  const words = { starting: 'being read', ready: 'collected', collecting: 'being collected', halted: 'stopped' };
  setText(byId('local-state'), words[local.state]);
  setText(byId('local-files'), plural(local.files, 'file'));
  setText(byId('local-unsettled'), local.unsettled === 0 ? 'nothing' : plural(local.unsettled, 'file'));
  const trouble = byId('local-trouble');
  trouble.hidden = local.problemCount === 0;
  setText(byId('local-problem-count'), `${plural(local.problemCount, 'file')} could not be collected`);
  byId('local-problem-list').replaceChildren(...problemItems(local.problems, local.problemCount));
}

/** @param {PageStatus['watch']} watch */
function showWatch({ backend, reason, folders, losses, sweeps, lastSweepAt, foundBySweep }) {
  const words = { native: 'the system, natively', chokidar: 'chokidar', poll: 'looking again and again' };
  setText(byId('watch-backend'), words[backend]);
  setText(byId('watch-reason'), reason);
  setText(byId('watch-losses'), losses === 0 ? 'never' : plural(losses, 'time'));
  byId('watch-sweeps').replaceChildren(
    number.format(sweeps),
    ...(lastSweepAt === null ? [] : [' · last ', ago(lastSweepAt)]),
  );
  setText(byId('watch-found'), foundBySweep === 0 ? 'nothing' : plural(foundBySweep, 'file'));
  const list = byId('watch-folders');
  const shown = [...list.children].map((child) => child.textContent);
  if (shown.join('\0') !== folders.join('\0'))
    list.replaceChildren(...folders.map((folder) => item(text('span', folder))));
}

/** @param {PageCycle} cycle */
function addCycle(cycle) {
  const row = clone('cycle');
  const failed = cycle.targets.filter(({ ok }) => !ok);
  row.dataset['tone'] = cycle.ok ? 'ok' : 'bad';
  setText(field(row, 'what'), cycleText(cycle));
  setText(field(row, 'cause'), CAUSES[cycle.cause]);
  field(row, 'at').replaceChildren(ago(cycle.at));
  setText(
    field(row, 'served'),
    servedText(
      cycle,
      failed.map(({ name }) => name),
    ),
  );
  field(row, 'results').replaceChildren(...resultItems(cycle));
  field(row, 'changes').replaceChildren(...changeItems(cycle));
  const list = byId('cycles');
  list.prepend(row);
  while (list.children.length > MOST_CYCLES) list.lastElementChild?.remove();
  byId('no-cycles').hidden = true;
  tick();
}

/** @param {PageCycle} cycle */
function cycleText({ ok, changed, changes, error, problemCount }) {
  const [first] = changes;
  if (error !== undefined) return 'Collecting failed';
  if (changed === 0 && problemCount > 0) return `${plural(problemCount, 'file')} could not be collected`;
  if (changed === 0 && !ok) return 'Not everything was brought over';
  if (first === undefined) return changed === 0 ? 'Nothing changed' : plural(changed, 'change');
  return changed === 1 ? `${first.path} ${MARKS[first.kind]?.word ?? ''}` : plural(changed, 'change');
}

/** @param {PageCycle} cycle @param {readonly string[]} failed */
function servedText({ savedToServedMs, ok }, failed) {
  if (savedToServedMs !== null) return `served in ${duration(savedToServedMs)}`;
  if (failed.length > 0) return `failed: ${failed.join(', ')}`;
  return ok ? 'done' : 'failed';
}

/** @param {PageCycle} cycle */
function resultItems({ error: stopped, targets, problems, problemCount }) {
  const results = targets.map(({ name, error, uploaded, patched, linked, removed, sentBytes, durationMs, ...rest }) => {
    if (error !== undefined) return item(text('span', `${name}: ${error.message}`, 'bad'));
    const what = `${plural(uploaded + patched + linked, 'file')} pushed, ${number.format(removed)} removed`;
    const line = item(text('span', `${name}: ${what}, ${size(sentBytes)} sent in ${duration(durationMs)}`));
    if (rest.problemCount > 0) line.append(text('span', `; ${plural(rest.problemCount, 'file')} failed`, 'bad'));
    return line;
  });
  const causes = stopped === undefined ? [] : [item(text('span', stopped.message, 'bad'))];
  const troubles = problems.map(({ path, message }) => item(text('span', `${path}: ${message}`, 'bad')));
  const more = problemCount - problems.length;
  if (more > 0) troubles.push(item(text('span', `and ${number.format(more)} more`)));
  return [...causes, ...results, ...troubles];
}

/** @param {PageCycle} cycle */
function changeItems({ changes, changed }) {
  const items = changes.map(({ kind, path, size: bytes }) => {
    const { mark, tone, word } = MARKS[kind] ?? { mark: '?', tone: 'idle', word: kind };
    const sign = text('span', mark, 'mark');
    sign.setAttribute('role', 'img');
    sign.setAttribute('aria-label', word);
    const line = item(sign, text('span', path), text('span', kind === 'removed' ? '' : size(bytes), 'size'));
    line.dataset['tone'] = tone;
    return line;
  });
  if (changed > changes.length)
    items.push(item(text('span', `and ${number.format(changed - changes.length)} more`, 'more')));
  return items;
}

/** @param {{ text: string }} warning */
function addNotice({ text: warning }) {
  const notice = text('p', warning, 'notice');
  notice.dataset['tone'] = 'warn';
  byId('notices').prepend(notice);
  while (byId('notices').children.length > MOST_NOTICES) byId('notices').lastElementChild?.remove();
}

/** @param {readonly string[]} targets */
function sync(targets) {
  return act(
    '/trigger',
    { targets },
    targets.length === 0 ? 'A cycle has been asked for.' : `${targets[0]} has been asked for.`,
  );
}

/** @param {string} path @param {unknown} body @param {string} done */
async function act(path, body, done) {
  setText(byId('answer'), '…');
  try {
    const headers = { 'content-type': 'application/json', 'x-pushstatic-token': known.token };
    const reply = await fetch(path, {
      method: 'POST',
      headers,
      body: body === undefined ? null : JSON.stringify(body),
    });
    const { error } = await reply.json();
    setText(byId('answer'), error === undefined ? done : error.message);
  } catch {
    setText(byId('answer'), 'The daemon does not answer.');
  }
}

function enableButtons() {
  const isLive = document.body.dataset['link'] === 'live';
  for (const button of document.querySelectorAll('button')) button.disabled = !isLive;
}

/** What changes with time alone. */
function tick() {
  if (document.body.dataset['link'] === 'lost') return; // nothing is known of what is now
  const now = Date.now() + known.skew;
  for (const time of document.querySelectorAll('time')) setText(time, passed(time));
  for (const retry of document.querySelectorAll('[data-retry-at]')) {
    if (!(retry instanceof HTMLElement)) continue;
    const { retryAt = '', failures = '' } = retry.dataset;
    const left = Math.ceil((Date.parse(retryAt) - now) / 1000);
    const tries = Number(failures) > 1 ? ` (${failures} tries so far)` : '';
    setText(retry, left > 0 ? `Tried again in ${duration(left * 1000)}${tries}` : `Tried again now${tries}`);
  }
}

/** A moment as how long it is ago. @param {string} iso */
function ago(iso) {
  return timeOf(iso, 'ago');
}

/** The time that has passed from a moment until now. @param {string} iso */
function span(iso) {
  return timeOf(iso, 'span');
}

/** @param {string} iso @param {'ago' | 'span'} form */
function timeOf(iso, form) {
  const time = document.createElement('time');
  time.dateTime = iso;
  time.title = clock.format(new Date(iso));
  time.dataset['form'] = form;
  setText(time, passed(time));
  return time;
}

/** @param {HTMLTimeElement} time */
function passed(time) {
  const ms = Date.now() + known.skew - Date.parse(time.dateTime);
  if (time.dataset['form'] === 'span') return age(ms);
  return ms < 5000 ? 'just now' : `${age(ms)} ago`;
}

/** @param {number} ms */
function age(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 48 * 3600 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} days`;
}

/** @param {number} ms */
function duration(ms) {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${Number((ms / 1000).toFixed(1))} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** @param {number} bytes */
function size(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let scaled = bytes;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) [scaled, unit] = [scaled / 1000, unit + 1];
  return `${scaled.toFixed(unit === 0 || scaled >= 99.95 ? 0 : 1)} ${units[unit]}`;
}

/** @param {number} count @param {string} noun */
function plural(count, noun) {
  return `${number.format(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** @param {readonly { name: string }[]} targets */
function names(targets) {
  return targets.length > 2 ? `${targets.length} targets` : targets.map(({ name }) => name).join(' and ');
}

/** @param {string} id */
function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new TypeError(`the page has no ${id}`);
  return element;
}

/** A copy of what a template holds. @param {string} id */
function clone(id) {
  const template = /** @type {HTMLTemplateElement} */ (byId(id));
  return /** @type {HTMLElement} */ (template.content.cloneNode(true).childNodes[1]);
}

/** @param {HTMLElement} element @param {string} name */
function field(element, name) {
  const found = element.querySelector(`[data-field="${name}"]`);
  if (!(found instanceof HTMLElement)) throw new TypeError(`the template has no ${name}`);
  return found;
}

/** Touches nothing that is as it should be: screen readers read out what is touched. @param {Element} element @param {string} value */
function setText(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

/** @param {string} tag @param {string} value @param {string} [className] */
function text(tag, value, className = '') {
  const element = document.createElement(tag);
  element.textContent = value;
  if (className !== '') element.className = className;
  return element;
}

/** @param {...Node} children */
function item(...children) {
  const element = document.createElement('li');
  element.append(...children);
  return element;
}
