import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { Failure } from '../../model/failure.ts';
import type { Address } from './address.ts';

/** Certificate files and checks, as flags give them; what a URL's query says is used where a flag says nothing. */
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
 * Reads and checks the files of a TLS connection; undefined for a plain one. They are read for each connection anew, so
 * that a long run picks up certificates that were renewed.
 *
 * @throws Failure `missing` or `io` for a file that cannot be read, `config` for one that does not hold what it should,
 * `usage` for a certificate without its key
 */
export async function tlsOptions(address: Address, config: TlsConfig): Promise<TlsOptions | undefined> {
  if (!address.tls) return undefined;
  const ca = read('--cacert', config.cacert, 'cacertfile', address.cacert);
  const cert = read('--cert', config.cert, 'certfile', address.cert);
  const key = read('--key', config.key, 'keyfile', address.key);
  const passphrase =
    read('--passphrase-file', config.passphraseFile)
      ?.bytes.toString()
      .replace(/\r?\n$/, '') ?? address.passphrase;
  if ((cert === undefined) !== (key === undefined)) throw new Failure('usage', '--cert and --key go together');
  // Loaded here because node:tls costs a plain connection 3 ms.
  const { secureContext } = await import('./tls.ts');
  // An IP address is no name that the broker could choose a certificate by; Node looks for it in the certificate.
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

function read(flag: string, path: string | undefined, parameter?: string, inUrl?: string): Pem | undefined {
  const file = path ?? inUrl;
  if (file === undefined) return undefined;
  const named = `${path === undefined ? `${parameter} in the URL` : flag}: ${file}`;
  try {
    return { named, bytes: readAgain(file) };
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    throw new Failure(missing ? 'missing' : 'io', `${named} ${missing ? 'does not exist' : 'cannot be read'}`, { cause: error });
  }
}

/** What came out of pipes, such as the `<(…)` of a shell: they can be read only once, but connections are opened again. */
const pipes = new Map<string, Buffer>();

function readAgain(file: string): Buffer {
  const known = pipes.get(file);
  if (known !== undefined) return known;
  const isPipe = !statSync(file).isFile();
  const bytes = readFileSync(file);
  if (isPipe) pipes.set(file, bytes);
  return bytes;
}

/** A file, and who named it. */
export interface Pem {
  readonly named: string;
  readonly bytes: Buffer;
}

/**
 * The certificates of a connection, checked: Node would say only in the handshake, and of a useless CA file never, what is
 * wrong with them.
 *
 * @throws Failure `config`
 */
export function secureContext(ca: Pem | undefined, cert: Pem | undefined, key: Pem | undefined, passphrase: string | undefined): SecureContext {
  for (const pem of [ca, cert]) if (pem !== undefined) checkCertificate(pem);
  const secret = { ...(key && { key: key.bytes }), ...(passphrase !== undefined && { passphrase }) };
  if (key !== undefined) attempt(secret, (error) => keyFailure(key, passphrase, error));
  return attempt({ ...secret, ...(ca && { ca: ca.bytes }), ...(cert && { cert: cert.bytes }) }, (cause) => {
    return new Failure('config', 'the client certificate and its key do not belong together', { cause });
  });
}

function attempt(options: SecureContextOptions, failure: (error: Error) => Failure): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    throw failure(error as Error);
  }
}

function checkCertificate(pem: Pem): void {
  try {
    // It would take DER too, which a TLS context does not.
    if (!pem.bytes.includes('-----BEGIN ')) throw new Error('no PEM');
    new X509Certificate(pem.bytes);
  } catch {
    throw noPem(pem, 'certificate');
  }
}

function noPem({ named }: Pem, what: string): Failure {
  return new Failure('config', `${named} holds no ${what} that can be read`, { hint: 'it must be in PEM form: -----BEGIN …' });
}

function keyFailure(key: Pem, passphrase: string | undefined, { message }: Error): Failure {
  if (passphrase === undefined && /ENCRYPTED/.test(key.bytes.toString('latin1'))) {
    return new Failure('config', `${key.named} is encrypted`, { hint: '--passphrase-file PATH names a file with its passphrase' });
  }
  if (/bad decrypt/i.test(message)) return new Failure('config', `${key.named} cannot be decrypted: the passphrase is wrong`);
  return noPem(key, 'private key');
}
