import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { Failure } from '../../model/failure.ts';
import { option } from '../../model/option.ts';

/** A file, and the option or URL parameter that named it. */
export interface Pem {
  readonly named: string;
  readonly bytes: Buffer;
}

/**
 * Checks the certificates of a connection. Node reports a wrong one only in the handshake, and a CA file without certificates never.
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
    // A PEM header is needed: X509Certificate reads DER too, a TLS context does not.
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
    return new Failure('config', `${key.named} is encrypted`, { hint: `${option('passphraseFile', 'PATH')} names a file with its passphrase` });
  }
  if (/bad decrypt/i.test(message)) return new Failure('config', `${key.named} cannot be decrypted: the passphrase is wrong`);
  return noPem(key, 'private key');
}
