/**
 * The demo's site: a folder of assets to publish, and the changes that a day of work makes to it.
 *
 * The assets are those of published packages, development dependencies of this one: style sheets, scripts, fonts, images.
 */
import { appendFile, cp, mkdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ConfigError } from '../errors.js';

const PACKAGES = ['leaflet', 'katex'] as const;

/** One change, and the words for it. */
export interface Edit {
  readonly title: string;
  readonly make: () => Promise<void>;
}

/** Plants the site in `folder`. `assets`, if given, takes the place of the packages. */
export async function plantSite(folder: string, assets: string | undefined): Promise<void> {
  await mkdir(folder, { recursive: true });
  if (assets !== undefined) return cp(assets, folder, { recursive: true });
  for (const name of PACKAGES) await cp(join(packageFolder(name), 'dist'), join(folder, name), { recursive: true });
}

/** What happens to the site of the packages after its first push. */
export function editsOf(folder: string): Edit[] {
  const css = join(folder, 'leaflet', 'leaflet.css');
  return [
    {
      title: 'An edit: one rule more in leaflet/leaflet.css',
      make: () => appendFile(css, '\n.leaflet-popup { z-index: 700; }\n'),
    },
    { title: 'A removal: katex/README.md', make: () => rm(join(folder, 'katex', 'README.md')) },
    {
      title: 'A rename: leaflet/images/marker-icon.png becomes pin.png',
      make: () =>
        rename(join(folder, 'leaflet', 'images', 'marker-icon.png'), join(folder, 'leaflet', 'images', 'pin.png')),
    },
  ];
}

function packageFolder(name: string): string {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
  } catch (cause) {
    throw new ConfigError(
      `the demo's site is made from the packages ${PACKAGES.join(' and ')}, and ${name} is not installed here; publish a folder of your own instead: pushstatic demo FOLDER`,
      { cause },
    );
  }
}
