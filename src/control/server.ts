/**
 * server: node:http with the limits that a server needs which stands for a year, and a table of routes.
 *
 * Whoever may connect may say anything: what is not understood is refused with `{"error": {code, message}}`.
 */
import { setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { ControlError } from '../errors.js';
import { failureOf } from '../system-error.js';
import { httpStatusOf } from './wire.js';

const MOST_CONNECTIONS = 128;
const LONGEST_BODY = 64 * 1024; // bytes
const FAREWELL_MS = 500; // for what is being said when the server is closed

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** Aborted when the server is about to be closed: streams end then. */
  readonly closing: AbortSignal;
}

type Handler = (exchange: Exchange) => Promise<void> | void;

/** By method and path: `GET /status`. */
export type Routes = Readonly<Record<string, Handler>>;

/** Throws a ControlError for who may not ask. */
export type Admit = (exchange: Exchange) => void | Promise<void>;

export interface Serving {
  readonly server: Server;
  /** Once, before anybody can ask. */
  readonly answer: (routes: Routes, admit?: Admit) => void;
  /** Ends streams, answers what was asked, and lets nobody in any more. */
  readonly close: () => Promise<void>;
}

/** A server that is yet to listen. */
export function makeServing(): Serving {
  const closing = new AbortController();
  setMaxListeners(0, closing.signal); // one for each stream
  const server = createServer({
    headersTimeout: 10_000,
    requestTimeout: 20_000,
    keepAliveTimeout: 5000,
    connectionsCheckingInterval: 5000,
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.on('clientError', refuseNoise);
  server.on('error', () => {}); // a connection that could not be accepted is asked for again; listening has its own handler
  return {
    server,
    answer: (routes, admit = () => {}) =>
      void server.on('request', (request, response) => void handle(routes, admit, request, response, closing.signal)),
    close: () => close(server, closing),
  };
}

async function handle(
  routes: Routes,
  admit: Admit,
  request: IncomingMessage,
  response: ServerResponse,
  closing: AbortSignal,
): Promise<void> {
  try {
    const exchange = { request, response, url: urlOf(request), closing };
    await admit(exchange);
    await handlerFor(routes, exchange)(exchange);
  } catch (error) {
    if (response.headersSent) response.destroy();
    else sendError(response, error);
  }
}

function urlOf({ url = '' }: IncomingMessage): URL {
  // An absolute URL in the request line would name another host than the header that was looked at.
  if (url.startsWith('/') && !url.startsWith('//') && URL.canParse(url, 'http://daemon'))
    return new URL(url, 'http://daemon');
  throw new ControlError('BAD_REQUEST', 'cannot answer: the request names no path');
}

function handlerFor(routes: Routes, { request, url }: Exchange): Handler {
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const key = `${method} ${url.pathname}`;
  const handler = Object.hasOwn(routes, key) ? routes[key] : undefined;
  if (handler !== undefined) return handler;
  const isKnown = Object.keys(routes).some((each) => each.endsWith(` ${url.pathname}`));
  throw isKnown
    ? new ControlError('WRONG_METHOD', 'cannot answer: this path is asked in another way')
    : new ControlError('NOT_FOUND', 'cannot answer: there is nothing under this path');
}

export function sendJson(response: ServerResponse, status: number, document: unknown): void {
  const text = `${JSON.stringify(document)}\n`;
  sendText(response, status, 'application/json; charset=utf-8', text);
}

export function sendText(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}

function sendError(response: ServerResponse, error: unknown): void {
  // What is left of a body that was refused is not read: it would be taken for the next request.
  response.setHeader('connection', 'close');
  if (error instanceof ControlError && error.code === 'UNAUTHORIZED') response.setHeader('www-authenticate', 'Bearer');
  sendJson(response, httpStatusOf(error), { error: failureOf(error) });
}

/** The body of a request. Throws a ControlError for one that is longer than any that makes sense. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > LONGEST_BODY) throw new ControlError('TOO_LARGE', 'cannot read the request: it is larger than 64 KiB');
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

/** The body as JSON; undefined for none. Throws a ControlError for anything else. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const text = await readBody(request);
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ControlError('BAD_REQUEST', 'cannot read the request: it is not JSON', { cause: error });
  }
}

/** What is not even HTTP. */
function refuseNoise(_error: Error, socket: Duplex): void {
  const text = JSON.stringify({ error: { code: 'BAD_REQUEST', message: 'cannot read the request: it is not HTTP' } });
  if (socket.writable) {
    socket.end(
      `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`,
    );
  } else socket.destroy();
}

async function close(server: Server, closing: AbortController): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  closing.abort();
  const farewell = setTimeout(() => server.closeAllConnections(), FAREWELL_MS);
  await closed;
  clearTimeout(farewell);
}
