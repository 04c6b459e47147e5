'use strict';

const PERIOD_MILLIS = 2000;
const RETRY_MILLIS = 10000;
const MAX_MINUTES = 10;
const REASONS = {
  connections: 'Too many connections',
  pending: 'Too many pending',
  streams: 'Too many streams',
  total: 'Too many in all',
  rate: 'Too many in a short time',
  network: 'Too many in their network',
  cluster: 'More than the cluster leaves to this node',
  handshake: 'Closed: handshake not completed in time',
  first_byte: 'Closed: no first byte in time',
  header: 'Closed: header not completed in time'
};
const SVG = 'http://www.w3.org/2000/svg';

const numbers = new Intl.NumberFormat('en');
const byId = id => document.getElementById(id);

let timer = 0;
let paused = false;
let asking = false;

/** An element with attributes and text; nothing that comes from the server is ever parsed as HTML. */
function element(name, attributes, ...children) {
  const made = ['svg', 'path', 'line', 'text'].includes(name)
    ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function setText(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

function banner(id, text) {
  setText(id, text);
  byId(id).hidden = text === '';
}

/** Replaces the children that are others than before: a reader keeps the place, and a selection stays. */
function replace(parent, children) {
  children.forEach((child, i) => {
    const old = parent.children[i];
    if (!old) parent.append(child);
    else if (!old.isEqualNode(child)) old.replaceWith(child);
  });
  while (parent.children.length > children.length) parent.lastElementChild.remove();
}

const sum = values => values.reduce((total, value) => total + value, 0);
const added = (...series) => series[0].map((_, i) => sum(series.map(values => values[i])));

/** The intervals with their ends in seconds before now, at most 0. */
function timeline(seconds) {
  let end = -sum(seconds);
  return seconds.map(length => ({ from: end, to: (end += length) }));
}

/** How much of what was counted in the intervals falls into the last seconds; by share where one reaches across. */
function during(intervals, counts, seconds) {
  return sum(counts.map((count, i) => {
    const { from, to } = intervals[i];
    const inside = to - Math.max(from, -seconds);
    return inside <= 0 ? 0 : count * Math.min(1, inside / (to - from));
  }));
}

/** 1, 2 or 5 times a power of ten, and no less than the value. */
function roundedUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 5, 10].map(factor => factor * power).find(candidate => candidate >= value);
}

/** How many minutes to draw: what there is, from 1 to 10. */
function minutes(intervals) {
  return Math.min(Math.max(Math.ceil(-intervals[0].from / 60), 1), MAX_MINUTES);
}

/** Draws steps: one value for each interval. */
function plot(svg, intervals, lines) {
  const seconds = minutes(intervals) * 60;
  const width = svg.clientWidth || 600;
  const height = svg.clientHeight || 144;
  const bottom = height - 20;
  const visible = intervals.map(({ to }) => to > -seconds);
  const top = roundedUp(Math.max(...lines.flatMap(line => line.values.filter((_, i) => visible[i])), 0));
  const x = time => (Math.max(time / seconds, -1) + 1) * width;
  const y = value => bottom - value / top * (bottom - 16);
  const drawn = [
    element('line', { class: 'grid', x1: 0, x2: width, y1: y(top), y2: y(top) }),
    element('line', { class: 'grid', x1: 0, x2: width, y1: bottom, y2: bottom }),
    element('text', { x: 0, y: y(top) - 4 }, numbers.format(top)),
    element('text', { x: 0, y: height - 4 }, seconds === 60 ? '1 minute ago' : `${seconds / 60} minutes ago`),
    element('text', { x: width, y: height - 4, 'text-anchor': 'end' }, 'now')];
  for (const line of lines) {
    const steps = intervals.map(({ from, to }, i) =>
      visible[i] ? `L${x(from).toFixed(1)} ${y(line.values[i]).toFixed(1)}H${x(to).toFixed(1)}` : '').join('');
    drawn.push(element('path', { class: line.style, d: steps.replace('L', 'M') }));
  }
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  svg.replaceChildren(...drawn);
}

function showFigures(data) {
  const limit = data.limit === 0 ? 'none' : numbers.format(data.limit);
  const figures = [
    ['Limit of a client', limit], ['Open connections', numbers.format(data.open)],
    ['Clients', numbers.format(data.clients)], ['Largest client', numbers.format(data.largestClient)],
    ['Pending', numbers.format(data.pending)], ['Streams', numbers.format(data.streams)]];
  if (data.maxTotal > 0) figures.push(['Limit of all', numbers.format(data.maxTotal)]);
  if (data.enforceAbove > 0) figures.push(['Enforced from', numbers.format(data.enforceAbove)]);
  if (data.tarpitOpen > 0) figures.push(['Held in the tarpit', numbers.format(data.tarpitOpen)]);
  if (data.unnamedClients > 0) figures.push(['Clients that a proxy did not name', numbers.format(data.unnamedClients)]);
  if (data.errors > 0) figures.push(['Errors, see the log', numbers.format(data.errors)]);
  if (data.forgotten > 0) figures.push(['Forgotten, see the log', numbers.format(data.forgotten)]);
  replace(byId('figures'), figures.map(([name, figure]) =>
    element('div', {}, element('dt', {}, name), element('dd', {}, figure))));
}

/** The table of a node of a cluster, and a banner while its Redis does not do what it is asked for. */
function showCluster(node) {
  byId('node').hidden = !node;
  banner('cluster', !node || node.connected && node.away === 0 ? ''
    : `The Redis of the cluster fails: onClusterError=${node.onClusterError} holds for ${numbers.format(node.away)} clients. `
      + `It last did what it was asked for ${Math.round(node.millisSinceLastAnswer / 1000)} s ago.`);
  if (!node) return;
  const figures = [
    ['Clients with a reservation', node.reservations], ['Connections reserved', node.reserved],
    ['Requests', node.requests], ['Got more', node.granted], ['Got nothing more', node.denied],
    ['Failed requests', node.failed], ['Clients without the Redis', node.away]];
  replace(byId('shared'), figures.map(([name, figure]) =>
    element('div', {}, element('dt', {}, name), element('dd', {}, numbers.format(figure)))));
}

function showPlots(data, intervals) {
  const history = data.history;
  const perSecond = counts => counts.map((count, i) => history.seconds[i] > 0 ? count / history.seconds[i] : 0);
  const refused = added(...Object.keys(data.refused).map(reason => history[reason]));
  const lines = [
    { name: 'admitted', style: 'admitted', counts: history.admitted },
    { name: 'refused', style: 'refused', counts: refused }];
  if (data.dryRun || data.wouldRefuse > 0) {
    lines.push({ name: 'would be refused', style: 'would', counts: history.wouldRefuse });
  }
  plot(byId('open'), intervals, [{ style: 'admitted', values: history.open }]);
  plot(byId('rates'), intervals, lines.map(({ style, counts }) => ({ style, values: perSecond(counts) })));
  replace(byId('legend'), lines.map(line => element('li', {},
    element('svg', { viewBox: '0 0 32 10', 'aria-hidden': 'true' }, element('path', { class: line.style, d: 'M0 5H32' })),
    line.name)));
  const recent = history.open.filter((_, i) => intervals[i].to > -MAX_MINUTES * 60);
  setText('open-text', `${numbers.format(data.open)} now. At most ${numbers.format(Math.max(data.open, ...recent))}`
    + ' in the last 10 minutes, while somebody had this page open.');
  setText('rates-text', 'Over the last minute: ' + lines.map(({ name, counts }) =>
    `${numbers.format(Math.round(during(intervals, counts, 60)))} ${name}`).join(', ') + '.');
}

function showRefusals(data, intervals) {
  const history = data.history;
  const reasons = Object.entries({ ...data.refused, ...data.timedOut })
    .map(([reason, total]) => [REASONS[reason] ?? reason, history[reason], total]);
  if (data.dryRun || data.wouldRefuse > 0 || data.wouldTimeOut > 0) {
    reasons.push(['Dry run: would be refused', history.wouldRefuse, data.wouldRefuse],
      ['Dry run: would be closed', history.wouldTimeOut, data.wouldTimeOut]);
  }
  replace(byId('refusals'), reasons.map(([reason, counts, total]) => element('tr', {},
    element('th', { scope: 'row' }, reason),
    ...[during(intervals, counts, 60), during(intervals, counts, MAX_MINUTES * 60), total]
      .map(count => element('td', {}, numbers.format(Math.round(count)))))));
}

function share(client) {
  if (client.limit === 0) return ['–'];
  const percent = Math.round(client.open / client.limit * 100);
  return [
    element('meter', {
      max: client.limit, low: client.limit / 2, high: client.limit * 0.9, optimum: 0, value: client.open, 'aria-hidden': 'true' }),
    element('span', { class: client.open >= client.limit ? 'share full' : 'share' }, percent + '%')];
}

function showClients(data) {
  byId('clients').hidden = !data.topClients;
  const rows = (data.topClients || []).map(client => element('tr', {},
    element('th', { scope: 'row' }, client.client),
    element('td', {}, numbers.format(client.open)),
    element('td', {}, client.limit === 0 ? 'none' : numbers.format(client.limit)),
    element('td', {}, ...share(client)),
    element('td', {}, numbers.format(client.pending)),
    element('td', {}, numbers.format(client.streams))));
  replace(byId('top'), rows.length > 0 ? rows
    : [element('tr', {}, element('td', { colspan: 6 }, 'Nobody has a connection.'))]);
}

function showNetworks(data) {
  const networks = data.topNetworks || [];
  byId('networks').hidden = networks.length === 0;
  replace(byId('fullest'), networks.map(network => element('tr', {},
    element('th', { scope: 'row' }, network.network),
    element('td', {}, numbers.format(network.open)),
    element('td', {}, numbers.format(network.limit)),
    element('td', {}, ...share(network)))));
}

function show(data) {
  document.title = `${data.open} open: connlimit ${data.name}`;
  setText('name', ' ' + data.name);
  banner('dry-run', data.dryRun
    ? 'Dry run: nothing is refused and nothing is closed. The page shows what would have been.' : '');
  const intervals = timeline(data.history.seconds);
  showFigures(data);
  showCluster(data.cluster);
  showPlots(data, intervals);
  showRefusals(data, intervals);
  showClients(data);
  showNetworks(data);
}

async function ask() {
  const response = await fetch('?view=data', { cache: 'no-store', signal: AbortSignal.timeout(RETRY_MILLIS) });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.json();
}

async function update() {
  clearTimeout(timer);
  if (paused || document.hidden || asking) return;
  asking = true;
  let wait = PERIOD_MILLIS;
  try {
    show(await ask());
    banner('trouble', '');
    setText('state', paused ? 'Paused' : 'Live');
  } catch (error) {
    wait = RETRY_MILLIS;
    banner('trouble', `No figures from the server (${error.message}). What you see is old; the page keeps trying.`);
    setText('state', 'Not live');
  }
  asking = false;
  timer = setTimeout(update, wait);
}

byId('pause').addEventListener('click', () => {
  paused = !paused;
  setText('pause', paused ? 'Go on' : 'Pause');
  setText('state', paused ? 'Paused' : 'Live');
  update();
});
document.addEventListener('visibilitychange', update);
update();
