import { Failure, type FailureDetail, type FailureKind } from '../../model/failure.ts';
import { option } from '../../model/option.ts';
import { formatDuration } from '../../model/quantity.ts';
import type { Address } from './address.ts';
import { brokerText, errorCode } from './broker-errors.ts';

/** Milliseconds for which attempts go on until the broker is up; undefined when nobody asked for that, 0 where it does not apply. */
type Wait = number | undefined;

/** One way in which a login fails, as amqplib words it. */
interface Ending {
  readonly pattern: RegExp;
  readonly kind: FailureKind;
  readonly says: (target: string, text: string) => string;
  readonly hint: (wait: Wait, tls: boolean) => string;
  readonly transient?: boolean;
  /** True when the words of amqplib or the broker add something. */
  readonly because?: boolean;
}

/** Advice that ends with what waiting would do. Who has waited is not told to wait. */
function orWait(advice: string, wait: Wait): string {
  if (wait === 0) return advice;
  return `${advice}${advice.endsWith('?') ? '' : ':'} ${wait === undefined ? `${option('wait', '60s')} keeps trying` : `it was tried for ${formatDuration(wait)}`}`;
}

const tlsHint = (wait: Wait, tls: boolean): string =>
  orWait(`${tls ? 'is that the TLS port? It' : 'a TLS port needs amqps://, and'} is usually 5671; a broker that is starting does this too`, wait);

const ENDINGS: readonly Ending[] = [
  {
    pattern: /Handshake terminated by server: 403/,
    kind: 'denied',
    says: (target) => `${target} refused the user name or password`,
    hint: () => "check both; the user guest may log in only from the broker's own machine",
    because: true,
  },
  {
    pattern: /Handshake terminated by server/,
    kind: 'denied',
    says: (target) => `${target} ended the login`,
    hint: () => "the broker's log says more",
    because: true,
  },
  {
    pattern: /SASL mechanism \S+ is not provided/,
    kind: 'denied',
    says: (target, text) => `${target} does not offer the login mechanism ${/mechanism (\S+)/.exec(text)?.[1]}`,
    hint: () => 'EXTERNAL needs TLS, a client certificate, and the plugin rabbitmq_auth_mechanism_ssl on the broker',
  },
  {
    pattern: /^(Maximum call stack|The value of|Attempt to access|Unexpected type tag)/,
    kind: 'unavailable',
    says: (target) => `${target} does not speak AMQP 0-9-1 properly: what it sent during the login cannot be decoded`,
    hint: () => 'is that the AMQP port of a RabbitMQ broker?',
  },
  {
    pattern: /exceeds maxFrameSize|Invalid frame|Unknown frame type|Expected ConnectionStart/,
    kind: 'unavailable',
    says: (target) => `${target} does not speak AMQP 0-9-1`,
    hint: () => 'is that the AMQP port? 5672 is usual, 15672 is the management page',
  },
  {
    pattern: /Socket closed abruptly during opening handshake/,
    kind: 'unavailable',
    says: (target) => `${target} closed the connection before the login was done`,
    hint: tlsHint,
    transient: true,
  },
];

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing is listening there',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
  ECONNRESET: 'the connection was reset before the login was done',
  ECONNABORTED: 'the connection was given up before the login was done',
  EPIPE: 'the connection was closed before the login was done',
  ETIMEDOUT: 'it did not answer in time',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
};

const NETWORK_HINTS: Readonly<Record<string, (wait: Wait, tls: boolean) => string>> = {
  ECONNREFUSED: (wait) => orWait('is the broker running?', wait),
  ENOTFOUND: () => 'check the spelling of the host',
  ECONNRESET: tlsHint,
};

/**
 * A failure out of an error while a connection was being opened.
 *
 * @param certificate whether the client showed a certificate
 */
export function handshakeFailure(error: unknown, address: Address, wait?: number, certificate = false): Failure {
  if (error instanceof Failure) return error;
  const { text: target, tls, mechanism } = address;
  const cause = mostTelling(error);
  const message = cause instanceof Error ? cause.message : String(cause);
  const ending = ENDINGS.find(({ pattern }) => pattern.test(message));
  if (ending !== undefined) {
    const because = ending.because === true && { cause: new Error(`the broker says: ${brokerText(message)}`) };
    if (mechanism === 'external' && message.includes(' 403 ')) return certificateRefused(target, because || {});
    return new Failure(ending.kind, ending.says(target, message), { hint: ending.hint(wait, tls), transient: ending.transient ?? false, ...because });
  }
  const code = errorCode(cause) ?? '';
  const reason = NETWORK[code];
  if (reason !== undefined) {
    const hint = NETWORK_HINTS[code]?.(wait, tls);
    return new Failure('unavailable', `${target}: ${reason}`, { cause: error, transient: true, ...(hint !== undefined && { hint }) });
  }
  return tls ? tlsFailure(cause, target, certificate) : new Failure('unavailable', `${target}: ${message}`, { cause: error, transient: true });
}

/** A name can stand for several addresses: that the machine has no IPv6 tells less than what happened on IPv4. */
function mostTelling(error: unknown): unknown {
  if (!(error instanceof AggregateError)) return error;
  return error.errors.find((one) => !/^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL|EAFNOSUPPORT)$/.test(errorCode(one) ?? '')) ?? error.errors[0] ?? error;
}

function certificateRefused(target: string, detail: FailureDetail): Failure {
  return new Failure('denied', `${target} does not let the owner of the client certificate in`, {
    hint: "the user is named by the certificate, as the broker's ssl_cert_login_from says, and must exist there",
    ...detail,
  });
}

/** An address that let `timeout` milliseconds pass without letting the client in. */
export function timeoutFailure({ text }: Address, timeout: number): Failure {
  return new Failure('unavailable', `${text} did not let us in within ${formatDuration(timeout)}`, {
    hint: `check host and port; ${option('connectTimeout')} gives it longer`,
    transient: true,
  });
}

/** Why the broker closed a connection that had logged in and asked for its vhost; `reply` is what it says to the same wish again. */
export function vhostFailure({ text: target, vhost }: Address, reply: { readonly code: number; readonly text: string } | undefined, wait?: number): Failure {
  if (reply === undefined) {
    return new Failure('denied', `${target} does not let this user into the vhost "${vhost}"`, {
      hint: 'the vhost does not exist, the user has no permission for it, or a connection limit is reached; in a URL the vhost / is written %2F',
    });
  }
  const { code } = reply;
  if (code === 200) {
    return new Failure('later', `${target} refused the vhost "${vhost}" a moment ago, but no longer does`, {
      hint: orWait('try again', wait),
      transient: true,
    });
  }
  const says = brokerText(reply.text);
  const detail = { code, cause: new Error(`the broker says: ${says}`) };
  if (/limit/.test(says)) {
    return new Failure('later', `${target}: a connection limit is reached`, {
      ...detail,
      hint: orWait('close other connections, or try again later', wait),
      transient: true,
    });
  }
  if (/is down|not running|INTERNAL/.test(reply.text)) {
    return new Failure('unavailable', `${target}: the vhost "${vhost}" is not running`, {
      ...detail,
      hint: orWait('the broker may restart it', wait),
      transient: true,
    });
  }
  if (/not found/.test(says)) {
    return new Failure('denied', `${target}: there is no vhost "${vhost}"`, {
      ...detail,
      hint: 'vhosts are case-sensitive; in a URL the vhost / is written %2F',
    });
  }
  return new Failure('denied', `${target} does not let this user into the vhost "${vhost}"`, {
    ...detail,
    hint: 'rabbitmqctl set_permissions gives a user access to a vhost',
  });
}

const trustHint = (): string => `${option('cacert', 'PATH')} trusts an authority; ${option('insecure')} accepts any certificate`;

/** Certificates, by the code of OpenSSL or Node: what is wrong with one, and what to do. */
const CERTIFICATES: readonly (readonly [code: RegExp, wrong: string, hint: () => string])[] = [
  [/^CERT_HAS_EXPIRED$/, 'has expired', () => `the broker needs a new one; ${option('insecure')} accepts any certificate`],
  [/^CERT_NOT_YET_VALID$/, 'is not valid yet', () => 'compare the clocks of both machines'],
  [
    /^DEPTH_ZERO_SELF_SIGNED_CERT$/,
    'is signed by itself and not trusted',
    () => `${option('cacert', 'PATH')} trusts it; ${option('insecure')} accepts any certificate`,
  ],
  [/^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|CERT_UNTRUSTED$|CERT_SIGNATURE_FAILURE$)/, 'is from an authority that is not trusted', trustHint],
  [/^CERT_/, 'is not accepted', trustHint],
];

/** Characters of names shown; some certificates carry a hundred names. */
const MOST_NAMES = 200;

function nameFailure(error: unknown, target: string): Failure {
  const { subjectaltname, subject } = (error as { cert?: { subjectaltname?: string; subject?: { CN?: string } } }).cert ?? {};
  const all = subjectaltname ?? subject?.CN;
  const names = all === undefined ? '' : `: ${all.length > MOST_NAMES ? `${all.slice(0, MOST_NAMES)} …` : all}`;
  return new Failure('unavailable', `the certificate of ${target} is for another name${names}`, {
    hint: `${option('servername', 'NAME')} expects a name that it does carry`,
  });
}

/**
 * A failure out of an error of a TLS handshake.
 *
 * @param certificate whether the client showed a certificate
 */
function tlsFailure(error: unknown, target: string, certificate: boolean): Failure {
  const code = errorCode(error) ?? '';
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return nameFailure(error, target);
  const wrong = CERTIFICATES.find(([pattern]) => pattern.test(code));
  if (wrong !== undefined) {
    return new Failure('unavailable', `the certificate of ${target} ${wrong[1]}`, { hint: wrong[2](), cause: new Error(message) });
  }
  // OpenSSL puts its reason between thread ids and source files.
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
      : new Failure('denied', `${target} wants a client certificate (${alert})`, { hint: `${option('cert', 'PATH')} ${option('key', 'PATH')} give one` });
  }
  return new Failure('unavailable', `TLS with ${target} failed: ${reason}`, { transient: code === '' });
}
