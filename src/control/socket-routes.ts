/**
 * socket-routes: what can be asked over the control socket, and how it is answered.
 *
 * Who can open the socket is the user of the daemon, and may do everything.
 */
import type { ServerResponse } from 'node:http';
import type { DaemonEvent, Service } from '../daemon/service.js';
import { ConfigError } from '../errors.js';
import { failureOf } from '../system-error.js';
import { EventStream } from './event-stream.js';
import { type Exchange, type Routes, readJson, sendJson } from './server.js';
import { parseTrigger, type TriggerLine, type TriggerRequest } from './wire.js';

const SIGN_MS = 10_000; // a third of the silence that is minded

/** Those that change something; shared with the status page. */
export function actionRoutes(service: Service): Routes {
  return {
    'POST /trigger': (exchange) => answerTrigger(service, exchange),
    'POST /pause': ({ response }) => {
      service.pause();
      sendJson(response, 200, { paused: true });
    },
    'POST /resume': ({ response }) => {
      service.resume();
      sendJson(response, 200, { paused: false });
    },
  };
}

export function socketRoutes(service: Service): Routes {
  return {
    ...actionRoutes(service),
    'GET /status': ({ response }) => sendJson(response, 200, service.status()),
    'GET /events': (exchange) => streamEvents(service, exchange),
    'POST /reload': async ({ response }) => {
      await withSigns(response, service.reload());
      sendJson(response, 200, { reloaded: true });
    },
    'POST /stop': ({ response }) => {
      // The answer leaves before the end begins.
      response.once('finish', () => service.stop());
      sendJson(response, 202, { stopping: true });
    },
  };
}

/** To take a configuration waits for the local work under way, and who asked would take a long silence for the end of the daemon. */
async function withSigns(response: ServerResponse, work: Promise<void>): Promise<void> {
  const signs = setInterval(() => response.writeProcessing(), SIGN_MS);
  await work.finally(() => clearInterval(signs));
}

function streamEvents(service: Service, exchange: Exchange): void {
  const stream = lines(exchange, () => unsubscribe());
  const unsubscribe = service.subscribe((event) => tell(stream, event));
}

async function answerTrigger(service: Service, exchange: Exchange): Promise<void> {
  const request = parseTrigger(await readJson(exchange.request));
  await refuseUnknown(request.targets, service, exchange.response);
  if (exchange.response.destroyed) return; // who asked has left meanwhile
  const { wait, ...options } = request;
  if (wait) return streamTrigger(service, options, exchange);
  await withSigns(exchange.response, service.takeUpConfig()); // by another one nothing is done
  // How it ends stands in the status.
  service.trigger(options).catch(() => {});
  sendJson(exchange.response, 202, { triggered: true });
}

/** Of the configuration as it lies on the disk: whoever asks may just have written the target there. */
async function refuseUnknown(targets: readonly string[], service: Service, response: ServerResponse): Promise<void> {
  const namesNow = (): string[] => service.status().targets.map(({ name }) => name);
  const isUnknown = (name: string): boolean => !namesNow().includes(name);
  if (targets.some(isUnknown)) await withSigns(response, service.takeUpConfig());
  const [known, unknown] = [namesNow(), targets.find(isUnknown)];
  if (unknown === undefined) return;
  const names = known.length === 0 ? 'there is none' : `there are ${known.join(', ')}`;
  throw new ConfigError(`cannot sync ${JSON.stringify(unknown)}: no such target; ${names}`);
}

async function streamTrigger(
  service: Service,
  options: Omit<TriggerRequest, 'wait'>,
  exchange: Exchange,
): Promise<void> {
  const stream = lines(exchange, () => unsubscribe());
  const unsubscribe = service.subscribe((event) => {
    if (event.kind !== 'changed') tell(stream, event);
  });
  try {
    stream.send(line({ kind: 'result', document: await service.trigger(options) }));
  } catch (error) {
    stream.send(line({ kind: 'error', error: failureOf(error) }));
  }
  stream.end();
}

function lines({ response, closing }: Exchange, onEnd: () => void): EventStream {
  const heartbeat = line({ kind: 'heartbeat' });
  return new EventStream(response, { type: 'application/x-ndjson', heartbeat, closing }, onEnd);
}

/** Progress comes by the ten thousand, and the next tells as much. */
function tell(stream: EventStream, event: DaemonEvent): void {
  if (event.kind === 'progress') stream.offer(line(event));
  else stream.send(line(event));
}

function line(value: TriggerLine): string {
  return `${JSON.stringify(value)}\n`;
}
