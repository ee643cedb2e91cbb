/**
 * openTarget: from a target's configuration to an open Target. The only file that knows all kinds of targets, and the
 * only one that loads their libraries, each when it is used.
 */
import { controlPath } from '../config/address.js';
import type { TargetConfig } from '../config/schema.js';
import type { Secrets } from '../config/secrets.js';
import type { Target } from './target.js';

export interface OpenOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly secrets: Secrets;
  readonly signal?: AbortSignal | undefined;
  readonly onWarning?: (text: string) => void;
}

/** Errors: TargetError 'unreachable', 'auth', 'host-key', or what is wrong with the folder. */
export async function openTarget(config: TargetConfig, options: OpenOptions): Promise<Target> {
  const { address, url } = config;
  const place = { url, root: address.path, control: controlPath(address, config.control) };
  if (address.kind === 'file') {
    const { openLocal } = await import('./local.js');
    return openLocal({ ...place, signal: options.signal });
  }
  const [{ connectSsh }, { openSftp }] = await Promise.all([import('./ssh/ssh.js'), import('./sftp/sftp.js')]);
  const { identityFile, knownHosts, hostKey, sshConfig, compress, allowNonAtomic } = config;
  const settings = { ...address, ...options.secrets, identityFile, knownHosts, hostKey, sshConfig };
  return openSftp(await connectSsh({ ...settings, compress: compress === 'on' ? 'on' : 'off' }, options), {
    ...place,
    compress,
    allowNonAtomic,
    onWarning: options.onWarning,
  });
}
