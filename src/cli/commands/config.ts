/**
 * `pushstatic config`: the effective configuration, or whether it is right, or the schema of the file.
 */
import { readFile } from 'node:fs/promises';
import { EXIT, type ExitStatus } from '../../errors.js';
import type { CommandInput } from '../command-input.js';
import { packageFile } from '../package-files.js';

export async function configCommand(
  { output, process }: CommandInput,
  options: { check?: boolean; schema?: boolean },
): Promise<ExitStatus> {
  if (options.schema === true) {
    process.stdout.write(await readFile(packageFile('config/pushstatic.schema.json'), 'utf8'));
    return EXIT.done;
  }
  const { loadConfig } = await import('../../config/load.js');
  const { config: file } = output.flags;
  const config = await loadConfig({ ...(file === undefined ? {} : { file }), cwd: process.cwd(), env: process.env });
  if (options.check === true) {
    const [{ secretsOf }, { requireSupported }] = await Promise.all([
      import('../../config/secrets.js'),
      import('../../config/supported.js'),
    ]);
    requireSupported(config);
    for (const target of config.targets) await secretsOf(target, process.env);
    output.print(`${config.file} is right`);
    output.document({ ok: true, file: config.file });
    return EXIT.done;
  }
  const [{ describeConfig }, { default: yaml }] = await Promise.all([
    import('../../config/describe.js'),
    import('yaml'),
  ]);
  output.print(`# ${config.file}`, yaml.stringify(describeConfig(config)).trimEnd());
  output.document(describeConfig(config));
  return EXIT.done;
}
