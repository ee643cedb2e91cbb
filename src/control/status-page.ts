/**
 * StatusPage: the daemon in a browser, on `daemon.http`. It shows everything as it happens, and can ask for a cycle, for a
 * pause and for the end of it.
 */
import type { ServerResponse } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Service } from '../daemon/service.js';
import { ConfigError } from '../errors.js';
import { codeOf, reasonOf } from '../system-error.js';
import { type Access, checkGuarded, checkSameOrigin, isFromHere, makeAccess } from './access.js';
import { atMostEvery } from './at-most-every.js';
import { EventStream } from './event-stream.js';
import { HEALTH_PATHS, healthRoutes } from './health-routes.js';
import { type HttpAddress, parseHttpAddress, urlOf } from './http-address.js';
import type { Metrics } from './metrics.js';
import { loadPageDocuments, type PageDocument, type PageDocuments } from './page-document.js';
import { type PageHello, pageCycle, pageStatus } from './page-view.js';
import { type Exchange, makeServing, type Routes, readBody, sendJson, sendText } from './server.js';
import { actionRoutes } from './socket-routes.js';

const REPAINT_MS = 200; // faster than that nobody reads
const WRONG_TOKEN_MS = 1000; // before the answer, so that nobody tries many

export interface StatusPageOptions {
  /** `host:port`, as in `daemon.http`. */
  readonly address: string;
  /** Of at least 16 characters. Needed unless only this machine can reach the address. */
  readonly token: string | undefined;
}

export interface StatusPage {
  /** Where it is, with the real port. */
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Throws a ConfigError if it cannot listen there, or may not without a token. */
export async function openStatusPage(
  service: Service,
  metrics: Metrics,
  { address, token }: StatusPageOptions,
): Promise<StatusPage> {
  checkGuarded({ address, token });
  const wanted = parseHttpAddress(address);
  const documents = await loadPageDocuments();
  const serving = makeServing();
  const port = await listen(serving.server, wanted, address);
  const access = makeAccess({ ...wanted, port }, token);
  serving.answer(routesOf(service, metrics, access, documents), (exchange) => admit(exchange, access));
  return { url: urlOf({ ...wanted, port }), close: serving.close };
}

function listen(server: Server, { host, port }: HttpAddress, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const reason = codeOf(error) === 'EADDRINUSE' ? 'another program listens there' : reasonOf(error);
      const advice = 'set daemon.http to another address, or to false';
      reject(new ConfigError(`cannot show the status page at ${address}: ${reason}; ${advice}`, { cause: error }));
    });
    server.listen(port, host, () => resolve((server.address() as AddressInfo).port));
  });
}

async function admit({ request, url }: Exchange, access: Access): Promise<void> {
  if (access.triesToken(request)) await sleep(WRONG_TOKEN_MS);
  access.checkOrigin(request);
  const isForMonitors = HEALTH_PATHS.includes(url.pathname) && isFromHere(request);
  const isDoor = url.pathname === '/' || url.pathname === '/login'; // whoever is not known is shown the form there
  if (!isForMonitors && !isDoor) access.checkKnown(request);
  if (request.method === 'POST' && !isDoor) access.checkAction(request);
}

function routesOf(service: Service, metrics: Metrics, access: Access, documents: PageDocuments): Routes {
  return {
    ...healthRoutes(service, metrics),
    ...actionRoutes(service),
    'GET /': ({ request, response }) => {
      if (access.knows(request)) sendPage(response, 200, documents.page);
      else sendPage(response, 401, documents.login);
    },
    'POST /login': (exchange) => logIn(exchange, access, documents),
    'GET /status': ({ response }) => sendJson(response, 200, service.status()),
    'GET /events': (exchange) => streamStatus(service, access, exchange),
  };
}

async function logIn({ request, response }: Exchange, access: Access, documents: PageDocuments): Promise<void> {
  checkSameOrigin(request);
  const token = new URLSearchParams(await readBody(request)).get('token') ?? '';
  const cookie = access.cookieFor(token);
  if (cookie === undefined) {
    await sleep(WRONG_TOKEN_MS);
    return sendPage(response, 401, documents.loginAgain);
  }
  response.writeHead(303, { location: '/', 'set-cookie': cookie, 'content-length': 0 });
  response.end();
}

function sendPage(response: ServerResponse, status: number, { html, policy }: PageDocument): void {
  response.setHeader('content-security-policy', policy);
  response.setHeader('x-frame-options', 'DENY');
  response.setHeader('referrer-policy', 'same-origin'); // with none at all, a form would not say where it comes from
  response.setHeader('cross-origin-opener-policy', 'same-origin');
  sendText(response, status, 'text/html; charset=utf-8', html);
}

/** First everything, then what is new: the state as a whole, at most five times a second, and each cycle. */
function streamStatus(service: Service, access: Access, { response, closing }: Exchange): void {
  const stream = new EventStream(
    response,
    { type: 'text/event-stream', heartbeat: message('heartbeat', {}), closing },
    () => {
      unsubscribe();
      tellState.cancel();
    },
  );
  const hello: PageHello = {
    token: access.pageToken,
    status: pageStatus(service.status(), Date.now()),
    cycles: service.status().cycles.map(pageCycle),
  };
  stream.send(message('hello', hello));
  const tellState = atMostEvery(REPAINT_MS, () => {
    // The next state tells all that this one does.
    if (!stream.offer(message('status', pageStatus(service.status(), Date.now())))) tellState();
  });
  const unsubscribe = service.subscribe((event) => {
    if (event.kind === 'cycle') stream.send(message('cycle', pageCycle(event.cycle)));
    if (event.kind === 'warning' && !isInStatus(event.text, service))
      stream.send(message('warning', { text: event.text }));
    tellState();
  });
}

/** What is wrong with the configuration is shown with the state, for as long as it is. */
function isInStatus(warning: string, service: Service): boolean {
  const { configError } = service.status();
  return configError !== null && warning.endsWith(configError);
}

/** One message of Server-Sent Events. JSON has no line breaks of its own. */
function message(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
