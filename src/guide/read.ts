import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Failure } from '../model/failure.ts';

/** In the package the program is a bundle, and the pages lie where they lie here. */
const pages = basename(import.meta.dirname) === 'guide' ? import.meta.dirname : join(import.meta.dirname, '../src/guide');

/**
 * The Markdown of a page.
 *
 * @throws Failure `io`
 */
export async function readPage(name: string): Promise<string> {
  const file = join(pages, `${name}.md`);
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Failure('io', `cannot read ${file}`, { cause: error, hint: 'install rmq again' });
  }
}
