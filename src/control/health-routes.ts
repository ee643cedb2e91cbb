/**
 * health-routes: what monitors ask, the same over the socket and over HTTP.
 */
import type { Service } from '../daemon/service.js';
import { healthOf, isReady } from './health.js';
import type { Metrics } from './metrics.js';
import { type Routes, sendJson, sendText } from './server.js';

/** The paths of these routes: they tell nothing that another user of this machine may not know. */
export const HEALTH_PATHS: readonly string[] = ['/healthz', '/readyz', '/metrics'];

export function healthRoutes(service: Service, metrics: Metrics): Routes {
  let hasBeenReady = false;
  return {
    'GET /healthz': ({ response }) => {
      const health = healthOf(service.status(), Date.now());
      sendJson(response, health.ok ? 200 : 503, health);
    },
    'GET /readyz': ({ response }) => {
      hasBeenReady ||= isReady(service.status());
      sendJson(response, hasBeenReady ? 200 : 503, { ok: hasBeenReady });
    },
    'GET /metrics': async ({ response }) => sendText(response, 200, metrics.contentType, await metrics.text()),
  };
}
