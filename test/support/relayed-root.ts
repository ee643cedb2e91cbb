/** A filled STATIC_ROOT whose target is reached by way of a relay, which counts and slows what travels. */
import { onTestFinished } from 'vitest';
import { type Relay, startRelay } from '../bench/relay.js';
import { type FilledRoot, makeFilledRoot } from './filled-root.js';
import type { OpenSshServer } from './openssh-server.js';
import { on } from './project.js';

export async function makeRelayedRoot(
  server: OpenSshServer,
  compress: 'auto' | 'on' | 'off',
): Promise<{ readonly scene: FilledRoot; readonly relay: Relay }> {
  const relay = await startRelay(server.port, 0);
  onTestFinished(() => relay.stop());
  const scene = await makeFilledRoot(server);
  const { url, identityFile, sshConfig } = on(server, scene.target);
  const byRelay = url.replace(`:${server.port}`, `:${relay.port}`);
  const web = { url: byRelay, identityFile, sshConfig, hostKey: server.fingerprint };
  await scene.configure({ targets: { web }, push: { compress } });
  return { scene, relay };
}
