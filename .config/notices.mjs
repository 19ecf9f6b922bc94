// The licences of what is bundled, which their authors ask to go along with it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes them for every package of which a bundle has a part. */
export function writeNotices(results, file) {
  const inputs = results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
  const found = new Set(inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? []));
  writeFileSync(
    file,
    [...found]
      .sort()
      .map(notice)
      .join(`\n${'-'.repeat(80)}\n\n`),
  );
}

function notice(directory) {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const texts = readdirSync(directory).filter((entry) => /^(licen[cs]e|copying|notice)/i.test(entry));
  if (texts.length === 0) throw new Error(`${name} is bundled, and has no file with its licence`);
  return `${name} ${version} (${license})\n\n${texts.map((entry) => `${readFileSync(join(directory, entry), 'utf8').trim()}\n`).join('\n')}`;
}
