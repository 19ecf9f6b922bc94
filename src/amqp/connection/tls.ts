import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import type { SecureContext } from 'node:tls';
import { Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import type { Address } from './address.ts';
import type { Pem } from './secure-context.ts';

/** Certificate files and checks; an option wins over the URL's query. */
export interface TlsConfig {
  readonly cacert?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly passphraseFile?: string | undefined;
  readonly servername?: string | undefined;
  readonly insecure: boolean;
}

/** What a TLS socket is opened with. */
export interface TlsOptions {
  readonly secureContext: SecureContext;
  readonly servername?: string;
  readonly rejectUnauthorized: boolean;
}

/**
 * Reads and checks the files of a TLS connection; undefined for a plain one. They are read for each connection anew: a long
 * run picks up renewed certificates.
 *
 * @throws Failure `missing` or `io` for a file that cannot be read, `config` for one that does not hold what it should,
 * `usage` for a certificate without its key
 */
export async function tlsOptions(address: Address, config: TlsConfig): Promise<TlsOptions | undefined> {
  if (!address.tls) return undefined;
  const ca = read('cacert', config.cacert, 'cacertfile', address.cacert);
  const cert = read('cert', config.cert, 'certfile', address.cert);
  const key = read('key', config.key, 'keyfile', address.key);
  const passphrase =
    read('passphraseFile', config.passphraseFile)
      ?.bytes.toString()
      .replace(/\r?\n$/, '') ?? address.passphrase;
  if ((cert === undefined) !== (key === undefined)) throw new Failure('usage', `${option('cert')} and ${option('key')} go together`);
  // Loaded here: node:tls costs a plain connection 3 ms.
  const { secureContext } = await import('./secure-context.ts');
  // An IP address is not a server name; Node looks for it in the certificate.
  const servername = config.servername ?? address.servername ?? (isIP(address.host) === 0 ? address.host : undefined);
  return {
    secureContext: secureContext(ca, cert, key, passphrase),
    ...(servername !== undefined && { servername }),
    rejectUnauthorized: !(config.insecure || address.insecure === true),
  };
}

/** Whether the client has a certificate to show. */
export function hasCertificate(address: Address, config: TlsConfig): boolean {
  return address.tls && (config.cert ?? address.cert) !== undefined;
}

function read(name: string, path: string | undefined, parameter?: string, inUrl?: string): Pem | undefined {
  const file = path ?? inUrl;
  if (file === undefined) return undefined;
  const named = `${path === undefined ? `${parameter} in the URL` : option(name)}: ${file}`;
  try {
    return { named, bytes: readAgain(file) };
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new Failure(missing ? 'missing' : 'io', `${named} ${missing ? 'does not exist' : 'cannot be read'}`, { cause: error });
  }
}

/** Contents of pipes, such as `<(…)` of a shell: a pipe can be read once, but each connection needs its bytes. */
const pipes = new Map<string, Buffer>();

function readAgain(file: string): Buffer {
  const known = pipes.get(file);
  if (known !== undefined) return known;
  const isPipe = !statSync(file).isFile();
  const bytes = readFileSync(file);
  if (isPipe) pipes.set(file, bytes);
  return bytes;
}
