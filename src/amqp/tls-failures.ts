import { Failure } from '../model/failure.ts';
import { errorCode } from './failures.ts';

/** Certificates, by the code of OpenSSL or Node: what is wrong with one, and what to do. */
const CERTIFICATES: readonly (readonly [code: RegExp, wrong: string, hint: string])[] = [
  [/^CERT_HAS_EXPIRED$/, 'has expired', 'the broker needs a new one; --insecure accepts any certificate'],
  [/^CERT_NOT_YET_VALID$/, 'is not valid yet', 'compare the clocks of both machines'],
  [/^DEPTH_ZERO_SELF_SIGNED_CERT$/, 'is signed by itself and not trusted', '--cacert PATH trusts it; --insecure accepts any certificate'],
  [
    /^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_UNTRUSTED$|CERT_SIGNATURE_FAILURE$)/,
    'is from an authority that is not trusted',
    '--cacert PATH trusts an authority; --insecure accepts any certificate',
  ],
  [/^CERT_/, 'is not accepted', '--cacert PATH trusts an authority; --insecure accepts any certificate'],
];

/** Characters; some certificates carry a hundred names. */
const MOST_NAMES = 200;

function nameFailure(error: unknown, target: string): Failure {
  const { subjectaltname, subject } = (error as { cert?: { subjectaltname?: string; subject?: { CN?: string } } }).cert ?? {};
  const all = subjectaltname ?? subject?.CN;
  const names = all === undefined ? '' : `: ${all.length > MOST_NAMES ? `${all.slice(0, MOST_NAMES)} …` : all}`;
  return new Failure('unavailable', `the certificate of ${target} is for another name${names}`, {
    hint: '--servername NAME expects a name that it does carry',
  });
}

/**
 * A failure out of an error of a TLS handshake.
 *
 * @param certificate whether the client showed a certificate
 */
export function tlsFailure(error: unknown, target: string, certificate: boolean): Failure {
  const code = errorCode(error) ?? '';
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return nameFailure(error, target);
  const wrong = CERTIFICATES.find(([pattern]) => pattern.test(code));
  if (wrong !== undefined) {
    return new Failure('unavailable', `the certificate of ${target} ${wrong[1]}`, { hint: wrong[2], cause: new Error(message) });
  }
  // OpenSSL's own line has this in the middle of thread ids and source files.
  const reason = /SSL routines:[^:]*:([^:]+)/.exec(message)?.[1] ?? message;
  if (/wrong version number|packet length too long|record layer failure/i.test(reason)) {
    return new Failure('unavailable', `${target} does not speak TLS`, { hint: 'plain AMQP is amqp://, usually on port 5672' });
  }
  const alert = /alert (.*)$/.exec(reason)?.[1];
  if (alert !== undefined && /certificate|unknown ca|handshake failure|access denied/.test(alert)) {
    return certificate
      ? new Failure('denied', `${target} does not accept the client certificate (${alert})`, {
          hint: "is it from an authority that the broker's cacertfile names?",
        })
      : new Failure('denied', `${target} wants a client certificate (${alert})`, { hint: '--cert PATH --key PATH show one' });
  }
  return new Failure('unavailable', `TLS with ${target} failed: ${reason}`, { transient: code === '' });
}
