/**
 * control: everything by which a running daemon can be spoken to, opened and closed together.
 */
import type { Service } from '../daemon/service.js';
import { claim } from './claim.js';
import { healthRoutes } from './health-routes.js';
import { keepSocket, type OpenSocket } from './keep-socket.js';
import { collectMetrics } from './metrics.js';
import { makeServing } from './server.js';
import { socketRoutes } from './socket-routes.js';
import { openStatusPage } from './status-page.js';

export interface ControlOptions {
  /** See `socketPathsFor`. */
  readonly socketPaths: readonly [string, ...string[]];
  /** `host:port`; false for no status page. */
  readonly http: string | false;
  /** What opens the status page. */
  readonly token?: string | undefined;
  readonly onWarning?: ((text: string) => void) | undefined;
}

export interface Control {
  readonly socketPath: string;
  /** Of the status page. */
  readonly url: string | undefined;
  /** Ends what is open. Another daemon can start when it has resolved. */
  close(): Promise<void>;
}

/**
 * Claims the socket, which makes this the only daemon of its configuration, and shows the status page. Throws a
 * LockedError if another one runs, and a ConfigError if one of the two cannot be opened.
 */
export async function openControl(
  service: Service,
  { socketPaths, http, token, onWarning = () => undefined }: ControlOptions,
): Promise<Control> {
  const metrics = await collectMetrics(service);
  const opened: (() => Promise<void> | void)[] = [metrics.close];
  const close = async (): Promise<void> => {
    for (const each of opened.toReversed()) await each();
  };
  try {
    const [socketPath, ...others] = socketPaths;
    const routes = { ...socketRoutes(service), ...healthRoutes(service, metrics) };
    const open = async (): Promise<OpenSocket> => {
      const serving = makeServing();
      serving.answer(routes);
      const { isThere, release } = await claim(serving.server, socketPath, others);
      return { isThere, close: () => release().then(serving.close) };
    };
    opened.push(await keepSocket(open, onWarning));
    const page = http === false ? undefined : await openStatusPage(service, metrics, { address: http, token });
    if (page !== undefined) opened.push(page.close);
    return { socketPath, url: page?.url, close };
  } catch (error) {
    await close();
    throw error;
  }
}
