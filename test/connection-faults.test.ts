/** Connections to a real OpenSSH server that are unusual and no fault of ours. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { noise } from './support/noise.js';
import { type OpenSshServer, startOpenSsh } from './support/openssh-server.js';
import { differences, makeProject, on } from './support/project.js';
import { plant, temporaryFolder } from './support/tree.js';

const MIB = 1024 * 1024;

describe('a server', () => {
  it.each(['on', 'off'])(
    'that changes its keys every megabyte loses nothing, with compression %s (F12)',
    async (compress) => {
      const server = await serve('RekeyLimit 1M');
      const target = join(await temporaryFolder(), 'static');
      const project = await makeProject({ targets: { web: on(server, target) }, push: { compress } });
      const texts = Array.from({ length: 300 }, (_, i) => [`assets/${i}.css`, `rule ${i};`.repeat(500)] as const);
      await plant(project.folder, { ...Object.fromEntries(texts), 'assets/large.bin': noise(16 * MIB, 1) });
      expect(await project.sync()).toMatchObject({ status: 0, targets: [{ problems: [] }] });
      expect(differences(project.root, target)).toBe('');
    },
  );

  it('whose login script prints something is named as that, and nothing hangs (F14)', async () => {
    const script = join(await temporaryFolder(), 'sftp');
    await writeFile(script, '#!/bin/sh\necho Welcome to this machine\nexec /usr/lib/openssh/sftp-server\n');
    await chmod(script, 0o755);
    const server = await serve(`Subsystem sftp ${script}`);
    const project = await makeProject(
      { targets: { web: on(server, join(await temporaryFolder(), 'static')) } },
      { 'assets/a.css': 'a' },
    );
    const { status, stderr } = await project.program.run('sync');
    expect([status, stderr]).toEqual([1, expect.stringContaining('does not speak SFTP: it sent "Welcome')]);
  });
});

async function serve(line: string): Promise<OpenSshServer> {
  const server = await startOpenSsh({ extra: [line] });
  onTestFinished(() => server.stop());
  return server;
}
